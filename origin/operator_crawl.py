"""The crawler, at the operator's door: `domicile where --crawl`.

    GET  /_admin/v1/crawl                       ->  how far it is, and how the last whole pass ended
    POST /_admin/v1/crawl    {"anew"?: "true"}  ->  the same, after one page more; "anew": the first one of a new pass

Counts, and of what differs some clouds and version ids; nobody's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from domicile.media.errors import AssetNotFound
from origin.api.answers import instant
from origin.api.routes import Route
from origin.keys import ORIGIN
from origin.operator_keys import read
from origin.records.crawl import Crawled, Found, Standing

PATH = "/_admin/v1/crawl"


async def show(request: web.Request, _: Mapping[str, str]) -> web.Response:
    standing = await request.app[ORIGIN].records.crawler.standing()
    if standing is None:
        raise AssetNotFound("It has not begun yet")
    return web.json_response(_told(standing))


async def step(request: web.Request, _: Mapping[str, str]) -> web.Response:
    origin, params = await read(request)
    return web.json_response(_told(await origin.records.crawler.step(anew=params.text("anew") == "true")))


def _told(at: Standing) -> dict[str, Any]:
    return {
        "began_at": instant(at.began_at),
        "finished": at.finished_at is not None,
        "compared": at.compared,
        **_found(at.found),
        "last": None if at.last is None else _last(at.last),
    }


def _last(last: Crawled) -> dict[str, Any]:
    times = {"began_at": instant(last.began_at), "finished_at": instant(last.finished_at)}
    return {**times, "compared": last.compared, **_found(last.found)}


def _found(found: Found) -> dict[str, Any]:
    counts = {"unlisted": found.unlisted, "phantom": found.phantom, "strangers_at_edges": found.strangers}
    return {**counts, "examples": [msgspec.structs.asdict(one) for one in found.examples]}


ROUTES = (Route("crawl", "GET", PATH, show), Route("crawl", "POST", PATH, step))
