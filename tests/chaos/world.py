"""Three edges of two workers, their origin, perhaps its PostgreSQL with a standby: real processes, and what may happen to them.

Each edge reaches its origin over a way of its own that the test can hold up or cut, and so does the origin its database. The clocks
of two edges run wrong within what the lease allows for, and the wall clock of one jumps now and then.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from sqlalchemy.engine import make_url

from tests.chaos.bounds import Absence, Trouble, hung, over
from tests.chaos.plan import HANGS, Event, Kind
from tests.chaos.relay import Relay, relayed, relayed_port
from tests.infra.standby import Pair
from tests.integration.node_process import Node, write_policy
from tests.integration.origin_process import OriginProcess

WORKERS = 2
START_SECONDS_MAX = 150.0
"""Of all edges at once, on a machine that does other things."""
CLOCKS = Path(__file__).parent / "clocks"
WRONG = ("", "1.01:10000", "0.99:-250000")
"""rate:wall of each edge; the origin allows for edges that are a hundredth slow."""
LEASES_BETWEEN_JUMPS = 4
"""Of the last edge's wall clock: each ends its lease at once."""
ORIGIN_ENVIRONMENT = {"DOMICILE_ORIGIN_POOL_PROCESSES": "1", "DOMICILE_ORIGIN_ADMIN_CALLS_MAX": "1000000000"}
EDGE_ENVIRONMENT = {
    "DOMICILE_EDGE_POOL_PROCESSES": "1",
    "DOMICILE_EDGE_CACHE_RAM_BYTES_MAX": str(512 * 1024),
    "DOMICILE_EDGE_DELIVERY_PROGRESS_SECONDS_MAX": "2",
}


def jumping(lease_seconds: float) -> tuple[str, ...]:
    """Of the same edges; the last one's jumps."""
    return (*WRONG[:-1], f"{WRONG[-1]}:{LEASES_BETWEEN_JUMPS * lease_seconds:g}")


@dataclass(frozen=True, slots=True)
class Happened:
    """On the clock of the test."""

    lane: str
    kind: Kind
    began: float
    ended: float


@dataclass(slots=True)
class World:
    directory: Path
    lease_seconds: float
    origin: OriginProcess
    nodes: list[Node]
    relays: list[Relay]
    pair: Pair | None = None
    to_database: Relay | None = None
    clocks: tuple[list[str], ...] = ()
    began_at: float = field(default_factory=time.monotonic)
    absences: list[Absence] = field(default_factory=list)
    done: Counter[Kind] = field(default_factory=Counter)
    happened: list[Happened] = field(default_factory=list)
    _origin_turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Origin and database are not taken away at once: then nobody could tell which bound holds."""

    def troubles(self) -> list[Trouble]:
        """What edges are waited for, in order."""
        killed = [one.began for one in self.happened if one.kind is Kind.KILL_NODE]
        ended = [over(at, self.lease_seconds) for at in [*killed, *self.jumps()]]
        return sorted([*ended, *(hung(one.began, one.ended) for one in self.happened if one.kind in HANGS)])

    def jumps(self) -> list[float]:
        """When clocks that jump did so until now, by the monotonic clock, in order: see `clocks/sitecustomize.py`."""
        found: list[float] = []
        for rate, jump in (map(float, (rate, jumps[0])) for rate, _, *jumps in self.clocks if jumps):
            theirs = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) * (1 - rate)
            last = time.monotonic() - theirs % jump / rate
            found += [last - ago * jump / rate for ago in range(int((last - self.began_at) * rate / jump) + 1)]
        return sorted(found)

    async def happen(self, lane: str, event: Event) -> None:
        """Do it, for as long as it lasts."""
        await asyncio.sleep(event.pause)
        began = time.monotonic()
        if lane == "origin":
            async with self._origin_turn:
                await self._to_origin(event)
        elif lane == "database":
            async with self._origin_turn:
                await self._fail_over()
        else:
            await self._to_edge(int(lane.removeprefix("edge ")), event)
        self.done[event.kind] += 1
        self.happened.append(Happened(lane, event.kind, began, time.monotonic()))

    # --- edges ------------------------------------------------------------------------------------------------------

    async def _to_edge(self, number: int, event: Event) -> None:
        relay, node = self.relays[number], self.nodes[number]
        match event.kind:
            case Kind.HOLD | Kind.HOLD_UP | Kind.HOLD_DOWN:
                relay.hold(up=event.kind is not Kind.HOLD_DOWN, down=event.kind is not Kind.HOLD_UP)
                await asyncio.sleep(event.seconds)
                relay.free()
            case Kind.RESET:
                relay.cut()
                await asyncio.sleep(event.seconds)
                relay.free()
            case Kind.KILL_AGENT | Kind.KILL_WORKER:
                kill(self._children(number, event), signal.SIGKILL)
            case Kind.STOP_AGENT | Kind.STOP_WORKER:
                await stopped(self._children(number, event), event.seconds)
            case Kind.STOP_NODE:
                await stopped(tree_of(node), event.seconds)
            case Kind.KILL_NODE:
                kill(tree_of(node), signal.SIGKILL)
                await node.stop()
                await node.start(START_SECONDS_MAX)
            case _:
                raise ValueError(f"{event.kind} does not happen to an edge")

    def _children(self, number: int, event: Event) -> list[psutil.Process]:
        """The agent, or one of the workers; none while it is being started."""
        if event.kind in {Kind.KILL_AGENT, Kind.STOP_AGENT}:
            return role_of(self.nodes[number], "agent")
        return role_of(self.nodes[number], "worker")[event.pick :][:1]

    # --- the origin -------------------------------------------------------------------------------------------------

    async def _to_origin(self, event: Event) -> None:
        began, is_start = time.monotonic(), event.kind is not Kind.STOP_ORIGIN
        if is_start:
            how = signal.SIGKILL if event.kind is Kind.KILL_ORIGIN else signal.SIGTERM
            await asyncio.to_thread(self.origin.stop, how)
            await asyncio.sleep(event.seconds)
            await asyncio.to_thread(self.origin.start)
        else:
            assert self.origin.process is not None
            await stopped([psutil.Process(self.origin.process.pid)], event.seconds)
        self.absences.append(Absence(began, time.monotonic(), is_start=is_start))

    async def _fail_over(self) -> None:
        assert self.pair is not None
        assert self.to_database is not None
        began = time.monotonic()
        self.to_database.cut()
        await asyncio.to_thread(self.pair.fail_over)
        self.to_database.free()
        self.absences.append(Absence(began, time.monotonic(), is_database=True))
        await asyncio.to_thread(self.pair.stand_by)

    def logs(self) -> str:
        """The ends of all of them."""
        files = [self.origin.log, *(node.log for node in self.nodes)]
        return "\n".join(f"--- {file}\n{file.read_text('utf-8', 'replace')[-2500:]}" for file in files if file.exists())


def role_of(node: Node, role: str) -> list[psutil.Process]:
    assert node.process is not None
    with contextlib.suppress(psutil.NoSuchProcess):
        return [child for child in psutil.Process(node.process.pid).children() if role in _words(child)]
    return []


def tree_of(node: Node) -> list[psutil.Process]:
    """The supervisor first, so that it starts nothing again."""
    assert node.process is not None
    supervisor = psutil.Process(node.process.pid)
    return [supervisor, *supervisor.children(recursive=True)]


def _words(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.cmdline()
    return []


def kill(processes: list[psutil.Process], how: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(how)


async def stopped(processes: list[psutil.Process], seconds: float) -> None:
    """There, and doing nothing: as a machine that swaps, or a guest that is moved."""
    kill(processes, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        kill(processes, signal.SIGCONT)


@asynccontextmanager
async def running_world(
    *, lease_seconds: float, clocks: tuple[str, ...] = WRONG, pair: Pair | None = None
) -> AsyncIterator[World]:
    """One edge for each clock."""
    directory = Path(tempfile.mkdtemp(prefix="dom-"))  # paths of sockets are short
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        environment, to_database = dict(ORIGIN_ENVIRONMENT), None
        if pair is not None:
            to_database = await stack.enter_async_context(relayed_port(lambda: pair.port))
            url = make_url(await asyncio.to_thread(pair.primary.database)).set(port=to_database.port)
            environment["DOMICILE_ORIGIN_RECORDS_DATABASE_URL"] = url.render_as_string(hide_password=False)
        origin = OriginProcess(directory, environment)
        nodes = [_node(directory / f"e{number}", clock) for number, clock in enumerate(clocks)]
        world = World(directory, lease_seconds, origin, nodes, [], pair=pair, to_database=to_database)
        world.clocks = tuple(clock.split(":") for clock in clocks if clock)
        stack.callback(_end_origin, origin)
        write_policy(origin.data, lease_seconds)
        await asyncio.to_thread(origin.start)
        for node in nodes:
            world.relays.append(await stack.enter_async_context(relayed(node.directory / "wire.sock", origin.socket)))
            stack.push_async_callback(node.stop, signal.SIGKILL)
        async with asyncio.TaskGroup() as group:
            for node in nodes:
                group.create_task(node.start(START_SECONDS_MAX))
        yield world


def _node(directory: Path, clock: str) -> Node:
    directory.mkdir()
    skew: Mapping[str, str] = {"CHAOS_CLOCK": clock, "PYTHONPATH": str(CLOCKS)} if clock else {}
    return Node(directory, WORKERS, {**EDGE_ENVIRONMENT, **skew})


def _end_origin(origin: OriginProcess) -> None:
    if origin.process is not None:
        origin.stop(signal.SIGKILL)
