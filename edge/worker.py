"""One worker process: what it is made of, in the order it is started and stopped.

    link to the agent -> decoders -> stores -> flights -> delivery -> own UNIX socket -> the viewers' port -> listening

`python -m edge` starts it. It ends when told to: no new connections, open responses finish, decoders go last. Told to leave, it does
the same, lets go of what it keeps, and gives open responses longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import structlog

from domicile.service.certificates import refuse_unfit
from domicile.service.gate.peer import PeerClient
from domicile.service.log_flood import Flood
from domicile.service.pool import DecoderPool
from domicile.service.tasks import Background
from domicile.service.tls import server_context
from edge.bounds import bounds_between_workers, bounds_of
from edge.cdn_listener import cdn_entrances, tls_context
from edge.counters import Counters
from edge.entrance import Entrance, drain_all, entrance, standing_in
from edge.flight import Flights
from edge.heap import settle_heap
from edge.link import NodeLink
from edge.listener import Listener
from edge.metrics import Count
from edge.origin_wire import origin_wire
from edge.parts import Outside, Parts, assemble
from edge.passthrough.serve import passthrough
from edge.purge import purge_door
from edge.settings import EdgeSettings, NodeSettings, TlsSettings
from edge.sockets import VIEWERS, Sockets
from edge.store.disk import DiskStore
from edge.store.guard import bind_directory
from edge.store.keeper import Keeper
from edge.store.room import Marks, Room
from edge.tier_listener import parent_client, server_tls, tier_entrances
from edge.tiers import GAUGE_SECONDS, PoolCounts
from edge.told import Told

PEER_MARGIN_SECONDS = 5.0
"""How much longer than a fill and its turn the wait for an owner's answer may be."""

AGENT_SECONDS_MAX = 20.0
AGENT_POLL_SECONDS = 0.01
"""A worker that has not heard of its agent for so long ends, and is started again."""

log = structlog.get_logger("edge.worker")


async def serve(settings: EdgeSettings, *, slot: int, boot: int, sockets: Sockets, flood: Flood, told: Told) -> None:
    """Run the worker of `slot` until it is told to end, or to leave. Raises BadSetting, OSError or CannotFork if it cannot start."""
    delivery = settings.delivery
    async with AsyncExitStack() as stack:
        link = await stack.enter_async_context(NodeLink.open(settings, slot=slot, boot=boot))
        counters = Counters(link.slot.counters)
        stack.callback(sockets.close)
        entrances = list(
            await stack.enter_async_context(passthrough(settings, slot, counters, sockets))
        )  # needs no lease
        pool = DecoderPool(settings.pool, observer=PoolCounts(counters))
        await pool.start()
        stack.push_async_callback(pool.close)
        wire = await stack.enter_async_context(origin_wire(settings))
        seconds_max = delivery.fills_queued_seconds_max + delivery.fill_seconds_max + PEER_MARGIN_SECONDS
        peers = await stack.enter_async_context(PeerClient.open(settings.worker_socket, answer_seconds_max=seconds_max))
        parent = await stack.enter_async_context(parent_client(settings))
        disk = await _disk(settings, slot, link, counters)
        flights = await stack.enter_async_context(
            Flights.open(
                fills_max=delivery.fills_max,
                queued_max=delivery.fills_queued_max,
                queued_tenant_max=delivery.fills_queued_tenant_max,
                queued_seconds_max=delivery.fills_queued_seconds_max,
                fill_seconds_max=delivery.fill_seconds_max,
            )
        )
        outside = Outside(
            link=link,
            counters=counters,
            wire=wire,
            peers=peers,
            pool=pool,
            disk=disk,
            flights=flights,
            purge=purge_door(link, settings),
            parent=parent,
        )
        parts = assemble(settings, slot, outside)
        link.on_entry, link.on_lock = parts.tiers.on_entry, parts.tiers.on_lock
        link.on_current = parts.app.hot.release
        background = await stack.enter_async_context(Background(log, on_failure=told.to_stop))
        background.keep("gauges", parts.tiers.count)
        background.keep("withheld_lines", partial(count_withheld, flood, counters))
        if disk is not None:
            rate = settings.cache.scrub_bytes_per_second / settings.worker_count
            keeper = Keeper(disk, may_stay=parts.tiers.lookup.may_stay, scrub_bytes_per_second=rate)
            background.keep("disk_chores", keeper.chores)
            background.keep("disk_minding", keeper.mind)
        await _caught_up(link)
        settle_heap()  # it takes some ten milliseconds, and nobody waits yet
        entrances += await _entrances(settings, slot, parts, sockets, stack)
        async with standing_in(entrances, link.page.live_slots, settings.worker_count):
            link.listening()
            log.info("worker_ready", slot=slot)
            await told.anything.wait()
            link.slot.listening = False
            log.info("worker_stopping", slot=slot)
        if not told.stopping.is_set():
            parts.tiers.let_go()
        await drained(entrances, settings.node, told.stopping)


async def drained(entrances: Sequence[Entrance], node: NodeSettings, stopping: asyncio.Event) -> None:
    """Open responses are over, or have had their time: the longer one, until it is to stop."""
    if stopping.is_set():
        await drain_all(entrances, idle_seconds=node.drain_idle_seconds, seconds_max=node.drain_seconds_max)
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(None) as limit, asyncio.TaskGroup() as group:
            hurried = group.create_task(_hurried(limit, stopping, node.drain_seconds_max))
            seconds_max = node.recycle_drain_seconds_max
            await drain_all(entrances, idle_seconds=node.drain_idle_seconds, seconds_max=seconds_max)
            hurried.cancel()


async def _hurried(limit: asyncio.Timeout, stopping: asyncio.Event, seconds_max: float) -> None:
    await stopping.wait()
    limit.reschedule(asyncio.get_running_loop().time() + seconds_max)


async def read_files(settings: EdgeSettings) -> None:
    """The files that a worker reads before it serves, so that one that cannot be used is known before. Raises BadSetting."""
    tls_context(settings.cdn)
    viewers_tls(settings.tls)
    if settings.tier.listen is not None:
        server_tls(settings.tier)
    async with origin_wire(settings), parent_client(settings):
        pass


def refuse_unfit_certificates(settings: EdgeSettings) -> None:
    """To change over to: valid now, and those of the node bound to its region. Raises BadSetting.

    A worker that starts takes what there is: one that has ended is better than none.
    """
    shown: dict[str, tuple[Path | None, str | None]] = {
        "edge.tls.certificate_file": (settings.tls.certificate_file, None),
        "edge.cdn.certificate_file": (settings.cdn.certificate_file, None),
        "edge.tier.certificate_file": (settings.tier.certificate_file, settings.region),
        "edge.origin.certificate_file": (settings.origin.certificate_file, settings.region),
    }
    for setting, (certificate, region) in shown.items():
        if certificate is not None:
            refuse_unfit(certificate, setting=setting, now=time.time(), region=region)


def viewers_tls(settings: TlsSettings) -> ssl.SSLContext | None:
    """None: no TLS. Raises BadSetting for files that cannot be used."""
    if settings.certificate_file is None:
        return None
    return server_context(settings.certificate_file, settings.key_file, setting="edge.tls.certificate_file")


async def count_withheld(flood: Flood, counters: Counters) -> None:
    """Until it is cancelled."""
    while True:
        counters.add(Count.LINES_WITHHELD, flood.take_withheld())
        await asyncio.sleep(GAUGE_SECONDS)


async def _disk(settings: EdgeSettings, slot: int, link: NodeLink, counters: Counters) -> DiskStore | None:
    if settings.cache.disk_bytes_max == 0:
        return None
    bind_directory(settings.cache_path, settings.region)
    await _joined(link)
    return DiskStore(
        settings.cache_path,
        region=settings.region,
        slot=slot,
        workers=settings.worker_count,
        marks=Marks.of(
            settings.cache.disk_bytes_max // settings.worker_count, low_share=settings.cache.disk_low_water_share
        ),
        register=link,
        room=Room(
            settings.cache_path,
            free_bytes_min=settings.cache.disk_free_bytes_min,
            free_files_min=settings.cache.disk_free_inodes_min,
        ),
        count=counters.add,
    )


async def _joined(link: NodeLink) -> None:
    """Wait for the agent: it has the keys, and without it every request would be a miss, or refused."""
    async with asyncio.timeout(AGENT_SECONDS_MAX):
        while not link.applied:  # noqa: ASYNC110 - it changes with the first event, and few look at it
            await asyncio.sleep(AGENT_POLL_SECONDS)


async def _caught_up(link: NodeLink) -> None:
    """While the node holds a lease, a worker that does not know everything yet would only refuse viewers."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(AGENT_SECONDS_MAX):
            while not link.serving() and link.page.lease_deadline_ns > link.page.now_ns():  # noqa: ASYNC110 - see _joined
                await asyncio.sleep(AGENT_POLL_SECONDS)


async def _entrances(
    settings: EdgeSettings, slot: int, parts: Parts, sockets: Sockets, stack: AsyncExitStack
) -> list[Entrance]:
    """The other workers' first, so that an owner can be asked as soon as it is one."""
    counters, region, app = parts.tiers.counters, settings.region, parts.app
    inside = Listener(parts.door.handle, counters=counters, region=region, bounds=bounds_between_workers(settings))
    outside = Listener(
        app.handle, hot=app.hot, front=app.front, counters=counters, region=region, bounds=bounds_of(settings)
    )
    opened = [
        await stack.enter_async_context(entrance(inside)),
        await stack.enter_async_context(entrance(outside, viewers_tls(settings.tls))),
    ]
    await opened[0].open_inside(settings.worker_socket(slot))
    await opened[1].open(sockets.by_entrance[VIEWERS], slot)
    opened += await stack.enter_async_context(cdn_entrances(settings, slot, parts, sockets))
    opened += await stack.enter_async_context(tier_entrances(settings, slot, parts, sockets))
    return opened
