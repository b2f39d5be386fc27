"""The Upload API without a file: destroy, rename, explicit.

Every handler reads all of its parameters first and then asks for one change per asset, as a function of the asset as it
is when its turn comes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from aiohttp import web

from domicile.media.asset import AssetName
from domicile.media.errors import AssetExists, AssetNotFound, BadRequest
from origin import analysis, breakpoints, coordinates, metadata_values
from origin.answers import asset, changed, destroyed
from origin.call import (
    Call,
    check_public_id,
    count_fence,
    delivery_type_of,
    name_of,
    reply,
    resource_type_of,
    signed,
)
from origin.coordinates import coordinates_of
from origin.delete_tokens import read_token
from origin.forms import read_params
from origin.keys import ORIGIN, REQUEST_ID
from origin.moderation import first_moderation
from origin.naming import asset_folder, display_name
from origin.notices import PARAMETERS, told
from origin.originals import original_of
from origin.params import Params, check_parameters, context_of, tags_of
from origin.records import AssetRecord, Edit, Leave, Left

WIDTH = ("upload", "private", "authenticated")
"""Delivery types, the most public one first."""
DESTROY = frozenset({"public_id", "type"})
RENAME = PARAMETERS | {"from_public_id", "to_public_id", "type", "to_type", "overwrite", "context", "metadata"}
EXPLICIT = frozenset(
    {"public_id", "type", "tags", "context", "metadata", "asset_folder", "display_name", "moderation", "async"}
    | {*coordinates.FIELDS, *analysis.WISHES, breakpoints.NAME, *PARAMETERS}
)


async def destroy(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Delete one asset: the name is free, keys and bytes are gone, caches purged. `invalidate` is always on."""
    call = await signed(request, path)
    params, tenant = call.params, call.tenant
    check_parameters(params, DESTROY)
    name = name_of(tenant, resource_type_of(path), delivery_type_of(params.text("type")), params.required("public_id"))
    removed = await call.origin.records.destroy(name, once=call.once)
    if removed is not None:
        count_fence(call.origin, removed.fenced)
        call.origin.pool.retire(tenant.cloud)
    return reply(destroyed(removed))


async def rename(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Move an asset to another name, and perhaps another type. The old name serves nothing afterwards."""
    call = await signed(request, path)
    params = call.params
    check_parameters(params, RENAME)
    delivery_type = delivery_type_of(params.text("type"))
    to_type = delivery_type_of(params.text("to_type") or delivery_type, "to_type")
    old = name_of(call.tenant, resource_type_of(path), delivery_type, params.required("from_public_id"))
    new = check_public_id(params.required("to_public_id"), "to_public_id")
    overwrite = params.flag("overwrite", default=False)
    given = context_of(params)
    values = await metadata_edit(call)
    try:
        done = await call.origin.records.rename(
            old,
            new,
            to_type=to_type,
            overwrite=overwrite,
            once=call.once,
            edit=lambda record: values(replace(record, context={**record.context, **given})),
            leave=leaving("rename", call, request, from_public_id=old.public_id),
        )
    except AssetNotFound as missing:
        raise AssetNotFound(f"Resource not found - {old.public_id}") from missing
    except AssetExists as taken:
        raise AssetExists(f"to_public_id {new} already exists") from taken
    count_fence(call.origin, done.fenced)
    if done.overwritten:
        call.origin.pool.retire(call.tenant.cloud)
    return reply(asset(done.record, call.address) | changed(done))


async def explicit(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Change an asset that is there: its tags, its context, its coordinates, and its type when that makes it less public.

    `type` selects the asset. One that exists only in a more public type is moved to `type`; one that exists only in a
    less public type is not found: nothing is published but by `rename` with `to_type`. Without `type` the asset is
    looked for in every type and keeps its own.
    """
    call = await signed(request, path)
    params = call.params
    check_parameters(params, EXPLICIT)
    public_id = params.required("public_id")
    wanted = delivery_type_of(params.text("type")) if "type" in params else None
    names = [name_of(call.tenant, resource_type_of(path), kind, public_id) for kind in types_looked_in(wanted)]
    asked, change, values = (
        analysis.asked(params),
        explicit_edit(params, wanted, call.origin.now()),
        await metadata_edit(call),
    )
    breakpoints.wanted(
        params, call.origin.settings.media.limits(call.origin.settings.upload)
    )  # refused before a change
    try:
        looked_at = await _looked_at(call, names, asked)
        done = await call.origin.records.edit(
            names,
            lambda record: values(change(_with(record, looked_at))),
            once=call.once,
            leave=leaving("explicit", call, request),
        )
    except AssetNotFound as missing:
        raise AssetNotFound(f"Resource not found - {public_id}") from missing
    count_fence(call.origin, done.fenced)
    answer = asset(done.record, call.address) | changed(done)
    answer |= breakpoints.told(await _measured(call, done.record), done.record, call.address)
    return reply(answer | analysis.told(done.record.analysis, done.record.coordinates, asked))


async def _measured(call: Call, record: AssetRecord) -> breakpoints.Found:
    """Breakpoints of the asset as it is after the change, where they are asked for."""
    origin, limits = call.origin, call.origin.settings.media.limits(call.origin.settings.upload)
    searches = breakpoints.wanted(call.params, limits)
    if not searches:
        return ()
    async with original_of(origin, record) as body:
        picture = breakpoints.Picture(name=record.name, body=body, facts=record.facts, coordinates=record.coordinates)
        return await breakpoints.measured(origin, picture, searches)


async def _looked_at(call: Call, names: Sequence[AssetName], asked: tuple[str, ...]) -> AssetRecord | None:
    """The first of the assets that is there, looked at as far as was asked for; None when nothing was."""
    for name in names if asked else ():
        record = await call.origin.records.get(name)
        if record is not None:
            return replace(record, analysis=await analysis.analysed(call.origin, record, asked))
    return None


def _with(record: AssetRecord, told: AssetRecord | None) -> AssetRecord:
    """What was told of this very version is kept; of one that has replaced it meanwhile nothing is known."""
    if told is None or told.aid != record.aid:
        return record
    return replace(record, analysis=record.analysis.joined(told.analysis))


def types_looked_in(wanted: str | None) -> tuple[str, ...]:
    """Where `explicit` may find its asset, the likeliest first.

    >>> types_looked_in("private")
    ('private', 'upload')
    """
    return WIDTH if wanted is None else (wanted, *WIDTH[: WIDTH.index(wanted)])


def explicit_edit(params: Params, wanted: str | None, now: float) -> Edit:
    """All that `explicit` changes, parsed before anything is changed. Raises BadRequest."""
    tags = tags_of(params) if "tags" in params else None
    context = context_of(params) if "context" in params else None
    boxes = coordinates_of(params)
    folder = asset_folder(params) if "asset_folder" in params else None
    shown = display_name(params, "") if "display_name" in params else None
    moderation = first_moderation(params, now=now)

    def edit(record: AssetRecord) -> AssetRecord:
        return replace(
            record,
            name=replace(record.name, delivery_type=wanted or record.name.delivery_type),
            tags=record.tags if tags is None else tags,
            context=record.context if context is None else context,
            coordinates=coordinates.changed(record.coordinates, boxes, record.facts),
            folder=record.folder if folder is None else folder,
            display_name=record.display_name if shown is None else shown,
            moderation=moderation or record.moderation,
        )

    return edit


async def metadata_edit(call: Call) -> Edit:
    """What a call says of structured metadata, checked against the cloud's fields. Raises BadRequest."""
    given = metadata_values.given_in(call.params)
    if not given:
        return lambda record: record
    every = await call.origin.records.metadata_fields.all(call.tenant.cloud)
    fields = {field.external_id: field for field in every}
    metadata_values.changed({}, given, fields)  # refused before a change
    return lambda record: replace(record, metadata=metadata_values.changed(record.metadata, given, fields))


def leaving(kind: str, call: Call, request: web.Request, **more: str) -> Leave:
    """The notice that the call asks for; `more`: what its body says beside the asset. Raises BadRequest."""
    who = told(call.params, request_id=request[REQUEST_ID], now=call.origin.now())
    return lambda record: Left(tasks=who.of(kind, record, lambda record: {**asset(record, call.address), **more}))


async def delete_by_token(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Whoever has the token of an upload may take it back: it is the only proof that is asked for."""
    origin = request.app[ORIGIN]
    params = await read_params(request, origin.settings.upload)
    check_parameters(params, frozenset({"token"}))
    tenant = origin.records.tenant(path["cloud"])
    if tenant is None:
        raise BadRequest("Invalid delete token")
    aid = read_token(tenant, params.required("token"), now=origin.now())
    removed = await origin.records.destroy_version(tenant.cloud, aid)
    if removed is None:
        raise AssetNotFound("Resource not found")
    count_fence(origin, removed.fenced)
    origin.pool.retire(tenant.cloud)
    return reply(destroyed(removed))
