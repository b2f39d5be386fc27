"""POST upload: who, what, decode once, seal, name; nothing is stored before all of it was found good.

read the form (limits) -> authenticate, or an unsigned preset -> parameters -> the file's bytes -> a permit to store here
-> decode in a sandboxed process -> fresh aid and key -> sealed original, durable -> name, journal entry and what is to be
done afterwards in one transaction -> Cloudinary's JSON
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import hdrs, web

from domicile.media.errors import BadRequest
from domicile.media.facts import SourceFacts
from domicile.media.policy import Activity
from origin import analysis, breakpoints, coordinates, metadata_values, naming
from origin.admission import Admitted, admitted
from origin.answers import stored, uploaded
from origin.call import count_fence, reply
from origin.delete_tokens import make_token
from origin.forms import file_bytes, read_upload, remote_address, too_large
from origin.keys import ORIGIN, REQUEST_ID, Origin
from origin.moderation import first_moderation
from origin.notices import Told, told
from origin.params import Params, context_of, tags_of
from origin.records import AssetRecord, Committed, Left, NewAsset
from origin.remote import fetch, file_name_at

_RANGE = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15}|-1)", re.ASCII)


async def upload(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """POST /v1_1/{cloud}/{resource_type}/upload, and /upload."""
    origin = request.app[ORIGIN]
    resource_type = path.get("resource_type", "image")
    with origin.budget.account() as account:
        form = await read_upload(request, origin.settings.upload, account)
        who = await admitted(request, origin, path["cloud"], form.params)
        if resource_type not in {"image", "auto"}:
            raise BadRequest(f"Resource type {resource_type} is not supported yet")
        elsewhere, file_name = remote_address(form), form.file_name
        if elsewhere is None:
            body = await asyncio.to_thread(file_bytes, form, origin.settings.upload)
            _check_whole(request, body)
        else:
            fetched = await fetch(origin, who.caller.tenant.cloud, elsewhere, account.take)
            body, file_name = fetched.body, file_name_at(fetched.address)
        if who.is_unsigned and len(body) > origin.settings.upload.unsigned_bytes_max:
            raise too_large(origin.settings.upload.unsigned_bytes_max, len(body))
        asked = Asked(
            who=who,
            file_name=file_name,
            notice=told(who.params, request_id=request[REQUEST_ID], now=origin.now()),
        )
        done, widths = await store(origin, asked, body)
    return reply(await _answer(origin, who, done, widths))


async def _answer(origin: Origin, who: Admitted, done: Committed, widths: breakpoints.Found) -> dict[str, object]:
    caller, params = who.caller, who.params
    count_fence(origin, done.fenced)
    address = origin.address_of(caller.tenant, caller.digest)
    answer = uploaded(done, address, api_key="" if who.is_unsigned else caller.tenant.api_key)
    if done.existing:  # what is told is of the picture that is there
        found = await analysis.analysed(origin, done.record, analysis.asked(params))
    else:
        found = done.record.analysis
        if params.flag("return_delete_token", default=False):
            answer["delete_token"] = make_token(caller.tenant, done.record.aid, now=origin.now())
    answer |= breakpoints.told(widths, done.record, address)
    return answer | analysis.told(found, done.record.coordinates, analysis.asked(params))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One upload, but for its bytes."""

    who: Admitted
    file_name: str = field(repr=False)
    """As sent, without directories."""
    notice: Told

    @property
    def params(self) -> Params:
        return self.who.params


async def store(origin: Origin, asked: Asked, body: bytes) -> tuple[Committed, breakpoints.Found]:
    """Decode, seal and name one file. Raises what the caller did wrong, having stored nothing."""
    params, tenant = asked.params, asked.who.caller.tenant
    name = naming.name_for(tenant, params, asked.file_name)
    permit = origin.records.permit(tenant.cloud, Activity.STORE)
    origin.records.permit(tenant.cloud, Activity.TRANSFORM)  # decoding is transforming: it must be allowed here too
    limits = origin.settings.media.limits(origin.settings.upload)
    searches = breakpoints.wanted(params, limits)
    fields = {each.external_id: each for each in await origin.records.metadata_fields.all(tenant.cloud)}
    metadata = metadata_values.first(metadata_values.given_in(params), fields)
    wishes = analysis.wishes_of(analysis.asked(params))
    accepts_pdf = origin.records.accepts_pdf(tenant.cloud)
    probed = await origin.pool.probe(body, limits, tenant=tenant.cloud, wishes=wishes, pdf=accepts_pdf)
    facts = probed.done.source
    _check_format(params, facts)
    asset = NewAsset(
        name=name,
        facts=facts,
        tags=tags_of(params),
        context=context_of(params),
        folder=naming.asset_folder(params),
        display_name=naming.display_name(params, asked.file_name),
        original_filename=naming.original_name(params, asked.file_name),
        coordinates=coordinates.first(params, facts),
        analysis=probed.done.analysis,
        metadata=metadata,
        moderation=first_moderation(params, now=origin.now()),
        unique_display_name=params.flag("unique_display_name", default=False),
        overwrite=params.flag("overwrite", default=True),
        created_at=origin.now(),
    )
    picture = breakpoints.Picture(name=name, body=body, facts=facts, coordinates=asset.coordinates)
    widths = await breakpoints.measured(origin, picture, searches)
    address = origin.address_of(tenant, asked.who.caller.digest)

    def leave(record: AssetRecord) -> Left:
        return Left(tasks=asked.notice.of("upload", record, lambda record: stored(record, address)))

    draft = await origin.records.mint(tenant.cloud)
    try:
        await origin.records.put_original(draft, body, permit)
        done = await origin.records.commit_upload(draft, asset, once=asked.who.caller.once, leave=leave)
    except BaseException:  # whatever it was: a draft that has become an asset is not discarded
        await origin.records.discard(draft)
        raise
    if done.overwritten:
        origin.pool.retire(tenant.cloud)
    origin.metrics.upload_bytes.add(len(body))
    return done, widths


def _check_format(params: Params, facts: SourceFacts) -> None:
    allowed = {name.strip().lower().replace("jpeg", "jpg") for name in params.texts("allowed_formats", split=True)}
    if allowed and facts.format not in allowed:
        raise BadRequest(f"Image file format {facts.format} not allowed")


def _check_whole(request: web.Request, body: bytes) -> None:
    text = request.headers.get(hdrs.CONTENT_RANGE)
    if text is not None:
        match = _RANGE.fullmatch(text)
        if match is None or int(match[1]) != 0 or match[3] != str(len(body)):
            raise BadRequest("Uploading in chunks is not supported yet: send the file in one piece")
