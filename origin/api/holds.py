"""Legal holds through the API: no version of what is held is erased, whoever asks, until the hold is lifted.

POST   holds          selector[public_id | asset_id | tag | prefix | url | subject | search]=…  placed_by=…  reason=…
GET    holds          those that stand, with who placed them and why
DELETE holds/{id}     what waited for it goes on
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from aiohttp import web

from domicile.media.errors import AssetNotFound
from origin.api.answers import Json
from origin.api.call import admin, reply
from origin.api.erasures import SELECTORS, targets_of
from origin.api.params import check_parameters
from origin.api.routes import CLOUD, Route
from origin.records.holds import Hold

USED = frozenset({"placed_by", "reason", *(f"selector[{name}]" for name in SELECTORS)})


async def place(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """The answer is signed, and its hash is in the audit log."""
    origin, tenant, params = await admin(request, path)
    check_parameters(params, USED)
    placed = await origin.records.place_hold(
        tenant.cloud,
        targets_of(params, origin, tenant.cloud),
        placed_by=params.required("placed_by"),
        reason=params.required("reason"),
        api_key=tenant.api_key,
    )
    return reply(placed.to_mapping())


async def listing(request: web.Request, path: Mapping[str, str]) -> web.Response:
    origin, tenant, _ = await admin(request, path)
    return reply({"holds": [_told(hold) for hold in await origin.records.holds(tenant.cloud)]})


async def lift(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """The answer is signed, and its hash is in the audit log."""
    origin, tenant, _ = await admin(request, path)
    try:
        lifted = await origin.records.lift_hold(tenant.cloud, path["id"])
    except AssetNotFound as missing:
        raise AssetNotFound("Resource not found - hold") from missing
    origin.pool.retire(tenant.cloud)
    return reply(lifted.to_mapping())


def _told(hold: Hold) -> Json:
    return {
        "hold_id": hold.id,
        "placed_at": f"{datetime.fromtimestamp(hold.placed_at, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "placed_by": hold.placed_by,
        "reason": hold.reason,
        "api_key": hold.api_key,
        "assets": hold.assets,
    }


ROUTES = (
    Route("holds", "POST", CLOUD + "/holds", place),
    Route("holds", "GET", CLOUD + "/holds", listing),
    Route("hold", "DELETE", CLOUD + "/holds/{id}", lift),
)
