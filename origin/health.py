"""The pages that operators and probes read: /healthz, /readyz, /metrics."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import hdrs, web

from domicile.media.errors import AssetNotFound
from domicile.service.health import Health
from domicile.service.metrics import exposition
from domicile.service.networks import may_scrape, read_networks
from origin.keys import Origin

CLOUDS_COUNTED_MAX = 1000
"""Clouds whose journal heads are added up for one scrape."""


class Pages:
    """Handlers of the three pages."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._health = Health()
        self._health.add("draining", lambda: "draining" if origin.draining else None)
        self._health.add("records", self._records)
        self._health.add("decoders", lambda: None if origin.pool.layers else "not_started")
        self._health.add("search", self._search, gates=False)

    async def healthz(self, request: web.Request, _: Mapping[str, str]) -> web.Response:
        return await self._health.healthz(request)

    async def readyz(self, request: web.Request, _: Mapping[str, str]) -> web.Response:
        return await self._health.readyz(request)

    async def metrics(self, request: web.Request, _: Mapping[str, str]) -> web.Response:
        """Numbers that are states are read when they are asked for."""
        origin = self._origin
        if not may_scrape(request.remote, request.headers, read_networks(origin.settings.metrics_networks)):
            raise AssetNotFound("Not found")
        clouds = origin.records.tenants()[:CLOUDS_COUNTED_MAX]
        origin.metrics.journal_head.set(sum([(await origin.records.head(cloud)).seq for cloud in clouds]))
        origin.metrics.upload_memory.set(origin.budget.used)
        origin.metrics.upload_spool.set(origin.records.spool.bytes)
        opened, overdue = await origin.records.cases.counts()
        origin.metrics.cases.set(opened, state="open")
        origin.metrics.cases.set(overdue, state="overdue")
        await self._crawl()
        origin.metrics.nodes.set(origin.nodes.alive(now=origin.now()))
        origin.metrics.search_built.set(origin.records.search_built)
        body, content_type = exposition(origin.metrics.registry, request.headers.get(hdrs.ACCEPT, ""))
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})

    async def _crawl(self) -> None:
        """How its last whole pass ended; nothing before the first."""
        metrics, standing = self._origin.metrics, await self._origin.records.crawler.standing()
        if standing is None or standing.last is None:
            return
        found = standing.last.found
        for kind, count in (("unlisted", found.unlisted), ("phantom", found.phantom), ("stranger", found.strangers)):
            metrics.copies_differing.set(count, kind=kind)
        metrics.copies_compared.set(standing.last.compared)
        metrics.crawl_finished.set(standing.last.finished_at)

    def _search(self) -> str | None:
        """Searches, listings and what counts by them wait for it; nothing else does."""
        share = self._origin.records.search_built
        return None if share == 1 else f"building_{int(share * 100)}_percent"

    async def _records(self) -> str | None:
        for cloud in self._origin.records.tenants()[:1]:
            await self._origin.records.head(cloud)
        return None
