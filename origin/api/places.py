"""Where an asset is, was and may be: the placement ledger (docs/places.md).

GET places?asset_id=… | public_id=…      of a public_id perhaps with resource_type and type
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from domicile.media.errors import BadRequest
from origin.api.answers import Json, instant
from origin.api.call import admin, delivery_type_of, name_of, reply, resource_type_of
from origin.api.params import check_parameters
from origin.api.routes import CLOUD, Route
from origin.keys import Origin
from origin.records import Copy

USED = frozenset({"asset_id", "public_id", "resource_type", "type"})


async def places(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Every place that has, had or may have something of one asset, and how that is known."""
    origin, tenant, params = await admin(request, path)
    check_parameters(params, USED)
    asset_id, public_id = params.text("asset_id"), params.text("public_id")
    if bool(asset_id) == bool(public_id):
        raise BadRequest("Give either asset_id or public_id")
    if public_id:
        resource_type = resource_type_of({"resource_type": params.text("resource_type") or "image"})
        name = name_of(tenant, resource_type, delivery_type_of(params.text("type")), public_id)
        asset_id = await origin.records.places.find(name)
    copies = await origin.records.places.of_asset(tenant.cloud, asset_id, regions=_regions(origin, tenant.cloud))
    return reply({"asset_id": asset_id, "places": [_told(one) for one in copies]})


def _regions(origin: Origin, cloud: str) -> dict[str, str]:
    nodes = ((node, origin.nodes.find(node)) for node in origin.records.edges_of(cloud))
    return {node: known.region for node, known in nodes if known is not None}


def _told(copy: Copy) -> Json:
    said: Json = {
        "place": copy.place,
        "name": copy.name,
        "region": copy.region,
        "what": copy.what,
        "state": str(copy.state),
        "evidence": copy.evidence,
        "version_id": copy.version_id,
        "since": _instant(copy.since),
        "until": _instant(copy.until),
    }
    said |= {"seen_at": _instant(copy.seen_at)} if copy.seen_at is not None else {}
    said |= {"why": copy.why} if copy.why else {}
    said |= {"seconds_max": copy.seconds_max} if copy.seconds_max is not None else {}
    said |= {"count": copy.count} if copy.count is not None else {}
    return said


def _instant(at: float | None) -> str | None:
    return None if at is None else instant(at)


ROUTES = (Route("places", "GET", CLOUD + "/places", places),)
