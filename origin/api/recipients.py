"""Who was told of an asset, or given it (Art. 19 GDPR; docs/data-subjects.md): what this origin knows, and what it cannot know.

GET resources/recipients/{asset_id}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from aiohttp import web

from domicile.media.errors import AssetNotFound
from origin.api.answers import Json, instant
from origin.api.call import admin, reply
from origin.api.routes import RESOURCES, Route
from origin.keys import Origin
from origin.records import HeldVersion, Recipient


async def recipients(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Of all versions that are there or under retention; and the places at which copies may be."""
    origin, tenant, _ = await admin(request, path)
    cloud, asset_id = tenant.cloud, path["asset_id"]
    versions = await origin.records.subjects.of_asset(cloud, asset_id)
    if not versions:
        raise AssetNotFound("Resource not found - asset")
    rows = [await _version(origin, held) for held in versions]
    return reply({"asset_id": asset_id, "versions": rows, "places": places_of(origin, cloud)})


async def _version(origin: Origin, held: HeldVersion) -> Json:
    cloud, aid = held.record.name.cloud, held.record.aid
    renditions = await origin.records.renditions(cloud, aid) if held.ended_at is None else ()
    return {
        "version_id": aid,
        "state": held.state,
        "recipients": told(await origin.records.recipients.of(cloud, aid)),
        "renditions": len(renditions),
    }


def told(found: Sequence[Recipient]) -> list[Json]:
    """As answers and manifests say it."""
    return [{"kind": str(one.kind), "who": one.who, "since": instant(one.since)} for one in found]


def places_of(origin: Origin, cloud: str) -> list[Json]:
    """Where copies of a cloud's assets may be: of each asset only `renditions` tells whether edges have made any."""
    settings, policy = origin.settings, origin.records.policy(cloud)
    regions: Counter[str] = Counter()
    for node in origin.records.edges_of(cloud):
        known = origin.nodes.find(node)
        regions[known.region if known else "unknown"] += 1
    seconds = policy.lifetimes.shared_seconds_max if policy else 0
    return [
        {"kind": "store", "where": origin.records.store, "region": settings.records.region},
        *({"kind": "edge", "region": region, "nodes": count} for region, count in sorted(regions.items())),
        *({"kind": "cdn", "name": name, "seconds_max": seconds} for name in settings.records.cdns),
        {"kind": "viewers", "seconds_max": policy.lifetimes.browser_seconds_max if policy else 0},
    ]


ROUTES: tuple[Route, ...] = (Route("recipients", "GET", RESOURCES + "/recipients/{asset_id}", recipients),)
