"""Who is next? Cloud by cloud, by the work that each has had: a flood of one makes another wait for a turn, not for it all.

    ask -> waiting (bounded, and for each tenant) -> working (bounded in turns, and in cost) -> leave

Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996): each job has a tag, which is the work that its tenant has
had and asked for before it, and the smallest is next. A tenant that was idle starts at the present, so that it saves
nothing up and owes nothing. A job that finds no room for its cost lets smaller ones pass it, `PASSES_MAX` of them; then
all wait until it fits. Decides only: no clock, no event loop, the same calls give the same order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

PASSES_MAX = 8
"""Jobs that may start before one that was next and did not fit."""


class LineFull(Exception):
    """No more may wait; `is_own`: of this tenant."""

    def __init__(self, *, is_own: bool) -> None:
        super().__init__(is_own)
        self.is_own = is_own


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnLimits:
    """Bounds of one line."""

    turns: int
    """Jobs in work at a time, at least 1."""
    cost_max: int
    """Cost in work at a time; a job of more counts as this much, so it works alone."""
    waiting_max: int
    waiting_tenant_max: int


@dataclass(slots=True, eq=False)
class Ticket:
    """One job's place."""

    tenant: str
    cost: int
    number: int
    passed: int = 0
    """Jobs that started before it although it was next."""
    is_working: bool = False


@dataclass(slots=True)
class Turns:
    """The line before one pool of workers."""

    limits: TurnLimits
    working: int = 0
    working_cost: int = 0
    waiting: int = 0
    _now: int = 0
    """Tag of the latest job that was next and started."""
    _had: dict[str, int] = field(default_factory=dict)
    """Tag of each tenant's first waiting job, or of the one that it may ask for next."""
    _lines: dict[str, deque[Ticket]] = field(default_factory=dict)
    _asked: int = 0

    def ask(self, tenant: str, cost: int) -> tuple[Ticket, Ticket | None]:
        """A place, in work at once if there is room; and who lost theirs for it. Raises LineFull.

        A full line takes a place from the tenant that has most of them, if the newcomer's has fewer still: its newest.
        """
        limits = self.limits
        self._asked += 1
        ticket = Ticket(tenant, min(max(1, cost), limits.cost_max), self._asked)
        if tenant not in self._lines:
            self._lines[tenant] = deque()
            self._had[tenant] = max(self._now, self._had.get(tenant, 0))
        self._lines[tenant].append(ticket)
        self.waiting += 1
        self._start()
        if ticket.is_working:
            return ticket, None
        if len(self._lines[tenant]) > limits.waiting_tenant_max:
            self._forget(ticket)
            raise LineFull(is_own=True)
        if self.waiting <= limits.waiting_max:
            return ticket, None
        loser = max(self._lines.values(), key=lambda line: (len(line), line[-1].number))[-1]
        if len(self._lines[loser.tenant]) <= len(self._lines[tenant]):
            loser = ticket
        self._forget(loser)
        if loser is ticket:
            raise LineFull(is_own=False)
        return ticket, loser

    def leave(self, ticket: Ticket) -> list[Ticket]:
        """It has ended, or does not wait any longer. Who starts now. Nothing for a ticket that has lost its place."""
        if ticket.is_working:
            ticket.is_working = False
            self.working -= 1
            self.working_cost -= ticket.cost
        elif ticket in self._lines.get(ticket.tenant, ()):
            self._forget(ticket)
        return self._start()

    def _start(self) -> list[Ticket]:
        started: list[Ticket] = []
        while self.waiting and self.working < self.limits.turns and (found := self._next()) is not None:
            tag, ticket = found
            self._forget(ticket)
            self._now = max(self._now, tag)
            self._had[ticket.tenant] = self._had.get(ticket.tenant, self._now) + ticket.cost
            ticket.is_working = True
            self.working += 1
            self.working_cost += ticket.cost
            started.append(ticket)
        self._forget_idle()
        return started

    def _next(self) -> tuple[int, Ticket] | None:
        """The first in order that fits, and its tag; None when there is none, or one has been passed often enough."""
        room = self.limits.cost_max - self.working_cost
        passed: list[Ticket] = []
        for tag, _, ticket in sorted(chain.from_iterable(map(self._tagged, self._lines))):
            if ticket.cost <= room:
                for other in passed:
                    other.passed += 1
                return tag, ticket
            if ticket.passed >= PASSES_MAX:
                return None
            passed.append(ticket)
        return None

    def _tagged(self, tenant: str) -> Iterator[tuple[int, int, Ticket]]:
        tag = self._had[tenant]
        for ticket in self._lines[tenant]:
            yield tag, ticket.number, ticket
            tag += ticket.cost

    def _forget(self, ticket: Ticket) -> None:
        line = self._lines[ticket.tenant]
        line.remove(ticket)
        self.waiting -= 1
        if not line:
            del self._lines[ticket.tenant]

    def _forget_idle(self) -> None:
        """Who waits for nothing and has had no more than anybody else: the dictionary holds no tenant for ever."""
        if not self.working and not self.waiting:
            self._had.clear()
            self._now = 0
            return
        for tenant in [t for t, had in self._had.items() if had <= self._now and t not in self._lines]:
            del self._had[tenant]
