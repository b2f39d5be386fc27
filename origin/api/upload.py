"""POST upload: who, what, decode once, seal, name; nothing is stored before all of it was found good.

read the form (limits) -> authenticate, or an unsigned preset -> parameters -> the file's bytes -> a permit to store here
-> decode in a sandboxed process -> fresh aid and key -> sealed original, durable -> name, journal entry and what is to be
done afterwards in one transaction -> Cloudinary's JSON
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace

import msgspec
from aiohttp import web

from domicile.media.access import read_access_control
from domicile.media.policy import Activity
from origin.api import analysis, breakpoints, coordinates, metadata_values, naming
from origin.api.admission import Admitted, admitted
from origin.api.answers import Address, found_by_stranger, stored, uploaded
from origin.api.asked import Asked, asked_for
from origin.api.budget import Account
from origin.api.call import count_fence, reply
from origin.api.chunked import gathered, part_of
from origin.api.delete_tokens import make_token
from origin.api.forms import read_upload, too_large
from origin.api.kinds import SNIFF_BYTES, kind_of
from origin.api.limits import quotas_of
from origin.api.look import Looked, look
from origin.api.metadata_growth import grow
from origin.api.moderation import first_moderation
from origin.api.notices import audience_of
from origin.api.params import Params, context_of, tags_of
from origin.api.receiving import Receiver
from origin.api.subjects import subjects_of
from origin.keys import ORIGIN, REQUEST_ID, Origin
from origin.records import AssetRecord, Body, Committed, Hashed, Left, NewAsset, pieces_of, span_of


async def upload(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """POST /v1_1/{cloud}/{resource_type}/upload, and /upload."""
    origin = request.app[ORIGIN]
    resource_type = path.get("resource_type", "image")
    limits = origin.settings.upload
    with origin.budget.account() as account, ExitStack() as opened:
        receiver = Receiver(
            origin=origin,
            request=request,
            cloud=path["cloud"],
            resource_type=resource_type,
            account=account,
            opened=opened,
        )
        form = await read_upload(request, limits, receiver.take)
        who = await admitted(request, origin, path["cloud"], form.params)
        opened.enter_context(origin.limits.upload(path["cloud"], quotas_of(origin.records.policy(path["cloud"]))))
        sent, file_name = await receiver.file_of(form)
        bytes_max = limits.unsigned_bytes_max if who.is_unsigned else limits.file_bytes_max(resource_type)
        if sent.body_bytes > bytes_max:
            raise too_large(bytes_max, sent.body_bytes)
        audience = await audience_of(origin.records, who.caller.tenant.cloud)
        part = part_of(request, sent.body_bytes)
        if part is not None:  # what the last chunk would be refused for, the first one is
            asked_for(origin, who, resource_type, form.file_name, request[REQUEST_ID], audience)
        async with gathered(origin, who, part, sent, bytes_max) as body:
            if body is None:
                return reply(_so_far(who.params, resource_type, sent.body_bytes))
            kind = kind_of(resource_type, await span_of(body, 0, SNIFF_BYTES))
            asked = asked_for(origin, who, kind, file_name, request[REQUEST_ID], audience)
            done, looked = await store(origin, asked, body, account)
    if asked.eager.is_async:
        origin.eager_left.set()
    answer = await _answer(origin, asked, done, looked)
    return reply(answer if part is None else {**answer, "done": True})


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
    boxes = coordinates.inside(done.record.coordinates, done.record.facts)
    return answer | analysis.told(found, boxes, analysis.asked(params))


def _address(origin: Origin, who: Admitted) -> Address:
    return replace(origin.address_of(who.caller.tenant, who.caller.digest), signs_urls=who.sees)


async def store(origin: Origin, asked: Asked, body: Body, account: Account) -> tuple[Committed, Looked]:
    """Look at, seal and name one file. Raises what the caller did wrong, having stored nothing."""
    params, tenant = asked.params, asked.who.caller.tenant
    name = naming.name_for(tenant, params, asked.file_name, asked.kind)
    permit = origin.records.permit(tenant.cloud, Activity.STORE)
    given = metadata_values.given_in(params)
    if not asked.who.is_unsigned:
        await grow(origin.records, tenant.cloud, given)
    schema = await metadata_values.schema_of(origin.records, tenant.cloud)
    metadata = metadata_values.first(given, schema)
    looked = await look(origin, asked, name, body, account)
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
        subject_ids=subjects_of(params),
        backup=backup_wanted(origin, params, tenant.cloud),
        pieces=pieces_of(body),
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
        if isinstance(looked.body, Hashed):
            asset = replace(asset, facts=msgspec.structs.replace(asset.facts, md5=looked.body.md5))
        done = await origin.records.commit_upload(draft, asset, once=asked.who.caller.once, leave=leave)
    except BaseException:  # whatever it was: a draft that has become an asset is not discarded
        await origin.records.discard(draft)
        raise
    if done.overwritten:
        origin.pool.retire(tenant.cloud)
    origin.metrics.upload_bytes.add(looked.body.body_bytes)
    return done, looked


def backup_wanted(origin: Origin, params: Params, cloud: str) -> bool:
    """Is this version to be kept when it is deleted or replaced? Raises OutsideRegion where the call asks for what the
    policy denies.
    """
    policy = origin.records.policy(cloud)
    wanted = params.flag("backup", default=policy is not None and policy.backups.always)
    if wanted and "backup" in params:
        origin.records.permit(cloud, Activity.BACKUP)
    return wanted
