"""A node's lease: which grants are pending, what they wait for, what counts now, and what happens when it is over.

A grant counts from the moment everything up to its heads is applied (E3); then keys, policies and the deadline change in
one step without an await, so that no worker sees half of it. A tenant whose journal the origin cannot continue is
refused; the others go on. Callers hold the agent's lock around everything that awaits here.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

from domicile.media.journal import Head
from domicile.media.wire import LeaseAnswer, TenantLease
from edge.journal import Standing, standing
from edge.lease import NANOSECONDS, PendingLease, deadline_ns, is_set
from edge.node import Node, new_fence
from edge.nodedb import NodeDb, NoRoom

NOT_CONTINUED = "the origin's journal does not continue what this node has applied; was it put back to an older state?"

log = structlog.get_logger("edge.tenure")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A lease request and its answer."""

    sent_ns: int
    """CLOCK_BOOTTIME before the request left: the lease counts from here."""
    cursors: Mapping[str, Head]
    """How far each tenant had come then; the origin must know as much. (Entries may arrive before the answer does.)"""
    answer: LeaseAnswer
    boot: str
    """Under which it was asked for."""
    wall_ahead_ns: int
    """By how much the wall clock was ahead of CLOCK_BOOTTIME then."""


class Tenure:
    """The lease of one node."""

    def __init__(
        self, node: Node, db: NodeDb, *, locked_seconds_max: float, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self.refused: dict[str, str] = {}
        """tenant -> the origin's reason for granting nothing here."""
        self.lag: dict[str, int] = {}
        """tenant -> entries that the last lease named and this node has not applied."""
        self.lease_seconds = 0.0
        self._node = node
        self._page = node.page
        self._db = db
        self.locked_seconds_max = locked_seconds_max
        self._wall_clock = wall_clock
        self._locked = True
        self._sent_ns = 0
        self._wall_ahead_ns = self.wall_ahead_ns()
        """When the lease that counts was asked for; or now, of one that an agent before this one has asked for."""
        self._asked_ahead_ns = 0
        self._voided = 0
        self._home = ""
        self._pending: PendingLease | None = None
        self._left_out: set[str] = set()
        """Tenants that are granted and cannot be followed, because the disk is full."""
        self._leases: dict[str, TenantLease] = {}

    @property
    def leased(self) -> bool:
        return self._page.lease_deadline_ns > self._page.now_ns()

    @property
    def headroom_seconds(self) -> float:
        """Seconds until the lease ends; 0 without one."""
        return max(0.0, (self._page.lease_deadline_ns - self._page.now_ns()) / NANOSECONDS)

    @property
    def knows_all(self) -> bool:
        """Has this agent heard which tenants there are, and does all of that count?"""
        return bool(self._sent_ns) and self._pending is None and not self._left_out

    async def accept(self, asked: Asked) -> None:
        """Take a lease as pending. One that was asked for before the present one is left aside."""
        if asked.sent_ns < self._sent_ns:
            return
        answer, voided = asked.answer, self._voided
        if answer.former_seconds is not None:
            ends_ns = deadline_ns(sent_ns=asked.sent_ns, lease_seconds=answer.former_seconds)
            self._page.lease_deadline_ns = min(self._page.lease_deadline_ns, ends_ns)
        self._left_out.clear()
        heads: dict[str, Head] = {}
        leases: dict[str, TenantLease] = {}
        for lease in answer.tenants:
            if await self._admit(lease, asked.cursors.get(lease.tenant)):
                heads[lease.tenant], leases[lease.tenant] = lease.head, lease
        for name in set(self._node.tenants) - {lease.tenant for lease in answer.tenants}:
            self._node.withdraw(name)
            log.warning("tenant_withdrawn")
            await _at_best(self._db.remove(name))
        if voided != self._voided:  # meanwhile
            return
        self.refused = dict(answer.refused)
        self.lease_seconds = answer.lease_seconds
        self._sent_ns, self._home, self._leases = asked.sent_ns, answer.region, leases
        self._asked_ahead_ns = asked.wall_ahead_ns
        deadline = deadline_ns(sent_ns=asked.sent_ns, lease_seconds=answer.lease_seconds)
        self._pending = PendingLease(deadline_ns=deadline, heads=heads)
        self.settle()

    def announce(self, answer: LeaseAnswer) -> None:
        """Give workers new keys and policies at once, ahead of the journal entry that makes them count."""
        for lease in answer.tenants:
            tenant = self._node.tenants.get(lease.tenant)
            if tenant is not None and tenant.grant is not None:
                self._node.grant(lease, home=answer.region)

    def settle(self) -> None:
        """Let the pending lease count, if everything up to its heads is applied."""
        if self._pending is None:
            return
        cursors = self._node.cursors()
        heads = self._pending.heads.items()
        self.lag = {name: max(0, head.seq - cursors[name].seq) for name, head in heads if name in cursors}
        if not self._pending.usable(cursors):
            return
        self.lock_if_over()
        for lease in self._leases.values():
            self._node.grant(lease, home=self._home)
        self._page.lease_deadline_ns = self._pending.deadline_ns
        self._wall_ahead_ns = self._asked_ahead_ns
        self._pending, self._locked = None, False

    def wall_ahead_ns(self) -> int:
        """By how much the wall clock is ahead of CLOCK_BOOTTIME."""
        return int(self._wall_clock() * NANOSECONDS) - self._page.now_ns()

    def clock_was_set(self) -> bool:
        """Since the lease that counts was asked for: by somebody, or because this machine was put back, and told the time."""
        return self.leased and is_set(self._wall_ahead_ns, self.wall_ahead_ns())

    def void(self) -> None:
        """Nothing that was granted counts any more, as after a start; keys are locked."""
        self._voided += 1
        self._page.lease_deadline_ns = min(self._page.lease_deadline_ns, self._page.now_ns())
        self._pending, self._leases, self._sent_ns = None, {}, 0
        self.lock_if_over()

    async def refuse(self, name: str) -> None:
        """Serve a tenant no longer whose journal is not the one this node knows."""
        log.error("journal_not_continued")
        self._node.refuse(self._node.tenants[name], NOT_CONTINUED)
        self._leases.pop(name, None)
        if self._pending is not None:
            heads = {tenant: head for tenant, head in self._pending.heads.items() if tenant != name}
            self._pending = PendingLease(deadline_ns=self._pending.deadline_ns, heads=heads)
        await _at_best(self._db.void(name))

    def lock_if_over(self) -> None:
        """Wrap the keys when the lease is over, and drop them when it has been over for long."""
        if self.leased:
            return
        if not self._locked:
            self._locked = True
            self._node.lock()
            log.warning("keys_locked")
        over_ns = self._page.now_ns() - self._page.lease_deadline_ns
        if over_ns > self.locked_seconds_max * NANOSECONDS and len(self._node.keyring):
            self._node.keyring.clear()
            log.warning("keys_dropped")

    async def _admit(self, lease: TenantLease, cursor: Head | None) -> bool:
        """May this tenant's grant count, as far as its head tells? `cursor`: ours when the lease was asked for."""
        tenant = self._node.tenants.get(lease.tenant)
        if tenant is None:
            try:
                await self._db.save(lease.tenant, lease.head, new_fence(lease.head), lease.head.epoch)
            except NoRoom:  # without its cursor a tenant cannot be followed; those that are go on
                log.warning("tenant_not_adopted")
                self._left_out.add(lease.tenant)
                return False
            self._node.adopt(lease.tenant, lease.head)
            return True
        if standing(cursor or tenant.cursor, lease.head) is Standing.REGRESSED:
            await self.refuse(lease.tenant)
            return False
        tenant.refused = ""
        return True


async def _at_best(write: Awaitable[None]) -> None:
    """On a full disk, rows of a tenant that is not served stay behind; they are judged again when it is granted again."""
    try:
        await write
    except NoRoom:
        log.warning("rows_left_behind")
