"""The routes of one worker: their stores, connections and tasks, opened and closed together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from domicile.service.gate.assets import ASSETS_TENANT, AssetClient, AssetLimits
from domicile.service.tasks import Background
from edge.bounds import Bounds, bounds_between_workers, bounds_of
from edge.counters import Counters
from edge.entrance import Entrance, entrance
from edge.listener import Handler, Listener
from edge.metrics import Gauge
from edge.passthrough.app import Passthrough
from edge.passthrough.fetch import Fetcher
from edge.passthrough.fills import Fills
from edge.passthrough.forwarding import Forwarding
from edge.passthrough.memory import Memory
from edge.passthrough.owner import TOLD_AT_ONCE_MAX, Doors, Neighbours
from edge.passthrough.parts import Parts
from edge.passthrough.settings import Route, read_route
from edge.passthrough.statement import permit_to_fetch, permit_to_keep
from edge.passthrough.store import ResponseStore
from edge.settings import EdgeSettings
from edge.sockets import Sockets
from edge.store.room import Room
from edge.store.spool import Spool

HOUSEKEEPING_SECONDS = 1.0
SPOOL_DIRECTORY = "spool"
"""Below the cache's."""

log = structlog.get_logger("edge.passthrough")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Worker:
    """What the routes of a worker have in common."""

    settings: EdgeSettings
    slot: int
    counters: Counters
    store: ResponseStore
    sockets: Sockets
    memory: Memory
    spool: Spool | None

    async def keep_house(self) -> None:
        """Runs until it is cancelled."""
        while True:
            if self.spool is not None:
                self.spool.yield_room()
                self.counters.set(Gauge.PASSTHROUGH_DISK_BYTES, self.spool.bytes)
            self.counters.set(Gauge.PASSTHROUGH_MEMORY_BYTES, self.store.bytes + self.memory.bytes)
            await asyncio.sleep(HOUSEKEEPING_SECONDS)


@asynccontextmanager
async def passthrough(
    settings: EdgeSettings, slot: int, counters: Counters, sockets: Sockets
) -> AsyncIterator[tuple[Entrance, ...]]:
    """Serve every route that is set, at these entrances; nothing when there is none."""
    routes = [route for text in settings.passthrough.routes if (route := read_route(text)) is not None]
    if not routes:
        yield ()
        return
    own = settings.passthrough
    store = ResponseStore(
        bytes_max=own.ram_bytes_max // settings.worker_count,
        object_bytes_max=own.object_bytes_max,
        disk_bytes_max=own.disk_bytes_max // settings.worker_count,
        variants_max=own.variants_max,
    )
    async with AsyncExitStack() as stack:
        worker = _Worker(
            settings=settings,
            slot=slot,
            counters=counters,
            store=store,
            sockets=sockets,
            memory=Memory(own.fill_bytes_max),
            spool=_spool(settings, slot, store),
        )
        entrances: list[Entrance] = []
        for number, route in enumerate(routes):
            entrances += await _serve(worker, number, route, stack)
        background = await stack.enter_async_context(Background(log))
        background.keep("passthrough_housekeeping", worker.keep_house)
        yield tuple(entrances)


async def _serve(worker: _Worker, number: int, route: Route, stack: AsyncExitStack) -> list[Entrance]:
    """Both sockets of a route: that of the other workers first, so that an owner can be asked as soon as it is one."""
    settings, own, name = worker.settings, worker.settings.passthrough, str(number)
    background = await stack.enter_async_context(
        Background(log)
    )  # its own: one origin's crowd takes nobody else's place
    fetcher = Fetcher(
        client=_client(settings, route.base, stack),
        permit=lambda: permit_to_fetch(settings.region, clock=time.time),
        store=worker.store,
        fills=Fills(background, memory=worker.memory, fills_max=own.fills_max, unshared_seconds=own.unshared_seconds),
        spool=worker.spool,
        settings=own,
    )
    others = [slot for slot in range(settings.worker_count) if slot != worker.slot]
    sockets = {slot: f"unix:{_socket(settings, number, slot)}" for slot in others}
    neighbours = Neighbours(
        name=name,
        own=worker.slot,
        clients={slot: _client(settings, base, stack) for slot, base in sockets.items()},
        tellers={
            slot: _client(settings, base, stack, connections_max=TOLD_AT_ONCE_MAX) for slot, base in sockets.items()
        },
        fetcher=fetcher,
    )
    app = Passthrough(
        name=name,
        fetcher=fetcher,
        forwarding=Forwarding(fetcher=fetcher, drop=neighbours.drop),
        parts=Parts(fetcher=fetcher),
        counters=worker.counters,
        progress_seconds_max=settings.delivery.progress_seconds_max,
    )
    doors = Doors(app=app, neighbours=neighbours)
    entrances: list[Entrance] = []
    if others:
        inner = _listener(worker, doors.from_neighbour, bounds_between_workers(settings))
        entrances.append(await stack.enter_async_context(entrance(inner)))
        await entrances[-1].open_inside(_socket(settings, number, worker.slot))
    outer = _listener(worker, doors.from_viewer, bounds_of(settings))
    entrances.append(await stack.enter_async_context(entrance(outer)))
    await entrances[-1].open(worker.sockets.by_entrance[name], worker.slot)
    return entrances


def _spool(settings: EdgeSettings, slot: int, store: ResponseStore) -> Spool | None:
    bytes_max = settings.passthrough.disk_bytes_max // settings.worker_count
    if not bytes_max:
        return None
    spool = Spool(
        settings.cache_path / SPOOL_DIRECTORY,
        tenant=ASSETS_TENANT,
        region=settings.region,
        slot=slot,
        bytes_max=bytes_max,
        object_bytes_max=settings.passthrough.disk_object_bytes_max,
        room=Room(
            settings.cache_path,
            free_bytes_min=settings.cache.disk_free_bytes_min,
            free_files_min=settings.cache.disk_free_inodes_min,
        ),
        permit=lambda: permit_to_keep(settings.region, clock=time.time),
    )
    spool.let_go = store.let_go
    return spool


def _client(
    settings: EdgeSettings, base: str, stack: AsyncExitStack, *, connections_max: int | None = None
) -> AssetClient:
    own = settings.passthrough
    limits = AssetLimits(
        connect_seconds_max=own.connect_seconds_max,
        read_seconds_max=own.read_seconds_max,
        connections_max=connections_max or own.connections_max,
        idle_seconds_max=own.idle_seconds_max,
    )
    client = AssetClient(base, limits)
    stack.callback(client.close)
    return client


def _socket(settings: EdgeSettings, number: int, slot: int) -> Path:
    return settings.run_path / f"pass-{number}-{slot}.sock"


def _listener(worker: _Worker, handler: Handler, bounds: Bounds) -> Listener:
    return Listener(handler, counters=worker.counters, region=worker.settings.region, bounds=bounds)
