"""One fill per key, however many ask: the first request starts it, the others wait for the same result.

A fill belongs to the cache and not to a client: a client that leaves ends nothing. It runs in the worker's task group.
What fetches and renders takes a turn, at most `fills_max` at a time; how many wait for one is bounded, and how long, and
clouds take turns (`domicile/service/turns.py`), so that one that asks for much leaves the others their place.
Waiting for another worker's fill takes none: two workers that wait for each other must not use up each other's turns.

A purge closes the fills it may concern to newcomers: who asks after a purge must not be given what was read before it.
Those who had joined before are given the result, look at the fence themselves (edge.deliver), and ask again if need be.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from domicile.media.asset import Aid
from domicile.media.errors import MediaError, Overloaded, UpstreamUnavailable
from domicile.media.journal import Entry, Kind
from domicile.media.timing import Span
from domicile.service.line import Line
from domicile.service.turns import TurnLimits
from edge.store.port import Stored, StoredHead

OVERLOADED = "Too many pictures are being made; try again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Made, and on disk: too large to be held in memory for everybody who waits, each reads the file for himself."""

    head: StoredHead


Outcome = Stored | Published


@dataclass(slots=True, eq=False)
class Fill:
    """One fetch and render under way. Its work tells what it learns, so that a purge can be compared with it."""

    key: str
    tenant: str
    names: frozenset[str]
    result: asyncio.Future[Outcome]
    contributors: frozenset[Aid] | None = None
    """None until the name is resolved; until then every aid may be the one."""
    sequence: int | None = None
    is_open: bool = True
    """May newcomers join?"""
    is_kept: bool = False
    """Did a tier take the result?"""
    makes: str = ""
    """The cache key it makes, once that is known; requests that read a path in several ways may end at the same one."""
    tier: str | None = None
    """Where the result was found; None when it was made."""
    is_collapsed: bool = False
    """Was it another fill that made the result?"""
    spans: tuple[Span, ...] = ()
    """What took how long, for the Server-Timing of those who waited."""

    def resolved(self, contributors: Iterable[Aid], sequence: int) -> None:
        self.contributors = frozenset(contributors)
        self.sequence = sequence

    def settle(self, outcome: Outcome) -> None:
        """Give the result to all who wait; the work may go on, to write it to disk."""
        if not self.result.done():
            self.result.set_result(outcome)

    def settle_as(self, other: Fill, outcome: Outcome) -> None:
        """Give on what another fill gave."""
        self.is_kept, self.spans, self.tier = other.is_kept, other.spans, other.tier
        self.settle(outcome)

    def fail(self, error: BaseException) -> None:
        if not self.result.done():
            self.result.set_exception(error)
            self.result.exception()  # seen: all who waited may have left


def concerns(entry: Entry, fill: Fill) -> bool:
    """May this entry have made stale what the fill has read, or is about to read?"""
    if entry.tenant != fill.tenant or (fill.sequence is not None and fill.sequence >= entry.seq):
        return False
    match entry.kind:
        case Kind.CONFIG:
            return True  # the policy says what is rendered and kept
        case Kind.ASSET | Kind.ERASE | Kind.RESTRICT | Kind.NAME:
            if not fill.names.isdisjoint(entry.names):
                return True
            if fill.contributors is None:
                return bool(entry.aids)
            return not fill.contributors.isdisjoint(entry.aids)
        case _:
            return True


Work = Callable[[Fill], Awaitable[None]]
"""Fetches, settles the fill, and may go on with keeping the result."""


class Flights:
    """The fills of one worker process."""

    def __init__(
        self,
        group: asyncio.TaskGroup,
        *,
        fills_max: int,
        queued_max: int,
        queued_tenant_max: int,
        queued_seconds_max: float,
        fill_seconds_max: float,
    ) -> None:
        """`fills_max` at a time, `queued_max` more wait for their turn, `queued_tenant_max` of one tenant, and
        `queued_seconds_max` at most; else Overloaded.
        """
        self._group = group
        self._line = Line(
            TurnLimits(turns=fills_max, cost_max=fills_max, waiting_max=queued_max, waiting_tenant_max=queued_max),
            seconds_max=queued_seconds_max,
            complaint=OVERLOADED,
        )
        self._fills_max = fills_max + queued_max
        self._tenant_max = fills_max + queued_tenant_max
        self._of: Counter[str] = Counter()
        """Fills by tenant; those that wait for another worker count, too."""
        self._fill_seconds_max = fill_seconds_max
        self._open: dict[str, Fill] = {}
        self._making: dict[str, Fill] = {}
        self._running: set[Fill] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        fills_max: int,
        queued_max: int,
        queued_tenant_max: int,
        queued_seconds_max: float,
        fill_seconds_max: float,
    ) -> AsyncIterator[Flights]:
        """Flights with a task group of their own; those under way when the block ends are cancelled."""
        async with asyncio.TaskGroup() as group:
            flights = cls(
                group,
                fills_max=fills_max,
                queued_max=queued_max,
                queued_tenant_max=queued_tenant_max,
                queued_seconds_max=queued_seconds_max,
                fill_seconds_max=fill_seconds_max,
            )
            try:
                yield flights
            finally:
                for task in flights._tasks:
                    task.cancel()

    def __len__(self) -> int:
        return len(self._running)

    def begin(
        self, key: str, *, tenant: str, names: Iterable[str], work: Work, takes_turn: bool = True
    ) -> tuple[Fill, bool]:
        """The fill for `key`, and whether it was there already. Wait with `result`. Raises Overloaded."""
        fill = self._open.get(key)
        if fill is not None and fill.is_open:
            return fill, True
        if len(self._running) >= self._fills_max or self._of[tenant] >= self._tenant_max:
            raise Overloaded(OVERLOADED)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        fill = Fill(key=key, tenant=tenant, names=frozenset(names), result=future)
        self._open[key] = fill
        self._running.add(fill)
        self._of[tenant] += 1
        run = partial(self._in_turn, work) if takes_turn else work
        task = self._group.create_task(self._run(fill, run), name="fill")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return fill, False

    def maker_of(self, key: str, fill: Fill) -> Fill | None:
        """Another fill that makes this very object; None when `fill` does it from now on."""
        other = self._making.get(key)
        if other is not None and other is not fill and other.is_open and not fill.makes:
            return other
        self._making.pop(fill.makes, None)
        self._making[key] = fill
        fill.makes = key
        return None

    def close(self, fill: Fill) -> None:
        """Let nobody join this fill any more."""
        fill.is_open = False
        if self._open.get(fill.key) is fill:
            del self._open[fill.key]
        if self._making.get(fill.makes) is fill:
            del self._making[fill.makes]

    def on_entry(self, entry: Entry) -> None:
        for fill in [fill for fill in self._open.values() if concerns(entry, fill)]:
            self.close(fill)

    def close_all(self, tenant: str | None = None) -> None:
        """The fence started again, or the lease is lost: nothing that was begun before may be joined."""
        for fill in [fill for fill in self._open.values() if tenant is None or fill.tenant == tenant]:
            self.close(fill)

    async def _in_turn(self, work: Work, fill: Fill) -> None:
        async with self._line.turn(fill.tenant), asyncio.timeout(self._fill_seconds_max):
            await work(fill)

    async def _run(self, fill: Fill, work: Work) -> None:
        try:
            await work(fill)
        except TimeoutError:
            fill.fail(UpstreamUnavailable("The picture took too long to make"))
        except MediaError as refused:
            fill.fail(refused)
        except asyncio.CancelledError:
            fill.fail(UpstreamUnavailable("The server is stopping"))
            raise
        except Exception as bug:  # noqa: BLE001 - a fill has no caller; those who wait report it, the group lives on
            fill.fail(bug)
        finally:
            fill.fail(UpstreamUnavailable("The picture was not made"))
            self.close(fill)
            self._running.discard(fill)
            self._of -= Counter((fill.tenant,))


async def result(fill: Fill) -> Outcome:
    """What the fill gives. Raises its error; a waiter that is cancelled leaves the fill running."""
    return await asyncio.shield(fill.result)
