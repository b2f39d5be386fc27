"""What there is to know of a file before it is stored: of a picture all that decoding it tells, of other files as good as nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from domicile.media.analysis import NOTHING, Analysis
from domicile.media.asset import AssetName
from domicile.media.coordinates import NOWHERE, Coordinates
from domicile.media.errors import BadRequest
from domicile.media.facts import SourceFacts
from domicile.media.policy import Activity
from domicile.media.raw import raw_extension, raw_facts
from origin.api import analysis, breakpoints, coordinates, kinds, naming
from origin.api.asked import Asked
from origin.api.budget import Account
from origin.api.films import facts_of_film
from origin.api.forms import too_large
from origin.api.incoming import applied
from origin.api.params import Params, context_of, tags_of
from origin.keys import Origin
from origin.records import Body, Hashed, Held, whole
from origin.renders import MadeNow, Picture, make


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What there is to know of a file before it is stored."""

    body: Body = field(repr=False)
    """What is kept."""
    facts: SourceFacts
    """Of a file that is too large to be read twice its MD5 is not among them: see `Hashed`."""
    coordinates: Coordinates = NOWHERE
    analysis: Analysis = NOTHING
    widths: breakpoints.Found = ()
    made: tuple[MadeNow, ...] = ()


async def look(origin: Origin, asked: Asked, name: AssetName, body: Body, account: Account) -> Looked:
    """As its kind asks for. Raises what is wrong with the file."""
    match asked.kind:
        case kinds.RAW:
            return _raw(asked, name, body)
        case kinds.VIDEO:
            return await _film(origin, asked, name, body)
        case _:
            return await _picture_of(origin, asked, name, body, account)


def _raw(asked: Asked, name: AssetName, body: Body) -> Looked:
    """A raw file: nobody looks into it. What it is handed out as is what its public_id ends in, whatever it was called."""
    file_format = naming.extension_of(asked.params.text("filename_override") or asked.file_name)
    for one in {raw_extension(name.public_id) or file_format, file_format}:
        _check_format(asked.params, one)
    return Looked(body=Hashed(body), facts=raw_facts(body.body_bytes))


async def _film(origin: Origin, asked: Asked, name: AssetName, body: Body) -> Looked:
    """A film or a sound: what its container says is read behind the walls, from as much of the file as that takes."""
    origin.records.permit(
        name.cloud, Activity.TRANSFORM
    )  # what a decoder process reads must be allowed to be here, too
    facts = await facts_of_film(origin.pool, body, tenant=name.cloud)
    _check_format(asked.params, facts.format)
    return Looked(body=Hashed(body), facts=facts)


async def _picture_of(origin: Origin, asked: Asked, name: AssetName, body: Body, account: Account) -> Looked:
    """A picture, decoded once behind the walls."""
    params, cloud = asked.params, name.cloud
    origin.records.permit(cloud, Activity.TRANSFORM)  # decoding is transforming: it must be allowed here too
    limits = origin.settings.media.limits(origin.settings.upload)
    if body.body_bytes > limits.source_bytes_max:
        raise too_large(limits.source_bytes_max, body.body_bytes)
    if not isinstance(body, Held):
        account.take(body.body_bytes)
    content = await whole(body)
    wishes = analysis.wishes_of(analysis.asked(params))
    accepts_pdf = origin.records.accepts_pdf(cloud)
    probed = await origin.pool.probe(
        content, limits, tenant=cloud, wishes=() if asked.incoming else wishes, pdf=accepts_pdf
    )
    if "format" not in params:  # else the question is what it becomes
        _check_format(params, probed.done.source.format)
    if asked.incoming is not None:
        content = await applied(origin, _picture(asked, name, content, probed.done.source), asked.incoming)
        probed = await origin.pool.probe(content, limits, tenant=cloud, wishes=wishes, pdf=False)
    facts = probed.done.source
    _check_format(params, facts.format)
    boxes = coordinates.first(params, facts)
    picture = replace(_picture(asked, name, content, facts), coordinates=boxes)
    return Looked(
        body=Held(content),
        facts=facts,
        coordinates=boxes,
        analysis=probed.done.analysis,
        widths=await breakpoints.measured(origin, picture, asked.searches),
        made=tuple([await make(origin, picture, order) for order in asked.eager.now]),
    )


def _picture(asked: Asked, name: AssetName, body: bytes, facts: SourceFacts) -> Picture:
    return Picture(name=name, body=body, facts=facts, tags=tags_of(asked.params), context=context_of(asked.params))


def _check_format(params: Params, name: str) -> None:
    allowed = {one.strip().lower().replace("jpeg", "jpg") for one in params.texts("allowed_formats", split=True)}
    if allowed and name not in allowed:
        raise BadRequest(f"Image file format {name} not allowed")
