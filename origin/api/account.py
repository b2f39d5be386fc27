"""The Admin API about the cloud itself: is it there, how is it set up, how much of it is used."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

from aiohttp import web

from domicile.media.errors import BadRequest
from origin.api.answers import Json, instant
from origin.api.call import admin, reply
from origin.api.limits import quotas_of
from origin.api.routes import CLOUD, Route
from origin.keys import Origin
from origin.records import Tenant
from origin.settings import OriginSettings

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
    """What is stored, and what was done today. Every field that SDKs read is there; what is not known is null, and never a
    number that somebody could take for one: what is delivered is counted at edges, and of past days nothing is kept.
    """
    origin, tenant, _ = await admin(request, path)
    now = origin.now()
    today = datetime.fromtimestamp(now, UTC).date()
    day = _day(path["date"]) if "date" in path else today
    if day > today:
        raise BadRequest("Invalid date: must not be in the future")
    if day < today:
        return reply(_unknown(day, instant(now)) | {"media_limits": _media_limits(origin.settings)})
    count, size = await origin.records.totals(tenant.cloud)
    quotas = quotas_of(origin.records.policy(tenant.cloud))
    backups, backup_bytes = await origin.records.backups.totals(tenant.cloud)
    return reply(
        {
            **_unknown(day, instant(now)),
            "transformations": {
                "usage": origin.limits.renders.used(tenant.cloud, now=now).used,
                **_limit(quotas.renders_per_day_max),
            },
            "requests": origin.limits.requests.used(tenant.cloud, now=now).used,
            "keys": _of_keys(origin, tenant, now=now),
            "objects": {"usage": count + backups, **_limit(quotas.assets_max)},
            "storage": {"usage": size + backup_bytes, **_limit(quotas.bytes_max)},
            "resources": count,
            "backups": {"usage": backups, "bytes": backup_bytes},
            "derived_resources": await origin.records.derived.count(tenant.cloud),
            "media_limits": _media_limits(origin.settings),
        }
    )


def _of_keys(origin: Origin, tenant: Tenant, *, now: float) -> list[Json]:
    """Requests of today by key; of all keys to one that may do everything, else of its own."""
    keys = [key.api_key for key in origin.records.api_keys.all(tenant.cloud)]
    shown = keys if tenant.scope.is_everything else [key for key in keys if key == tenant.api_key]
    return [{"api_key": key, "requests": origin.limits.key_requests.used(key, now=now).used} for key in shown]


def _limit(quota: int) -> Json:
    return {"limit": quota} if quota else {}


def _unknown(day: date, asked_at: str) -> Json:
    """The shape of an answer, with nothing known."""
    return {
        "plan": "Domicile",
        "last_updated": day.isoformat(),
        "date_requested": asked_at,
        **{name: {"usage": None} for name in ("transformations", "objects", "bandwidth", "storage", "backups")},
        "requests": None,
        "resources": None,
        "derived_resources": None,
        "keys": None,
    }


def _media_limits(settings: OriginSettings) -> Json:
    """Of uploads that are signed."""
    upload, media = settings.upload, settings.media
    return {
        **{f"{kind}_max_size_bytes": upload.file_bytes_max(kind) for kind in ("image", "video", "raw")},
        "image_max_px": media.source_pixels_max,
        "asset_max_total_px": media.animation_pixels_max,
    }


def _day(text: str) -> date:
    """Raises BadRequest for what is no date."""
    for form in DATES:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC).date()
        except ValueError:
            continue
    raise BadRequest("Invalid date: must be written as dd-mm-yyyy")


ROUTES: tuple[Route, ...] = (
    Route("ping", "GET", CLOUD + "/ping", ping),
    Route("usage", "GET", CLOUD + "/usage", usage),
    Route("usage", "GET", CLOUD + "/usage/{date}", usage),
    Route("config", "GET", CLOUD + "/config", config),
)
