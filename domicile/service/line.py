"""Waiting for a turn, on the event loop. Who is next is decided in `turns.py`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from domicile.media.errors import Overloaded
from domicile.service.turns import LineFull, Ticket, TurnLimits, Turns

TURNED_AWAY = ("tenant", "full", "displaced", "late")
"""Why: too many of its own cloud wait; too many at all; it was the newest of the cloud with most, when a cloud with fewer
came to a full line; it waited too long."""


class LineObserver(Protocol):
    """Where the numbers of a line go: no label ever says whose they are."""

    def on_queue_depth(self, depth: int) -> None: ...

    def on_working(self, jobs: int) -> None: ...

    def on_wait(self, seconds: float) -> None:
        """What one job waited that has its turn now."""

    def on_turned_away(self, reason: str) -> None:
        """`reason`: one of TURNED_AWAY."""


class Line:
    """Turns of jobs, cloud by cloud. Use from one event loop."""

    def __init__(
        self,
        limits: TurnLimits,
        *,
        seconds_max: float,
        complaint: str,
        observer: LineObserver | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`seconds_max`: of waiting. `complaint`: what those are told who get no turn."""
        self._turns = Turns(limits)
        self._seconds_max = seconds_max
        self._complaint = complaint
        self._observer = observer
        self._clock = clock
        self._started: dict[Ticket, asyncio.Future[None]] = {}

    @property
    def waiting(self) -> int:
        return self._turns.waiting

    @property
    def working(self) -> int:
        return self._turns.working

    @asynccontextmanager
    async def turn(self, tenant: str, cost: int = 1) -> AsyncIterator[None]:
        """One turn. Raises Overloaded: too many wait, of this cloud or at all, or the wait was too long."""
        arrived = self._clock()
        ticket = self._ask(tenant, cost)
        try:
            if not ticket.is_working:
                await self._wait(ticket)
            if self._observer is not None:
                self._observer.on_wait(self._clock() - arrived)
            yield
        finally:
            for other in self._turns.leave(ticket):
                self._settle(other)
            self._tell()

    def _ask(self, tenant: str, cost: int) -> Ticket:
        try:
            ticket, loser = self._turns.ask(tenant, cost)
        except LineFull as full:
            raise self._turned_away("tenant" if full.is_own else "full") from full
        if loser is not None:
            self._settle(loser)
        self._tell()
        return ticket

    async def _wait(self, ticket: Ticket) -> None:
        future = self._started[ticket] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._seconds_max):
                await future
        except TimeoutError as late:
            raise self._turned_away("late") from late
        finally:
            self._started.pop(ticket, None)
        if not ticket.is_working:
            raise self._turned_away("displaced")

    def _settle(self, ticket: Ticket) -> None:
        """It has its turn, or has lost its place: whoever waits with it looks which."""
        future = self._started.pop(ticket, None)
        if future is not None and not future.done():
            future.set_result(None)

    def _turned_away(self, reason: str) -> Overloaded:
        if self._observer is not None:
            self._observer.on_turned_away(reason)
        return Overloaded(self._complaint)

    def _tell(self) -> None:
        if self._observer is not None:
            self._observer.on_queue_depth(self._turns.waiting)
            self._observer.on_working(self._turns.working)
