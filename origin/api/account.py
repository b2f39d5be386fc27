"""The Admin API about the cloud itself: is it there, how is it set up, how much of it is used."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from aiohttp import web

from domicile.media.errors import BadRequest
from origin.api.answers import Json, instant
from origin.api.call import admin, reply
from origin.api.limits import quotas_of
from origin.api.routes import CLOUD, Route

DATES = ("%d-%m-%Y", "%Y-%m-%d")
"""How SDKs write a day."""


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
    """What is stored now, today's date or none in the path. Another day is refused: no history is kept, and what is not
    counted (bandwidth, transformations) is left out.
    """
    origin, tenant, _ = await admin(request, path)
    if "date" in path and not _is_today(path["date"], origin.now()):
        raise BadRequest("Usage of another day is not kept: ask for today, or without a date")
    count, size = await origin.records.totals(tenant.cloud)
    quotas = quotas_of(origin.records.policy(tenant.cloud))
    backups, backup_bytes = await origin.records.backups.totals(tenant.cloud)
    return reply(
        {
            "plan": "Domicile",
            "last_updated": instant(origin.now())[:10],
            "date_requested": instant(origin.now()),
            "objects": {"usage": count + backups, **_limit(quotas.assets_max)},
            "storage": {"usage": size + backup_bytes, **_limit(quotas.bytes_max)},
            "resources": count,
            "backups": {"usage": backups, "bytes": backup_bytes},
            "derived_resources": await origin.records.derived.count(tenant.cloud),
        }
    )


def _limit(quota: int) -> Json:
    return {"limit": quota} if quota else {}


def _is_today(text: str, now: float) -> bool:
    """Raises BadRequest for what is no date."""
    for form in DATES:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC).date() == datetime.fromtimestamp(now, UTC).date()
        except ValueError:
            continue
    raise BadRequest("Invalid date: must be written as dd-mm-yyyy")


ROUTES: tuple[Route, ...] = (
    Route("ping", "GET", CLOUD + "/ping", ping),
    Route("usage", "GET", CLOUD + "/usage", usage),
    Route("usage", "GET", CLOUD + "/usage/{date}", usage),
    Route("config", "GET", CLOUD + "/config", config),
)
