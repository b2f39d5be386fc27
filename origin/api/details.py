"""Looking at one asset through the Admin API: by name or id, with its renditions, versions and relations, and an analysis."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiohttp import web

from domicile.media.asset import NameHash
from domicile.media.errors import AssetNotFound, BadRequest
from origin.api import analysis
from origin.api.answers import Json, detailed
from origin.api.backups import placeholder, versions_of
from origin.api.call import admin, delivery_type_of, name_of, reply, resource_type_of
from origin.api.listing import MAX_RESULTS_MAX
from origin.api.params import Params
from origin.api.related import related_page
from origin.api.routes import RESOURCES, TYPES, Route
from origin.keys import Origin
from origin.records import NO_KEY, AssetRecord, Backup, Tenant

DERIVED = 10
"""Renditions that are told without `max_results`, as Cloudinary does; `derived_next_cursor` leads on."""
NOT_YET = ("cinemagraph_analysis", "accessibility_analysis")
_KEY = re.compile(r"[0-9a-f]{32}")


async def resource(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """One asset by name, with `derived`: the renditions that edges have made."""
    origin, tenant, params = await admin(request, path)
    name = name_of(tenant, resource_type_of(path), delivery_type_of(path["type"]), path["public_id"])
    record = await origin.records.get(name)
    backups = await origin.records.backups.of_name(name) if _wants_backups(params, record) else ()
    return await _told(origin, tenant, params, record, backups, asked=name.public_id)


async def resource_by_asset_id(request: web.Request, path: Mapping[str, str]) -> web.Response:
    origin, tenant, params = await admin(request, path)
    record = await origin.records.get_by_asset_id(tenant.cloud, path["asset_id"])
    wants = _wants_backups(params, record)
    backups = await origin.records.backups.of_asset(tenant.cloud, path["asset_id"]) if wants else ()
    return await _told(origin, tenant, params, record, backups, asked=path["asset_id"])


def _wants_backups(params: Params, record: AssetRecord | None) -> bool:
    return record is None or params.flag("versions", default=False)


async def _told(
    origin: Origin,
    tenant: Tenant,
    params: Params,
    record: AssetRecord | None,
    backups: tuple[Backup, ...],
    *,
    asked: str,
) -> web.Response:
    for name in NOT_YET:
        if params.flag(name, default=False):
            raise BadRequest(f"Parameter {name} is not supported yet")
    with_versions = params.flag("versions", default=False)
    if record is None:
        if not backups:
            raise AssetNotFound(f"Resource not found - {asked}")
        return reply(placeholder(backups, origin, tenant, with_versions=with_versions))
    answer = await _with_derived(origin, tenant, params, record)
    if with_versions:
        answer["versions"] = versions_of(record, backups)
    if params.flag("related", default=False):
        answer |= await related_page(origin, tenant, record, params)
    wanted = analysis.asked(params)
    found = await analysis.analysed(origin, record, wanted)
    return reply(answer | analysis.told(found, record.coordinates, wanted))


async def _with_derived(origin: Origin, tenant: Tenant, params: Params, record: AssetRecord) -> Json:
    most = min(params.number("max_results", DERIVED, at_least=1, at_most=10**9), MAX_RESULTS_MAX)
    after = params.text("derived_next_cursor")
    if after and _KEY.fullmatch(after) is None:
        raise BadRequest("Invalid value for parameter derived_next_cursor")
    found = await origin.records.renditions(
        tenant.cloud, record.aid, after=NameHash(after) if after else NO_KEY, limit=most + 1
    )
    shown = found[:most]
    answer = detailed(
        record, shown, origin.address_of(tenant), with_coordinates=params.flag("coordinates", default=False)
    )
    return answer | ({"derived_next_cursor": shown[-1].key} if len(found) > most else {})


ROUTES: tuple[Route, ...] = (
    Route("resource_by_asset_id", "GET", RESOURCES + "/{asset_id}", resource_by_asset_id),
    Route("resource", "GET", RESOURCES + "/{resource_type}/{type}/{public_id*}", resource, TYPES),
)
