"""Reading the catalogue through the Admin API: listings, one asset, tags, usage."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime

from aiohttp import web

from domicile.media.errors import AssetNotFound, BadRequest
from origin.api import analysis
from origin.api.answers import Json, detailed, instant, listed, page
from origin.api.call import admin, delivery_type_of, name_of, refuse, reply, resource_type_of
from origin.api.limits import quotas_of
from origin.api.params import Params
from origin.keys import Origin
from origin.records import AssetRecord, Filter, Tenant

MAX_RESULTS = 10
MAX_RESULTS_MAX = 500
"""More is cut to this, as Cloudinary does; `next_cursor` leads on."""
ALWAYS_SHOWN = frozenset({"asset_id", "public_id", "resource_type", "type"})
NOT_YET = "exif cinemagraph_analysis accessibility_analysis versions related".split()


async def ping(request: web.Request, path: Mapping[str, str]) -> web.Response:
    await admin(request, path)
    return reply({"status": "ok"})


async def config(request: web.Request, path: Mapping[str, str]) -> web.Response:
    _, tenant, params = await admin(request, path)
    answer: Json = {"cloud_name": tenant.cloud, "created_at": instant(tenant.created_at)}
    if params.flag("settings", default=False):
        answer["settings"] = {"folder_mode": "dynamic"}
    return reply(answer)


async def usage(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Counts of what is stored now; a date in the path is refused, because no history is kept."""
    origin, tenant, _ = await admin(request, path)
    if "date" in path:
        raise BadRequest("Usage of another day is not kept")
    count, size = origin.records.totals(tenant.cloud)
    quotas = quotas_of(origin.records.policy(tenant.cloud))
    return reply(
        {
            "plan": "Domicile",
            "last_updated": instant(origin.now())[:10],
            "objects": {"usage": count, **_limit(quotas.assets_max)},
            "storage": {"usage": size, **_limit(quotas.bytes_max)},
            "resources": count,
        }
    )


def _limit(quota: int) -> Json:
    return {"limit": quota} if quota else {}


async def resource_types(request: web.Request, path: Mapping[str, str]) -> web.Response:
    await admin(request, path)
    return reply({"resource_types": ["image"]})


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


async def resources_by_asset_ids(request: web.Request, path: Mapping[str, str]) -> web.Response:
    origin, tenant, params = await admin(request, path)
    rows = []
    for asset_id in dict.fromkeys(params.texts("asset_ids")):
        record = await origin.records.get_by_asset_id(tenant.cloud, asset_id)
        if record is not None:
            rows.append(_row(record, origin, tenant, params))
    return reply({"resources": rows})


async def resource(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """One asset by name, with `derived`: the renditions that edges have made."""
    origin, tenant, params = await admin(request, path)
    name = name_of(tenant, resource_type_of(path), delivery_type_of(path["type"]), path["public_id"])
    return await _detail(origin, tenant, params, await origin.records.get(name), name.public_id)


async def resource_by_asset_id(request: web.Request, path: Mapping[str, str]) -> web.Response:
    origin, tenant, params = await admin(request, path)
    record = await origin.records.get_by_asset_id(tenant.cloud, path["asset_id"])
    return await _detail(origin, tenant, params, record, path["asset_id"])


async def tags(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Tags in use, sorted."""
    origin, tenant, params = await admin(request, path)
    most = _max_results(params)
    found = origin.records.tags(
        tenant.cloud,
        resource_type_of(path),
        prefix=params.text("prefix"),
        after=_after(params),
        limit=most + 1,
    )
    shown = found[:most]
    answer: Json = {"tags": shown}
    if len(found) > most:
        answer["next_cursor"] = base64.urlsafe_b64encode(shown[-1].encode()).decode()
    return reply(answer)


async def _page(origin: Origin, tenant: Tenant, params: Params, where: Filter) -> web.Response:
    refuse(params, "moderations")
    most = MAX_RESULTS_MAX if where.public_ids else _max_results(params)
    found = await origin.records.list(
        tenant.cloud,
        where,
        start_at=_start_at(params),
        direction=_direction(params),
        max_results=most,
        cursor=params.text("next_cursor") or None,
    )
    answer = page(found, origin.address_of(tenant), **_shown(params))
    answer["resources"] = [_only(row, params) for row in answer["resources"]]
    return reply(answer)


def _row(record: AssetRecord, origin: Origin, tenant: Tenant, params: Params) -> Json:
    return _only(listed(record, origin.address_of(tenant), **_shown(params)), params)


def _shown(params: Params) -> dict[str, bool]:
    fields = set(params.texts("fields", split=True))
    return {
        "with_tags": params.flag("tags", default="tags" in fields),
        "with_context": params.flag("context", default="context" in fields),
    }


def _only(row: Json, params: Params) -> Json:
    fields = set(params.texts("fields", split=True))
    return {key: value for key, value in row.items() if key in fields | ALWAYS_SHOWN} if fields else row


async def _detail(
    origin: Origin, tenant: Tenant, params: Params, record: AssetRecord | None, asked: str
) -> web.Response:
    for name in NOT_YET:
        if params.flag(name, default=False):
            raise BadRequest(f"Parameter {name} is not supported yet")
    if record is None:
        raise AssetNotFound(f"Resource not found - {asked}")
    renditions = await origin.records.renditions(tenant.cloud, record.aid)
    with_coordinates = params.flag("coordinates", default=False)
    answer = detailed(record, renditions, origin.address_of(tenant), with_coordinates=with_coordinates)
    wanted = analysis.asked(params)
    found = await analysis.analysed(origin, record, wanted)
    return reply(answer | analysis.told(found, record.coordinates, wanted))


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


def _after(params: Params) -> str:
    try:
        return base64.urlsafe_b64decode(params.text("next_cursor").encode()).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as bad:
        raise BadRequest("Invalid value for parameter next_cursor") from bad
