"""Who was told of an asset, or given it (Art. 19 GDPR; docs/data-subjects.md): what this origin knows, and what it cannot know.

GET resources/recipients/{asset_id}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from domicile.media.errors import AssetNotFound
from origin.api.answers import Json, instant
from origin.api.call import admin, reply
from origin.api.routes import RESOURCES, Route
from origin.keys import Origin
from origin.records import HeldVersion, Recipient


async def recipients(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Of all versions that are there or under retention. Where their copies are is told by `places`."""
    origin, tenant, _ = await admin(request, path)
    cloud, asset_id = tenant.cloud, path["asset_id"]
    versions = await origin.records.subjects.of_asset(cloud, asset_id)
    if not versions:
        raise AssetNotFound("Resource not found - asset")
    rows = [await _version(origin, held) for held in versions]
    return reply({"asset_id": asset_id, "versions": rows})


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


ROUTES: tuple[Route, ...] = (Route("recipients", "GET", RESOURCES + "/recipients/{asset_id}", recipients),)
