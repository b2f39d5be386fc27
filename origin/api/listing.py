"""Listing assets through the Admin API: by type, prefix, name, tag, context, moderation, folder, id; and the tags in use."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from aiohttp import web

from domicile.media.errors import BadRequest
from origin.api.answers import Json, listed, page
from origin.api.call import admin, delivery_type_of, reply, resource_type_of
from origin.api.cursors import cursor_behind, word_of
from origin.api.moderation import STATUSES
from origin.api.params import Params
from origin.api.routes import CLOUD, RESOURCES, TYPES, Route
from origin.keys import Origin
from origin.records import AssetRecord, Filter, Tenant

MAX_RESULTS = 10
MAX_RESULTS_MAX = 500
"""More is cut to this, as Cloudinary does; `next_cursor` leads on."""
ALWAYS_SHOWN = frozenset({"asset_id", "public_id", "resource_type", "type"})
TOLD = ("tags", "context", "metadata", "moderations")
"""Parameters by which a row tells more."""


def _limit(quota: int) -> Json:
    return {"limit": quota} if quota else {}


async def resource_types(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Those of which there are assets."""
    origin, tenant, _ = await admin(request, path)
    return reply({"resource_types": list(await origin.records.resource_types(tenant.cloud))})


async def resources(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Every asset of a resource type, perhaps of one delivery type, prefix, or list of public_ids."""
    origin, tenant, params = await admin(request, path)
    delivery_type = delivery_type_of(path["type"]) if "type" in path else None
    if delivery_type is None and ("prefix" in params or "public_ids" in params):
        delivery_type = delivery_type_of(params.text("type"))
    where = Filter(
        resource_type=resource_type_of(path),
        delivery_type=delivery_type,
        prefix=params.text("prefix") or None,
        public_ids=params.texts("public_ids") or None,
    )
    for named in where.public_ids or (where.prefix or "",):
        tenant.scope.require_name(named)
    return await _page(origin, tenant, params, where)


async def resources_by_tag(request: web.Request, path: Mapping[str, str]) -> web.Response:
    origin, tenant, params = await admin(request, path)
    return await _page(origin, tenant, params, Filter(resource_type=resource_type_of(path), tag=path["tag"]))


async def resources_by_context(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """That have the `key` in their context, with the `value` if one is given."""
    origin, tenant, params = await admin(request, path)
    pair = (params.required("key"), params.text("value") if "value" in params.values else None)
    return await _page(origin, tenant, params, Filter(resource_type=resource_type_of(path), context=pair))


async def resources_by_moderation(request: web.Request, path: Mapping[str, str]) -> web.Response:
    origin, tenant, params = await admin(request, path)
    if path["status"] not in STATUSES:
        raise BadRequest(f"Invalid moderation status: must be {', '.join(STATUSES)}")
    where = Filter(resource_type=resource_type_of(path), moderation=(path["kind"], path["status"]))
    return await _page(origin, tenant, params, where)


async def resources_by_asset_folder(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Right in that folder, of every resource type; the empty one is the root."""
    origin, tenant, params = await admin(request, path)
    if "asset_folder" not in params.values:
        raise BadRequest("Missing required parameter - asset_folder")
    return await _page(origin, tenant, params, Filter(in_folder=params.text("asset_folder").strip("/")))


async def resources_by_asset_ids(request: web.Request, path: Mapping[str, str]) -> web.Response:
    origin, tenant, params = await admin(request, path)
    asset_ids = tuple(dict.fromkeys(params.texts("asset_ids")))
    if not asset_ids:
        raise BadRequest("Missing required parameter - asset_ids")
    records = await origin.records.get_by_asset_ids(tenant.cloud, asset_ids)
    return reply({"resources": [_row(record, origin, tenant, params) for record in records]})


async def tags(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Tags in use, sorted."""
    origin, tenant, params = await admin(request, path)
    most = _max_results(params)
    found = await origin.records.tags(
        tenant.cloud,
        resource_type_of(path),
        prefix=params.text("prefix"),
        after=word_of(params.text("next_cursor")),
        limit=most + 1,
    )
    shown = found[:most]
    answer: Json = {"tags": shown}
    if len(found) > most:
        answer["next_cursor"] = cursor_behind(shown[-1])
    return reply(answer)


async def _page(origin: Origin, tenant: Tenant, params: Params, where: Filter) -> web.Response:
    most = MAX_RESULTS_MAX if where.public_ids else _max_results(params)
    found = await origin.records.list(
        tenant.cloud,
        where,
        start_at=_start_at(params),
        direction=_direction(params),
        max_results=most,
        cursor=params.text("next_cursor") or None,
    )
    answer = page(found, origin.address_of(tenant), _told(params))
    answer["resources"] = [_only(row, params) for row in answer["resources"]]
    return reply(answer)


def _row(record: AssetRecord, origin: Origin, tenant: Tenant, params: Params) -> Json:
    return _only(listed(record, origin.address_of(tenant), _told(params)), params)


def _told(params: Params) -> frozenset[str]:
    """What is asked for by a flag of its own, or among the fields."""
    fields = _fields(params)
    return frozenset(name for name in TOLD if params.flag(name, default=name in fields))


def _fields(params: Params) -> frozenset[str]:
    fields = frozenset(params.texts("fields", split=True))
    return fields | {"moderations"} if "moderation" in fields else fields


def _only(row: Json, params: Params) -> Json:
    fields = _fields(params)
    shown = fields | ALWAYS_SHOWN | ({"moderation"} if "moderations" in fields else set())
    return {key: value for key, value in row.items() if key in shown} if fields else row


def _max_results(params: Params) -> int:
    return min(params.number("max_results", MAX_RESULTS, at_least=1, at_most=10**9), MAX_RESULTS_MAX)


def _direction(params: Params) -> str:
    text = params.text("direction").lower()
    if text not in {"", "asc", "desc", "1", "-1"}:
        raise BadRequest("Invalid value for parameter direction")
    return "asc" if text in {"asc", "1"} else "desc"


def _start_at(params: Params) -> float | None:
    text = params.text("start_at")
    if not text:
        return None
    try:
        given = datetime.fromisoformat(text.strip().removesuffix("UTC").strip())
        return (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as bad:
        raise BadRequest("Invalid value for parameter start_at") from bad


ROUTES: tuple[Route, ...] = (
    Route("resource_types", "GET", RESOURCES, resource_types),
    Route("resources_by_asset_ids", "GET", RESOURCES + "/by_asset_ids", resources_by_asset_ids),
    Route("resources_by_asset_folder", "GET", RESOURCES + "/by_asset_folder", resources_by_asset_folder),
    Route("resources", "GET", RESOURCES + "/{resource_type}", resources, TYPES),
    Route("resources_by_context", "GET", RESOURCES + "/{resource_type}/context", resources_by_context, TYPES),
    Route("resources_by_tag", "GET", RESOURCES + "/{resource_type}/tags/{tag*}", resources_by_tag, TYPES),
    Route(
        "resources_by_moderation",
        "GET",
        RESOURCES + "/{resource_type}/moderations/{kind}/{status}",
        resources_by_moderation,
        TYPES,
    ),
    Route("resources", "GET", RESOURCES + "/{resource_type}/{type}", resources, TYPES),
    Route("tag_names", "GET", CLOUD + "/tags/{resource_type}", tags, TYPES),
)
