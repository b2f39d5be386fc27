"""The routes of one worker: their stores, connections and tasks, opened and closed together."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from aiohttp import web

from domicile.service.gate.assets import AssetClient, AssetLimits
from domicile.service.settings import blamed
from domicile.service.tasks import Background
from edge.listener import BACKLOG, Listener
from edge.metrics import Counters
from edge.passthrough.app import Passthrough
from edge.passthrough.fetch import Fetcher
from edge.passthrough.fills import Fills
from edge.passthrough.settings import Route, read_route
from edge.passthrough.statement import permit_of
from edge.passthrough.store import ResponseStore
from edge.settings import EdgeSettings

log = structlog.get_logger("edge.passthrough")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What the routes of a worker have in common."""

    settings: EdgeSettings
    counters: Counters
    background: Background
    store: ResponseStore


@asynccontextmanager
async def passthrough(settings: EdgeSettings, counters: Counters) -> AsyncIterator[None]:
    """Serve every route that is set; nothing when there is none. Raises BadSetting."""
    routes = [route for text in settings.passthrough.routes if (route := read_route(text)) is not None]
    if not routes:
        yield
        return
    own = settings.passthrough
    store = ResponseStore(
        bytes_max=own.ram_bytes_max // settings.worker_count,
        object_bytes_max=own.object_bytes_max,
        variants_max=own.variants_max,
    )
    runners: list[web.ServerRunner] = []
    clients: list[AssetClient] = []
    async with Background(log) as background:
        shared = _Shared(settings=settings, counters=counters, background=background, store=store)
        try:
            for number, route in enumerate(routes):
                client = _client(settings, route.base)
                clients.append(client)
                runners.append(await _listening(shared, number, route, client))
            yield
        finally:
            for runner in runners:
                await runner.cleanup()
            for client in clients:
                client.close()


def _client(settings: EdgeSettings, base: str) -> AssetClient:
    own = settings.passthrough
    limits = AssetLimits(
        connect_seconds_max=own.connect_seconds_max,
        read_seconds_max=own.read_seconds_max,
        connections_max=own.connections_max,
        idle_seconds_max=own.idle_seconds_max,
    )
    return AssetClient(base, limits)


async def _listening(shared: _Shared, number: int, route: Route, client: AssetClient) -> web.ServerRunner:
    settings = shared.settings
    delivery, own = settings.delivery, settings.passthrough
    fetcher = Fetcher(
        client=client,
        permit=lambda: permit_of(settings.region, clock=time.time),
        store=shared.store,
        fills=Fills(shared.background, fills_max=own.fills_max, unshared_seconds=own.unshared_seconds),
        settings=own,
    )
    app = Passthrough(
        name=str(number),
        fetcher=fetcher,
        counters=shared.counters,
        progress_seconds_max=delivery.progress_seconds_max,
    )
    listener = Listener(
        app.handle,
        counters=shared.counters,
        region=settings.region,
        keepalive_seconds=delivery.keepalive_seconds,
        connections_max=delivery.connections_max,
        progress_seconds_max=delivery.progress_seconds_max,
        write_buffer_bytes_max=delivery.write_buffer_bytes_max,
    )
    runner = web.ServerRunner(listener, shutdown_timeout=settings.node.drain_seconds_max)
    await runner.setup()
    address = f"{route.host}:{route.port}"
    with blamed("edge.passthrough.routes", address, "addresses that can be listened on"):
        await web.TCPSite(runner, route.host, route.port, reuse_port=True, backlog=BACKLOG).start()
    return runner
