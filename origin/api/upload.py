"""POST upload: who, what, decode once, seal, name; nothing is stored before all of it was found good.

read the form (limits) -> authenticate, or an unsigned preset -> parameters -> the file's bytes -> a permit to store here
-> decode in a sandboxed process -> fresh aid and key -> sealed original, durable -> name, journal entry and what is to be
done afterwards in one transaction -> Cloudinary's JSON
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from aiohttp import web

from domicile.media.access import read_access_control
from domicile.media.analysis import NOTHING, Analysis
from domicile.media.asset import AssetName
from domicile.media.coordinates import NOWHERE, Coordinates
from domicile.media.errors import BadRequest
from domicile.media.facts import SourceFacts
from domicile.media.policy import Activity
from domicile.media.raw import raw_extension, raw_facts
from origin.api import analysis, breakpoints, coordinates, eager, metadata_values, naming
from origin.api.admission import Admitted, admitted
from origin.api.answers import Address, found_by_stranger, stored, uploaded
from origin.api.call import count_fence, reply
from origin.api.chunked import gathered, part_of
from origin.api.delete_tokens import make_token
from origin.api.forms import Account, UploadForm, file_bytes, read_upload, remote_address, too_large
from origin.api.incoming import applied, read_incoming
from origin.api.kinds import RAW, check_raw, check_resource_type, kind_of
from origin.api.limits import quotas_of
from origin.api.moderation import first_moderation
from origin.api.notices import NO_AUDIENCE, Audience, Told, audience_of, told
from origin.api.params import Params, context_of, tags_of
from origin.keys import ORIGIN, REQUEST_ID, Origin
from origin.records import AssetRecord, Committed, Left, NewAsset
from origin.remote import fetch, file_name_at
from origin.renders import MadeNow, Order, Picture, make


async def upload(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """POST /v1_1/{cloud}/{resource_type}/upload, and /upload."""
    origin = request.app[ORIGIN]
    resource_type = path.get("resource_type", "image")
    with origin.budget.account() as account, ExitStack() as turn:
        form = await read_upload(request, origin.settings.upload, account)
        who = await admitted(request, origin, path["cloud"], form.params)
        turn.enter_context(origin.limits.upload(path["cloud"], quotas_of(origin.records.policy(path["cloud"]))))
        check_resource_type(resource_type)
        sent, file_name = await _sent(origin, who, form, account)
        if who.is_unsigned and len(sent) > origin.settings.upload.unsigned_bytes_max:
            raise too_large(origin.settings.upload.unsigned_bytes_max, len(sent))
        audience = await audience_of(origin.records, who.caller.tenant.cloud)
        part = part_of(request, len(sent))
        if part is not None:  # what the last chunk would be refused for, the first one is
            asked_for(origin, who, resource_type, form.file_name, request[REQUEST_ID], audience)
        async with gathered(origin, who, part, sent, account) as body:
            if body is None:
                return reply(_so_far(who.params, resource_type, len(sent)))
            asked = asked_for(origin, who, kind_of(resource_type, body), file_name, request[REQUEST_ID], audience)
            done, looked = await store(origin, asked, body)
    if asked.eager.is_async:
        origin.eager_left.set()
    answer = await _answer(origin, asked, done, looked)
    return reply(answer if part is None else {**answer, "done": True})


async def _sent(origin: Origin, who: Admitted, form: UploadForm, account: Account) -> tuple[bytes, str]:
    """What came with the form, or lies where it points, and what that is called."""
    elsewhere = remote_address(form)
    if elsewhere is None:
        return await asyncio.to_thread(file_bytes, form, origin.settings.upload), form.file_name
    fetched = await fetch(origin, who.caller.tenant.cloud, elsewhere, account.take)
    return fetched.body, file_name_at(fetched.address)


def _so_far(params: Params, resource_type: str, body_bytes: int) -> dict[str, object]:
    """The answer to a chunk that is not the last one."""
    named = {"public_id": params.text("public_id")} if "public_id" in params else {}
    return {"done": False, "bytes": body_bytes, "kind": "upload", "resource_type": resource_type, **named}


async def _answer(origin: Origin, asked: Asked, done: Committed, looked: Looked) -> dict[str, object]:
    who, caller, params = asked.who, asked.who.caller, asked.params
    count_fence(origin, done.fenced)
    address = _address(origin, who)
    if done.existing and not who.sees:
        return found_by_stranger(done.record, address)
    answer = uploaded(done, address, api_key="" if who.is_unsigned else caller.tenant.api_key)
    if done.existing:  # what is told is of the picture that is there
        found = await analysis.analysed(origin, done.record, analysis.asked(params))
    else:
        found = done.record.analysis
        answer |= asked.eager.answer(done.record, looked.made, address)
        if params.flag("return_delete_token", default=False):
            answer["delete_token"] = make_token(caller.tenant, done.record.aid, now=origin.now())
    answer |= breakpoints.told(looked.widths, done.record, address)
    return answer | analysis.told(found, done.record.coordinates, analysis.asked(params))


def _address(origin: Origin, who: Admitted) -> Address:
    return replace(origin.address_of(who.caller.tenant, who.caller.digest), signs_urls=who.sees)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One upload, but for its bytes."""

    who: Admitted
    kind: str
    """The resource type that it becomes."""
    file_name: str = field(repr=False)
    """As sent, without directories."""
    notice: Told
    incoming: Order | None
    eager: eager.Wish
    searches: tuple[breakpoints.Wanted, ...]

    @property
    def params(self) -> Params:
        return self.who.params


def asked_for(
    origin: Origin, who: Admitted, kind: str, file_name: str, request_id: str, audience: Audience = NO_AUDIENCE
) -> Asked:
    """All that is asked for, understood before anything is done. Raises BadRequest, BadTransformation, LimitExceeded."""
    params, now = who.params, origin.now()
    if kind == RAW:
        check_raw(params)
    limits = origin.settings.media.limits(origin.settings.upload)
    named = origin.records.named.all(who.caller.tenant.cloud)
    return Asked(
        who=who,
        kind=kind,
        file_name=file_name,
        notice=told(params, request_id=request_id, now=now, audience=audience),
        incoming=read_incoming(params, named, limits),
        eager=eager.read_wish(params, named, limits, request_id=request_id, now=now, audience=audience),
        searches=breakpoints.wanted(params, limits),
    )


async def store(origin: Origin, asked: Asked, body: bytes) -> tuple[Committed, Looked]:
    """Look at, seal and name one file. Raises what the caller did wrong, having stored nothing."""
    params, tenant = asked.params, asked.who.caller.tenant
    name = naming.name_for(tenant, params, asked.file_name, asked.kind)
    permit = origin.records.permit(tenant.cloud, Activity.STORE)
    schema = await metadata_values.schema_of(origin.records, tenant.cloud)
    metadata = metadata_values.first(metadata_values.given_in(params), schema)
    looked = await (_kept_as_it_is if asked.kind == RAW else _looked_at)(origin, asked, name, body)
    asset = NewAsset(
        name=name,
        facts=looked.facts,
        tags=tags_of(params),
        context=context_of(params),
        folder=naming.asset_folder(params),
        display_name=naming.display_name(params, asked.file_name),
        original_filename=naming.original_name(params, asked.file_name),
        coordinates=looked.coordinates,
        analysis=looked.analysis,
        metadata=metadata,
        moderation=first_moderation(params, now=origin.now()),
        unique_display_name=params.flag("unique_display_name", default=False),
        access_control=read_access_control(params.text("access_control")) if "access_control" in params else None,
        overwrite=params.flag("overwrite", default=True),
        created_at=origin.now(),
    )
    address = origin.address_of(tenant, asked.who.caller.digest)  # of notices, which are the owner's

    def leave(record: AssetRecord) -> Left:
        left = asked.eager.left(record, looked.made, address)
        word = asked.notice.of("upload", record, lambda record: stored(record, address))
        return Left(made=left.made, tasks=(*word, *left.tasks))

    draft = await origin.records.mint(tenant.cloud)
    try:
        await origin.records.put_original(draft, looked.body, permit)
        done = await origin.records.commit_upload(draft, asset, once=asked.who.caller.once, leave=leave)
    except BaseException:  # whatever it was: a draft that has become an asset is not discarded
        await origin.records.discard(draft)
        raise
    if done.overwritten:
        origin.pool.retire(tenant.cloud)
    origin.metrics.upload_bytes.add(len(looked.body))
    return done, looked


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What there is to know of a file before it is stored."""

    body: bytes = field(repr=False)
    """What is kept."""
    facts: SourceFacts
    coordinates: Coordinates = NOWHERE
    analysis: Analysis = NOTHING
    widths: breakpoints.Found = ()
    made: tuple[MadeNow, ...] = ()


async def _kept_as_it_is(_origin: Origin, asked: Asked, name: AssetName, body: bytes) -> Looked:
    """A raw file: nobody looks into it. What it is handed out as is what its public_id ends in, whatever it was called."""
    file_format = naming.extension_of(asked.params.text("filename_override") or asked.file_name)
    for one in {raw_extension(name.public_id) or file_format, file_format}:
        _check_format(asked.params, one)
    return Looked(body=body, facts=await asyncio.to_thread(raw_facts, body))


async def _looked_at(origin: Origin, asked: Asked, name: AssetName, body: bytes) -> Looked:
    """A picture, decoded once behind the walls."""
    params, cloud = asked.params, name.cloud
    origin.records.permit(cloud, Activity.TRANSFORM)  # decoding is transforming: it must be allowed here too
    limits = origin.settings.media.limits(origin.settings.upload)
    wishes = analysis.wishes_of(analysis.asked(params))
    accepts_pdf = origin.records.accepts_pdf(cloud)
    probed = await origin.pool.probe(
        body, limits, tenant=cloud, wishes=() if asked.incoming else wishes, pdf=accepts_pdf
    )
    _check_format(params, probed.done.source.format)
    if asked.incoming is not None:
        body = await applied(origin, _picture(asked, name, body, probed.done.source), asked.incoming)
        probed = await origin.pool.probe(body, limits, tenant=cloud, wishes=wishes, pdf=False)
    facts = probed.done.source
    boxes = coordinates.first(params, facts)
    picture = replace(_picture(asked, name, body, facts), coordinates=boxes)
    return Looked(
        body=body,
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
