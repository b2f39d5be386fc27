"""The Upload API without a file: destroy, rename, explicit, tags, context."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from domicile.media.errors import AssetExists, AssetNotFound, BadRequest
from origin.answers import asset, changed, destroyed
from origin.call import (
    DELIVERY_TYPES,
    check_public_id,
    count_fence,
    delivery_type_of,
    name_of,
    refuse,
    reply,
    resource_type_of,
    signed,
)
from origin.keys import Origin
from origin.params import Params, check_upload, context_of, tags_of
from origin.records import AssetRecord, Filter, Tenant

EXCLUSIVE_ASSETS_MAX = 500
"""Assets that may lose a tag in one `set_exclusive`."""


async def destroy(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Delete one asset: the name is free, keys and bytes are gone, caches purged. `invalidate` is always on."""
    origin, tenant, params = await signed(request, path, once=True)
    refuse(params, "notification_url", "batch_id")
    name = name_of(tenant, resource_type_of(path), delivery_type_of(params.text("type")), params.required("public_id"))
    removed = await origin.records.destroy(name)
    if removed is not None:
        count_fence(origin, removed.fenced)
        origin.pool.retire(tenant.cloud)
    return reply(destroyed(removed))


async def rename(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Move an asset to another name, and perhaps another type. The old name serves nothing afterwards."""
    origin, tenant, params = await signed(request, path, once=True)
    refuse(params, "notification_url", "batch_id", "metadata")
    delivery_type = delivery_type_of(params.text("type"))
    to_type = delivery_type_of(params.text("to_type") or delivery_type, "to_type")
    old = name_of(tenant, resource_type_of(path), delivery_type, params.required("from_public_id"))
    new = check_public_id(params.required("to_public_id"), "to_public_id")
    try:
        done = await origin.records.rename(old, new, to_type=to_type, overwrite=params.flag("overwrite", default=False))
    except AssetNotFound as missing:
        raise AssetNotFound(f"Resource not found - {old.public_id}") from missing
    except AssetExists as taken:
        raise AssetExists(f"to_public_id {new} already exists") from taken
    count_fence(origin, done.fenced)
    if done.overwritten:
        origin.pool.retire(tenant.cloud)
    return reply(asset(done.record, origin.address_of(tenant)) | changed(done))


async def explicit(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Change an asset that is there: its type when `type` names another one, its tags, its context.

    Without `type` the asset is looked for in every type and keeps its own: nobody makes a private one public by chance.
    """
    origin, tenant, params = await signed(request, path)
    check_upload(Params({key: value for key, value in params.values.items() if key != "to_type"}))
    record = await _find(origin, tenant, params, resource_type_of(path))
    wanted = params.text("to_type") or params.text("type") or record.name.delivery_type
    extra = {}
    if delivery_type_of(wanted) != record.name.delivery_type:
        done = await origin.records.retype(record.name, wanted)
        count_fence(origin, done.fenced)
        record, extra = done.record, changed(done)
    if "tags" in params or "context" in params:
        record = await origin.records.update(
            record.name,
            tags=tags_of(params) if "tags" in params else None,
            context=context_of(params) if "context" in params else None,
        )
    return reply(asset(record, origin.address_of(tenant)) | extra)


async def _find(origin: Origin, tenant: Tenant, params: Params, resource_type: str) -> AssetRecord:
    public_id = params.required("public_id")
    asked = params.text("type")
    first = delivery_type_of(asked)
    for delivery_type in (first, *sorted(DELIVERY_TYPES - {first}, reverse=True)):
        record = await origin.records.get(name_of(tenant, resource_type, delivery_type, public_id))
        if record is not None:
            return record
    raise AssetNotFound(f"Resource not found - {public_id}")


async def tags(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """add, remove, replace, remove_all, set_exclusive; answers the public_ids that exist."""
    origin, tenant, params = await signed(request, path, notification_unsigned=True)
    refuse(params, "notification_url", "batch_id")
    command = params.required("command")
    if command not in {"add", "remove", "replace", "remove_all", "set_exclusive"}:
        raise BadRequest("Invalid value for parameter command")
    given = tags_of(params, "tag")
    if not given and command != "remove_all":
        raise BadRequest("Missing required parameter - tag")
    records = await _records(origin, tenant, params, resource_type_of(path))
    if command == "set_exclusive":
        await _take_away(origin, tenant, given, {record.asset_id for record in records})
    for record in records:
        new = _retag(command, record.tags, given)
        if new != record.tags:
            await origin.records.update(record.name, tags=new)
    return reply({"public_ids": [record.name.public_id for record in records]})


def _retag(command: str, old: tuple[str, ...], given: tuple[str, ...]) -> tuple[str, ...]:
    match command:
        case "remove":
            return tuple(tag for tag in old if tag not in given)
        case "remove_all":
            return ()
        case "replace":
            return given
        case _:
            return tuple(dict.fromkeys((*old, *given)))


async def _take_away(origin: Origin, tenant: Tenant, given: tuple[str, ...], keep: set[str]) -> None:
    for tag in given:
        found = await origin.records.list(tenant.cloud, Filter(tag=tag), max_results=EXCLUSIVE_ASSETS_MAX)
        if found.next_cursor is not None:
            raise BadRequest(f"More than {EXCLUSIVE_ASSETS_MAX} assets carry the tag: remove it from them first")
        for record in found.records:
            if record.asset_id not in keep:
                await origin.records.update(record.name, tags=tuple(item for item in record.tags if item != tag))


async def context(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """add, remove_all; answers the public_ids that exist."""
    origin, tenant, params = await signed(request, path, notification_unsigned=True)
    refuse(params, "notification_url", "batch_id")
    command = params.required("command")
    if command not in {"add", "remove_all"}:
        raise BadRequest("Invalid value for parameter command")
    given = context_of(params)
    if not given and command == "add":
        raise BadRequest("Missing required parameter - context")
    records = await _records(origin, tenant, params, resource_type_of(path))
    for record in records:
        await origin.records.update(record.name, context={**record.context, **given} if command == "add" else {})
    return reply({"public_ids": [record.name.public_id for record in records]})


async def _records(origin: Origin, tenant: Tenant, params: Params, resource_type: str) -> list[AssetRecord]:
    public_ids = params.texts("public_ids")
    if not public_ids:
        raise BadRequest("Missing required parameter - public_ids")
    delivery_type = delivery_type_of(params.text("type"))
    found = [
        await origin.records.get(name_of(tenant, resource_type, delivery_type, public_id))
        for public_id in dict.fromkeys(public_ids)
    ]
    return [record for record in found if record is not None]
