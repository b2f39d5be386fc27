"""Assets that belong together, as their owner says: each of two related assets tells of the other.

    POST | DELETE resources/related_assets/{resource_type}/{type}/{public_id}   assets_to_relate[] | assets_to_unrelate[]
    POST | DELETE resources/related_assets/{asset_id}                           the same, by asset ids

Told with `related=true` when one is looked at. Of an asset that is no more nothing is told. Source: the SDK's calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from aiohttp import web

from domicile.media.asset import AssetId
from domicile.media.errors import AssetNotFound, BadRequest, LimitExceeded
from origin.api.answers import Json, listed
from origin.api.call import DELIVERY_TYPES, RESOURCE_TYPES, admin, delivery_type_of, name_of, reply, resource_type_of
from origin.api.params import Params
from origin.api.routes import RESOURCES, TYPES, Route
from origin.keys import Origin
from origin.records import AssetRecord, Edit, Tenant

ASSETS_MAX = 10
"""That one call may relate, as Cloudinary has it."""
RELATED_MAX = 500
"""Of one asset."""
PAGE = 100
"""Told at once; `related_next_cursor` leads on."""


async def by_name(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """The others as `resource_type/type/public_id`."""
    origin, tenant, params = await admin(request, path)
    name = name_of(tenant, resource_type_of(path), delivery_type_of(path["type"]), path["public_id"])
    record = await origin.records.get(name)
    if record is None:
        raise AssetNotFound(f"Resource not found - {name.public_id}")
    others = {text: await _named(origin, tenant, text) for text in _asked(request, params)}
    return await _change(request, origin, tenant, record, others)


async def by_asset_id(request: web.Request, path: Mapping[str, str]) -> web.Response:
    origin, tenant, params = await admin(request, path)
    record = await origin.records.get_by_asset_id(tenant.cloud, path["asset_id"])
    if record is None:
        raise AssetNotFound(f"Resource not found - {path['asset_id']}")
    asked = _asked(request, params)
    others = {text: await origin.records.get_by_asset_id(tenant.cloud, text) for text in asked}
    return await _change(request, origin, tenant, record, others)


async def related_page(origin: Origin, tenant: Tenant, record: AssetRecord, params: Params) -> Json:
    """The fields of a look-up."""
    tenant.scope.require_everywhere()
    start = params.number("related_next_cursor", 0, at_least=0, at_most=RELATED_MAX)
    ids = record.related[start : start + PAGE]
    rows = [listed(one, origin.address_of(tenant)) for one in await origin.records.get_by_asset_ids(tenant.cloud, ids)]
    has_more = len(record.related) > start + PAGE
    return {"related_assets": rows, **({"related_next_cursor": str(start + PAGE)} if has_more else {})}


def _asked(request: web.Request, params: Params) -> tuple[str, ...]:
    name = "assets_to_unrelate" if request.method == "DELETE" else "assets_to_relate"
    asked = tuple(dict.fromkeys(params.texts(name)))
    if not asked:
        raise BadRequest(f"Missing required parameter - {name}")
    if len(asked) > ASSETS_MAX:
        raise BadRequest(f"Too many values for parameter {name}: at most {ASSETS_MAX}")
    return asked


async def _named(origin: Origin, tenant: Tenant, text: str) -> AssetRecord | None:
    resource_type, _, rest = text.partition("/")
    delivery_type, _, public_id = rest.partition("/")
    if resource_type not in RESOURCE_TYPES or delivery_type not in DELIVERY_TYPES or not public_id:
        raise BadRequest("An asset is written as resource_type/type/public_id")
    return await origin.records.get(name_of(tenant, resource_type, delivery_type, public_id))


async def _change(
    request: web.Request,
    origin: Origin,
    tenant: Tenant,
    record: AssetRecord,
    others: Mapping[str, AssetRecord | None],
) -> web.Response:
    adds = request.method != "DELETE"
    success, failed = list[Json](), list[Json]()
    for text, other in others.items():
        try:
            if other is None:
                raise AssetNotFound("not found")
            if other.asset_id == record.asset_id:
                raise BadRequest("an asset is not related to itself")
            await _edit(origin, other, _with([record.asset_id], adds=adds))
            await _edit(origin, record, _with([other.asset_id], adds=adds))
        except AssetNotFound:
            failed.append({"asset": text, "message": "resource does not exist", "code": "failed_ids", "status": 404})
        except (BadRequest, LimitExceeded) as refused:
            failed.append({"asset": text, "message": refused.message, "code": "failed_ids", "status": 400})
        else:
            success.append({"asset": text, "message": "success", "code": "success_ids", "status": 200})
    return reply({"success": success, "failed": failed})


async def _edit(origin: Origin, record: AssetRecord, edit: Edit) -> None:
    """Edges are not waited for: nothing that they serve is made of this."""

    def same(now: AssetRecord) -> AssetRecord:
        if now.asset_id != record.asset_id:
            raise AssetNotFound("it has another name now")
        return edit(now)

    await origin.records.edit([record.name], same, waits=False)


def _with(ids: Sequence[AssetId], *, adds: bool) -> Edit:
    def edit(record: AssetRecord) -> AssetRecord:
        if not adds:
            return replace(record, related=tuple(one for one in record.related if one not in ids))
        related = tuple(dict.fromkeys((*record.related, *ids)))
        if len(related) > RELATED_MAX:
            raise LimitExceeded(f"Too many related assets: at most {RELATED_MAX}")
        return replace(record, related=related)

    return edit


_NAMED, _BY_ID = (
    RESOURCES + "/related_assets/{resource_type}/{type}/{public_id*}",
    RESOURCES + "/related_assets/{asset_id}",
)
ROUTES: tuple[Route, ...] = (
    Route("related_assets", "POST", _NAMED, by_name, TYPES),
    Route("related_assets", "POST", _BY_ID, by_asset_id),
    Route("related_assets", "DELETE", _NAMED, by_name, TYPES),
    Route("related_assets", "DELETE", _BY_ID, by_asset_id),
)
