"""One worker process: what it is made of, in the order it is started and stopped.

    link to the agent -> decoders -> stores -> flights -> delivery -> own UNIX socket -> the viewers' port -> listening

`python -m edge` starts it. It ends when told to: no new connections, open responses finish, decoders go last.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from aiohttp import web

from domicile.service.gate.peer import PeerClient
from domicile.service.gate.wire import ClientCertificate, WireClient, WireLimits
from domicile.service.pool import DecoderPool
from domicile.service.tasks import Background
from edge.cdn_listener import cdn_listening
from edge.flight import Flights
from edge.hot import Hot
from edge.link import NodeLink
from edge.listener import BACKLOG, Handler, Listener
from edge.metrics import Counters
from edge.parts import Outside, Parts, assemble
from edge.passthrough.serve import passthrough
from edge.purge import purge_door
from edge.settings import EdgeSettings
from edge.store.disk import DiskStore
from edge.store.guard import bind_directory
from edge.store.keeper import Keeper
from edge.store.room import Marks, Room
from edge.tiers import PoolCounts

PEER_MARGIN_SECONDS = 5.0
"""How much longer than a fill and its turn the wait for an owner's answer may be."""

AGENT_SECONDS_MAX = 20.0
AGENT_POLL_SECONDS = 0.01
"""A worker that has not heard of its agent for so long ends, and is started again."""

log = structlog.get_logger("edge.worker")


async def serve(settings: EdgeSettings, *, slot: int, boot: int, stopping: asyncio.Event) -> None:
    """Run the worker of `slot` until `stopping` is set. Raises BadSetting, OSError or CannotFork if it cannot start."""
    delivery = settings.delivery
    async with AsyncExitStack() as stack:
        link = await stack.enter_async_context(NodeLink.open(settings, slot=slot, boot=boot))
        counters = Counters(link.slot.counters)
        await stack.enter_async_context(
            passthrough(settings, slot, counters)
        )  # first: it needs no lease and no decoder
        pool = DecoderPool(settings.pool, observer=PoolCounts(counters))
        await pool.start()
        stack.push_async_callback(pool.close)
        wire = await stack.enter_async_context(_wire(settings))
        seconds_max = delivery.fills_queued_seconds_max + delivery.fill_seconds_max + PEER_MARGIN_SECONDS
        peers = await stack.enter_async_context(PeerClient.open(settings.worker_socket, answer_seconds_max=seconds_max))
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
        )
        parts = assemble(settings, slot, outside)
        link.on_entry, link.on_lock = parts.tiers.on_entry, parts.tiers.on_lock
        background = await stack.enter_async_context(Background(log, on_failure=stopping.set))
        background.keep("gauges", parts.tiers.count)
        if disk is not None:
            rate = settings.cache.scrub_bytes_per_second / settings.worker_count
            keeper = Keeper(disk, may_stay=parts.tiers.lookup.may_stay, scrub_bytes_per_second=rate)
            background.keep("disk_chores", keeper.chores)
            background.keep("disk_minding", keeper.mind)
        async with _listening(settings, slot, parts), cdn_listening(settings, parts):
            link.listening()
            log.info("worker_ready", slot=slot)
            await stopping.wait()
            link.slot.listening = False
            log.info("worker_stopping", slot=slot)


def _wire(settings: EdgeSettings) -> contextlib.AbstractAsyncContextManager[WireClient]:
    origin = settings.origin
    return WireClient.open(
        origin.base,
        region=settings.region,
        limits=WireLimits(
            connect_seconds_max=origin.connect_seconds_max,
            read_seconds_max=origin.read_seconds_max,
            connections_max=origin.connections_max,
        ),
        certificate=ClientCertificate(
            ca_file=origin.ca_file,
            certificate_file=origin.certificate_file,
            key_file=origin.key_file,
            key_password=origin.key_password,
        ),
    )


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


@asynccontextmanager
async def _listening(settings: EdgeSettings, slot: int, parts: Parts) -> AsyncIterator[None]:
    """Both sockets: the other workers' first, so that an owner can be asked as soon as it is one."""
    drain_seconds = settings.node.drain_seconds_max
    socket_path = settings.worker_socket(slot)
    socket_path.unlink(missing_ok=True)
    listener = _listener(settings, parts, parts.app.handle, parts.app.hot)
    peers = web.ServerRunner(_listener(settings, parts, parts.door.handle), shutdown_timeout=drain_seconds)
    viewers = web.ServerRunner(listener, shutdown_timeout=drain_seconds)
    await peers.setup()
    await viewers.setup()
    try:
        await web.UnixSite(peers, str(socket_path), backlog=BACKLOG).start()
        socket_path.chmod(0o600)
        await web.TCPSite(viewers, settings.host, settings.port, reuse_port=True, backlog=BACKLOG).start()
        yield
    finally:
        await viewers.cleanup()
        await listener.left(drain_seconds)
        await peers.cleanup()


def _listener(settings: EdgeSettings, parts: Parts, handler: Handler, hot: Hot | None = None) -> Listener:
    delivery = settings.delivery
    return Listener(
        handler,
        hot=hot,
        front=parts.app.front,
        counters=parts.tiers.counters,
        region=settings.region,
        keepalive_seconds=delivery.keepalive_seconds,
        connections_max=delivery.connections_max,
        progress_seconds_max=delivery.progress_seconds_max,
        write_buffer_bytes_max=delivery.write_buffer_bytes_max,
    )
