"""One edge node of a world: the real agent and one real worker, that meet on a real socket of their own; the rest is in memory."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import structlog

from domicile.service.gate.peer import PeerClient
from domicile.service.pool import DecoderPool
from domicile.service.settings import Secret
from domicile.service.tasks import Background
from edge import agent_process
from edge.bounds import bounds_between_workers, bounds_of
from edge.cdn_settings import CdnSettings
from edge.child_door import ChildDoor
from edge.counters import Counters
from edge.delivery_settings import CacheSettings, DeliverySettings
from edge.flight import Flights
from edge.link import NodeLink
from edge.listener import END_SECONDS_MAX, Listener
from edge.members import Members
from edge.messages import Told
from edge.nodedb import NodeDb
from edge.page import SharedPage, Slot
from edge.parts import Outside, Parts, assemble
from edge.plain import Plain
from edge.reserve import Reserve
from edge.settings import EdgeSettings
from edge.starts import Identity
from edge.store.disk import DiskStore
from edge.store.guard import bind_directory
from edge.store.keeper import Keeper
from edge.store.room import Marks, Room
from edge.tier_settings import TierSettings
from tests.replay.clocks import Clocks
from tests.replay.loop import Loop
from tests.replay.network import HeldTier, Line, held_tier, held_wire
from tests.unit.edge.rig import PlayedPool

REGION = "eu-de"
CDN_SECRET = "0123456789abcdef"
START_SECONDS = 0.2
"""A worker looks for its agent that often, and more."""
HOURS = 10_000.0


class HeldLink(NodeLink):
    """A worker's link; while the worker stands still, nothing is taken."""

    runs: asyncio.Event
    is_gone = False
    """Has its process ended?"""

    async def _take(self, value: Told) -> None:
        await self.runs.wait()
        if not self.is_gone:
            await super()._take(value)


class PlayedMembers(Members):
    """The worker is no process: whoever would be killed is ended."""

    def __init__(self, page: SharedPage, end: Callable[[], Awaitable[None]]) -> None:
        super().__init__(page)
        self._end = end

    async def _kill(self, slot: Slot) -> None:
        self.killed += 1
        await self._end()


async def _no_purge(_: Any) -> Plain:
    return Plain(status=503, headers=(), body=b"")


class PlayedNode:
    """Start, crash, start again. What lies on its disk stays."""

    def __init__(
        self,
        group: asyncio.TaskGroup,
        loop: Loop,
        directory: Path,
        origin: Callable[[], Any],
        *,
        parent: Callable[[], Any] | None = None,
    ) -> None:
        self.clocks = Clocks(loop)
        self.line = Line()
        self.runs = asyncio.Event()
        self.killed = 0
        self.agent: agent_process._Parts
        self.link: HeldLink
        self.parts: Parts
        self.page: SharedPage
        self._group = group
        self._loop = loop
        self._origin = origin
        self._parent = parent
        self._listener: Listener | None = None
        self._door: Listener | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.settings = EdgeSettings(
            listen="127.0.0.1:1",
            region=REGION,
            workers=1,
            data_dir=directory,
            run_dir=directory / "run",
            cache=CacheSettings(ram_bytes_max=4 * 2**20, disk_bytes_max=32 * 2**20, disk_free_bytes_min=0),
            delivery=DeliverySettings(fill_seconds_max=HOURS, keepalive_seconds=HOURS, progress_seconds_max=HOURS),
            cdn=CdnSettings(kind="fastly", secret=Secret(CDN_SECRET)),
            tier=TierSettings(parent_region=None if parent is None else REGION),
        )
        self.settings.run_path.mkdir(parents=True)

    @property
    def is_up(self) -> bool:
        return self._listener is not None

    async def start(self) -> None:
        """The node's supervisor would: a new page, an agent, a worker."""
        self.runs.set()
        boot = secrets.randbits(63) | 1
        bind_directory(self.settings.cache_path, REGION)
        self.page = SharedPage.create(self.settings.page_path, workers=1, now_ns=self.clocks.boottime_ns)
        self._spawn(self._agent(f"{boot:032x}"))
        await self._loop.settle()
        self._spawn(self._worker(boot))
        await self._loop.settle(START_SECONDS)
        assert self.is_up, "the node does not start"

    async def crash(self) -> None:
        """Both processes are gone, as is what they held in memory."""
        if not self._tasks:
            return
        self._stand_down()
        await self._loop.through(self._ended())
        self.page.close()

    async def _ended(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    def _stand_down(self) -> None:
        self._listener = self._door = None
        self.link.is_gone = True
        self.runs.set()

    def viewers(self) -> Any:
        """A protocol for a viewer's connection. Raises OSError when nobody listens."""
        if self._listener is None:
            raise ConnectionRefusedError("the node is down")
        return self._listener()

    def children(self) -> Any:
        if self._door is None:
            raise ConnectionRefusedError("the node is down")
        return self._door()

    def worker_now_ns(self) -> int:
        """As the worker reads the clock."""
        return self.clocks.boottime_ns()

    def _spawn(self, work: Any) -> None:
        self._tasks.append(self._group.create_task(work))

    async def _worker_killed(self) -> None:
        """Its connections end with it; another one is started in the place of it by hand."""
        self.killed += 1
        self._stand_down()
        self._tasks.pop().cancel()
        self.page.slots[0].clear()

    async def _agent(self, boot: str) -> None:
        settings = self.settings
        async with AsyncExitStack() as stack:
            reserve = Reserve(settings.cache_path)
            db = NodeDb(settings.cache_path / agent_process.DATABASE, give_room=reserve.spend)
            await db.open()
            stack.push_async_callback(db.close)
            wire = await stack.enter_async_context(held_wire(self.line, self._origin, REGION))
            members = PlayedMembers(self.page, self._worker_killed)
            stack.callback(members.close)
            who = Identity(node=await db.node_id(), boot=boot, region=REGION, authorities=("edge:1",))
            parts = agent_process._assemble(
                settings,
                who,
                self.page,
                db,
                wire,
                members,
                reserve=reserve,
                load=lambda: settings,
                wall_clock=self.clocks.wall,
            )
            self.agent = parts
            await parts.agent.start()
            await parts.register.start()
            async with asyncio.TaskGroup() as group:
                group.create_task(parts.desk.serve(settings.agent_socket))
                group.create_task(parts.agent.run())
                group.create_task(parts.register.run())
                group.create_task(parts.reports.run())

    async def _worker(self, boot: int) -> None:
        settings, delivery = self.settings, self.settings.delivery
        async with AsyncExitStack() as stack:
            link = await stack.enter_async_context(
                HeldLink.open(settings, slot=0, boot=boot, now_ns=self.worker_now_ns)
            )
            assert isinstance(link, HeldLink)
            link.runs = self.runs
            self.link = link
            counters = Counters(link.slot.counters)
            wire = await stack.enter_async_context(held_wire(self.line, self._origin, REGION))
            peers = await stack.enter_async_context(PeerClient.open(settings.worker_socket, answer_seconds_max=1.0))
            tier: HeldTier | None = None
            if self._parent is not None:
                tier = await stack.enter_async_context(held_tier(self.line, self._parent, REGION))
            flights = await stack.enter_async_context(
                Flights.open(
                    fills_max=delivery.fills_max,
                    queued_max=delivery.fills_queued_max,
                    queued_tenant_max=delivery.fills_queued_tenant_max,
                    queued_seconds_max=delivery.fills_queued_seconds_max,
                    fill_seconds_max=delivery.fill_seconds_max,
                )
            )
            disk = DiskStore(
                settings.cache_path,
                region=REGION,
                slot=0,
                workers=1,
                marks=Marks.of(settings.cache.disk_bytes_max),
                register=link,
                room=Room(settings.cache_path, free_bytes_min=0, free_files_min=0),
                count=counters.add,
                clock=self.clocks.monotonic,
            )
            outside = Outside(
                link=link,
                counters=counters,
                wire=wire,
                peers=peers,
                pool=cast("DecoderPool", PlayedPool()),
                disk=disk,
                flights=flights,
                purge=_no_purge,
                parent=tier,
                wall_clock=self.clocks.wall,
                clock=self.clocks.monotonic,
            )
            parts = self.parts = assemble(settings, 0, outside)
            stack.callback(parts.tiers.originals.clear)
            link.on_entry, link.on_lock = parts.tiers.on_entry, parts.tiers.on_lock
            link.on_current = parts.app.hot.release
            background = await stack.enter_async_context(Background(structlog.get_logger()))
            keeper = Keeper(
                disk, may_stay=parts.tiers.lookup.may_stay, scrub_bytes_per_second=0, wall_clock=self.clocks.wall
            )
            background.keep("disk_chores", keeper.chores)
            background.keep("disk_minding", keeper.mind)
            self._listener = Listener(
                parts.app.handle,
                hot=parts.app.hot,
                front=parts.app.front,
                counters=counters,
                region=REGION,
                bounds=bounds_of(settings),
            )
            self._door = Listener(
                self._child_door(parts).handle,
                counters=counters,
                region=REGION,
                bounds=bounds_between_workers(settings),
            )
            listeners = self._listener, self._door
            link.listening()
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                for listener in listeners:
                    await listener.shutdown(END_SECONDS_MAX)

    def _child_door(self, parts: Parts) -> ChildDoor:
        app = parts.app
        return ChildDoor(
            deliverer=app.deliverer,
            responses=app.responses,
            counters=app.counters,
            region=REGION,
            requests_max=app.requests_max,
            in_progress=app.in_progress,
            progress_seconds_max=HOURS,
            wall_clock=self.clocks.wall,
        )
