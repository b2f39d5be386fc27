"""Changing and deleting through the Admin API."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web

from domicile.media.access import read_access_control
from domicile.media.errors import AssetNotFound, BadRequest
from origin.api import coordinates
from origin.api.answers import Json, asset, deleted, progress
from origin.api.call import (
    admin,
    count_fence,
    delivery_type_of,
    name_of,
    refuse,
    reply,
    resource_type_of,
    told_by_cloud,
)
from origin.api.manage import says_deleted
from origin.api.params import NO_SUCH, Params, context_of, tags_of
from origin.keys import Origin
from origin.records import AssetRecord, Filter, Left, PurgeTargets, RemovedMany, Tenant

MORE = "more"
"""`next_cursor` of a delete that is not finished: call again with the same selector."""
EVENTS = {
    "tags": "resource_tags_changed",
    "context": "resource_context_changed",
    "access_control": "access_control_changed",
}
"""Whatever of it an update names has changed for those who are told."""
UPDATABLE = frozenset({"tags", "context", "face_coordinates", "custom_coordinates", "access_control"})


async def update(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Replace tags, context, coordinates and access control of one asset; an empty text takes the last two away."""
    origin, tenant, params = await admin(request, path)
    for asked in params.names():
        if asked in params and asked in NO_SUCH:
            raise BadRequest(f"Illegal value for parameter {asked}: nothing of it is supported here")
        if asked in params and asked not in UPDATABLE:
            raise BadRequest(f"Parameter {asked[:64]} is not supported yet")
    name = name_of(tenant, resource_type_of(path), delivery_type_of(path["type"]), path["public_id"])
    tags = tags_of(params) if "tags" in params.values else None
    context = context_of(params) if "context" in params.values else None
    boxes = coordinates.coordinates_of(params, may_empty=True)
    rules = read_access_control(params.text("access_control") or "[]") if "access_control" in params.values else None

    def edit(record: AssetRecord) -> AssetRecord:
        return replace(
            record,
            tags=record.tags if tags is None else tags,
            context=record.context if context is None else context,
            coordinates=coordinates.changed(record.coordinates, boxes, record.facts),
            access_control=record.access_control if rules is None else rules,
        )

    who, address = await told_by_cloud(request, tenant.cloud), origin.address_of(tenant)
    kinds = [kind for parameter, kind in EVENTS.items() if parameter in params.values]

    def leave(record: AssetRecord) -> Left:
        return Left(
            tasks=tuple(task for kind in kinds for task in who.of(kind, record, lambda one: asset(one, address)))
        )

    try:
        record = (await origin.records.edit([name], edit, leave=leave)).record
    except AssetNotFound as missing:
        raise AssetNotFound(f"Resource not found - {name.public_id}") from missing
    return reply(asset(record, address))


async def delete_resources(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """By `public_ids[]`, by `prefix`, or `all=true`; keys, bytes and cached copies go before the answer."""
    origin, tenant, params = await admin(request, path)
    refuse(params, "notification_url", "batch_id")
    says = says_deleted(await told_by_cloud(request, tenant.cloud), "delete")
    resource_type, delivery_type = resource_type_of(path), delivery_type_of(path["type"])
    names = [name_of(tenant, resource_type, delivery_type, text) for text in params.texts("public_ids")]
    if params.flag("keep_original", default=False):
        return await _delete_derived(origin, tenant, params, PurgeTargets(names=tuple(names)))
    refuse(params, "transformations")
    if names:
        return _deleted(origin, tenant, await origin.records.destroy_many(tenant.cloud, names=names, says=says))
    prefix = params.text("prefix")
    if not prefix and not params.flag("all", default=False):
        raise BadRequest("Missing required parameter - public_ids, prefix or all")
    where = Filter(resource_type=resource_type, delivery_type=delivery_type, prefix=prefix or None)
    return _deleted(origin, tenant, await origin.records.destroy_many(tenant.cloud, where=where, says=says))


async def delete_by_tag(request: web.Request, path: Mapping[str, str]) -> web.Response:
    origin, tenant, params = await admin(request, path)
    refuse(params, "notification_url", "batch_id", "transformations", "keep_original")
    where = Filter(resource_type=resource_type_of(path), tag=path["tag"])
    says = says_deleted(await told_by_cloud(request, tenant.cloud), "delete")
    return _deleted(origin, tenant, await origin.records.destroy_many(tenant.cloud, where=where, says=says))


async def delete_by_asset_ids(request: web.Request, path: Mapping[str, str]) -> web.Response:
    origin, tenant, params = await admin(request, path)
    refuse(params, "notification_url", "batch_id", "transformations", "keep_original")
    asset_ids = params.texts("asset_ids")
    if not asset_ids:
        raise BadRequest("Missing required parameter - asset_ids")
    says = says_deleted(await told_by_cloud(request, tenant.cloud), "delete")
    many = await origin.records.destroy_many(tenant.cloud, asset_ids=asset_ids, says=says)
    return _deleted(origin, tenant, many, asked_by_id=asset_ids)


def _deleted(origin: Origin, tenant: Tenant, many: RemovedMany, asked_by_id: tuple[str, ...] = ()) -> web.Response:
    for removed in many.removed:
        count_fence(origin, removed.fenced)
    if many.removed:
        origin.pool.retire(tenant.cloud)
    return reply(deleted(many, asked_by_id=asked_by_id) | ({"next_cursor": MORE} if many.more else {}))


async def _delete_derived(origin: Origin, tenant: Tenant, params: Params, targets: PurgeTargets) -> web.Response:
    """Renditions live only in caches, so deleting them is purging; all of an asset's go, not only those named."""
    if not targets.names:
        raise BadRequest("Missing required parameter - public_ids")
    outcome = await origin.records.purge(tenant.cloud, targets, purge_id=secrets.token_hex(16), digest="")
    count_fence(origin, outcome.fenced)
    answer: Json = {
        "deleted": {name.public_id: "deleted" for name in targets.names},
        "partial": False,
        "domicile": progress(outcome.head, outcome.fenced),
    }
    return reply(answer)
