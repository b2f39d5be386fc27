"""Leases of edges, their acks, and the question that every purge asks: can anybody still serve the old bytes?

There is no lease table (decisions D.1). An entry is fenced once each registered instance has acked it, or its last lease
from before the entry has run out: L(1+rho)+epsilon after the earlier of its last renewal and the commit, on this
process's own monotonic clock. Who starts this process anew waits again for everybody who was registered before.

Why the *earlier*: a lease granted after the commit is usable only once the entry is applied, so it never extends the
wait; and who asked for his first lease after it, having just started again, is not waited for at all. Why the renewal counts from its arrival: the edge counts from its sending, which was before.

An ack is worth something only as long as one machine asks under a boot id (`origin.boots`). Of a boot that is in doubt none counts
until L(1+rho)+epsilon after the last request that made it so: whoever holds a lease under it then has shown the newest nonce.
An entry from before is waited for as ever, since an answer ends the lease before where that does (`former_seconds`).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.errors import BootSplit, Overloaded
from domicile.media.journal import Entry, Head
from domicile.media.wire import Ack, LeaseRequest
from origin.boots import Handed, Showing, packed, unpacked
from origin.catalogue.tables import lease_beat
from origin.records.types import FencedState, Fencing

CLOCK_DRIFT = 0.01
"""rho: how much slower an edge's clock may run than ours."""
CLOCK_MARGIN_SECONDS = 0.25
"""epsilon: scheduling and rounding on both sides."""
INSTANCES_MAX = 1024
SPLIT = "Another one has asked under this id since: begin anew under another"
COMMITS_REMEMBERED_MAX = 10_000
"""Commit times kept; an entry older than all of them counts as committed when the oldest kept one was."""


@dataclass(slots=True, kw_only=True)
class Instance:
    """One start of one edge node."""

    node: str
    boot: str
    renewed_at: float
    """Monotonic time at which its last accepted lease request arrived."""
    first_at: float = float("-inf")
    """And its first, as far as this process knows."""
    lease_seconds: float
    """The longest lease it was ever given."""
    tenants: frozenset[str]
    """Every cloud it was ever given."""
    applied: dict[str, int] = field(default_factory=dict)
    beats: int = 0
    handed: Handed = field(default_factory=Handed)
    showing: Showing = Showing.NEXT
    """Of its last request."""
    doubted_at: float = float("-inf")
    """When somebody last showed what another may have shown as well."""
    former_seconds: float = 0.0
    """What was left, at its last request, of the lease before: of entries that it had not acked by then it may serve bytes no
    longer, even if its own clock stood still for a while.
    """

    @property
    def is_doubted(self) -> bool:
        """When it last asked."""
        return self.doubted_until > self.renewed_at

    @property
    def doubted_until(self) -> float:
        return self.doubted_at + _outlasted(self.lease_seconds)

    def silent_from(self, committed_at: float) -> float:
        """From when on it cannot serve what an entry committed at that time removed, without any ack."""
        return min(self.renewed_at, committed_at) + _outlasted(self.lease_seconds)


def _outlasted(lease_seconds: float) -> float:
    """Seconds after which a lease has run out, whatever its holder's clock says."""
    return lease_seconds * (1 + CLOCK_DRIFT) + CLOCK_MARGIN_SECONDS


class Leases:
    """All instances of one origin process. `monotonic` is the clock; tests bring their own."""

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._started_at = monotonic()
        self._instances: dict[tuple[str, str], Instance] = {}
        self._committed: OrderedDict[tuple[str, int], float] = OrderedDict()
        self._heads: dict[str, int] = {}
        self._dropped: list[tuple[str, str]] = []
        self._strangers_until = float("-inf")
        self._moved = asyncio.Event()

    # --- what the journal tells -----------------------------------------------------------------------------------

    def know_heads(self, heads: Mapping[str, Head]) -> None:
        """Where journals stood at start, or when they began."""
        self._heads.update({tenant: head.seq for tenant, head in heads.items()})

    def committed(self, entry: Entry) -> None:
        """Right after each commit."""
        self._heads[entry.tenant] = entry.seq
        self._committed[entry.tenant, entry.seq] = self._monotonic()
        while len(self._committed) > COMMITS_REMEMBERED_MAX:
            self._committed.popitem(last=False)

    # --- what edges tell --------------------------------------------------------------------------------------------

    async def load(self, connection: AsyncConnection) -> None:
        """Everybody who was registered before this start may hold a lease that we granted a moment ago."""
        for row in await connection.execute(select(lease_beat)):
            handed, is_doubted = unpacked(row.nonces)
            self._instances[row.node, row.boot] = Instance(
                node=row.node,
                boot=row.boot,
                renewed_at=self._started_at,
                lease_seconds=row.lease_seconds,
                tenants=frozenset(msgspec.msgpack.decode(row.tenants, type=list[str])),
                beats=row.beats,
                handed=handed,
                doubted_at=self._started_at if is_doubted else float("-inf"),
            )

    def nodes_of(self, tenant: str) -> frozenset[str]:
        """Those that were given this cloud."""
        return frozenset(one.node for one in self._instances.values() if tenant in one.tenants)

    def alive(self, tenant: str) -> frozenset[tuple[str, str]]:
        """Node and boot of each that was given this cloud and may hold a lease now."""
        now = self._monotonic()
        return frozenset(
            key for key, one in self._instances.items() if tenant in one.tenants and one.silent_from(now) > now
        )

    def tenants_of(self, node: str, boot: str) -> frozenset[str]:
        """That this instance was given; none of one that is not registered."""
        known = self._instances.get((node, boot))
        return frozenset() if known is None else known.tenants

    def expect_strangers(self, lease_seconds: float) -> None:
        """The rows are of an older state: whoever has come since may hold a lease, and nobody knows of him. Until the longest
        of those has run out nothing is fenced. Which nonces were given since, nobody knows either.
        """
        for instance in self._instances.values():
            instance.handed = Handed()
        longest = max([lease_seconds, *(instance.lease_seconds for instance in self._instances.values())])
        self._strangers_until = self._started_at + _outlasted(longest)

    def register(self, asked: LeaseRequest, *, lease_seconds: float, tenants: frozenset[str]) -> Instance:
        """Before the heads are read: an entry committed after that must already know this instance. When it is USED, nothing is
        to be granted.
        """
        arrived_at, node, boot = self._monotonic(), asked.node, asked.boot
        self._drop_silent(arrived_at)
        known = self._instances.get((node, boot))
        if known is not None:
            known.showing = known.handed.judge(asked.nonce)
            if known.showing is not Showing.NEXT:
                known.doubted_at = arrived_at
            known.former_seconds = self._left_of_former(known, asked.heads, arrived_at)
            known.beats += 1
            if known.showing is Showing.USED:
                return known
        else:
            if len(self._instances) >= INSTANCES_MAX:
                raise Overloaded("too many edges")
            known = Instance(
                node=node,
                boot=boot,
                renewed_at=arrived_at,
                first_at=arrived_at,
                lease_seconds=lease_seconds,
                tenants=tenants,
            )
            if asked.nonce and asked.leased:  # by a clock that stood still, or under a catalogue that was lost
                known.first_at, known.doubted_at = float("-inf"), arrived_at
            self._instances[node, boot] = known
        known.renewed_at = arrived_at
        known.lease_seconds = max(known.lease_seconds, lease_seconds)
        known.tenants |= tenants
        known.handed = known.handed.after(asked.nonce)
        return known

    def _left_of_former(self, known: Instance, heads: Mapping[str, Head], now: float) -> float:
        """As an entry is waited for that it has not acked: from its commit. Nothing when it may have begun anew somewhere."""
        went_back = any(head.seq < known.applied.get(tenant, 0) for tenant, head in heads.items())
        if known.showing is not Showing.NEXT or not known.handed.issued or went_back:
            return 0.0
        lacking = ((tenant, head.seq + 1) for tenant, head in heads.items() if head.seq < self._heads.get(tenant, 0))
        first = min((self._committed_at(tenant, seq) for tenant, seq in lacking), default=now)
        return max(0.0, first + known.lease_seconds - now)

    def release(self, asked: LeaseRequest) -> bool:
        """It said that it serves nothing any more; False when another may serve under its id."""
        instance = self._instances.get((asked.node, asked.boot))
        if instance is not None and instance.handed.judge(asked.nonce) is not Showing.NEXT:
            instance.doubted_at = self._monotonic()
            return False
        self._instances.pop((asked.node, asked.boot), None)
        self._wake()
        return True

    def ack(self, ack: Ack) -> None:
        """Unknown instances and entries that do not exist are ignored: nobody acks the future. Raises BootSplit, Overloaded."""
        instance = self._instances.get((ack.node, ack.boot))
        if instance is None:
            return
        match instance.handed.judge(ack.nonce):
            case Showing.USED:
                instance.doubted_at = self._monotonic()
                raise BootSplit(SPLIT)
            case Showing.AGAIN:  # the answer to its last request is on its way to it, or to another
                raise Overloaded("Ask for the lease once more first")
            case Showing.NEXT:
                pass
        for tenant, head in ack.applied.items():
            if head.seq <= self._heads.get(tenant, -1):
                instance.applied[tenant] = max(instance.applied.get(tenant, 0), head.seq)
        self._wake()

    # --- the question -----------------------------------------------------------------------------------------------

    def state(self, tenant: str, seq: int) -> FencedState:
        """How far an entry has come, now."""
        now = self._monotonic()
        committed_at = self._committed_at(tenant, seq)
        acked = suspended = waiting = 0
        left = 0.0
        for instance in self._instances.values():
            if tenant not in instance.tenants or instance.first_at > committed_at:
                continue
            if instance.applied.get(tenant, 0) >= seq and instance.doubted_until <= now:
                acked += 1
            elif (until := instance.silent_from(committed_at)) <= now:
                suspended += 1
            else:
                waiting += 1
                left = max(left, until - now)
        if (strangers := self._strangers_until - now) > 0:
            waiting, left = waiting + 1, max(left, strangers)
        state = Fencing.PENDING if waiting else Fencing.FENCED
        return FencedState(state=state, acked=acked, suspended=suspended, waiting=waiting, seconds_left_max=left)

    async def wait(self, tenant: str, seq: int, *, wait_seconds: float) -> FencedState:
        """The state once fenced, or after `wait_seconds`."""
        deadline = self._monotonic() + wait_seconds
        while True:
            moved = self._moved
            state = self.state(tenant, seq)
            left = deadline - self._monotonic()
            if state.state is Fencing.FENCED or left <= 0:
                return state
            try:
                async with asyncio.timeout(min(left, max(state.seconds_left_max, 0.001))):
                    await moved.wait()
            except TimeoutError:
                continue

    def _committed_at(self, tenant: str, seq: int) -> float:
        known = self._committed.get((tenant, seq))
        if known is not None:
            return known
        if seq > self._heads.get(tenant, 0):
            return self._monotonic()  # not committed yet: nothing has been waited for
        return next(iter(self._committed.values()), self._started_at)

    def _wake(self) -> None:
        waiting, self._moved = self._moved, asyncio.Event()
        waiting.set()

    def _drop_silent(self, now: float) -> None:
        for key, instance in list(self._instances.items()):
            if instance.silent_from(now) < now:
                del self._instances[key]
                self._dropped.append(key)

    def take_dropped(self) -> list[tuple[str, str]]:
        """Instances that have fallen silent since the last call: their beats need no row any more."""
        dropped, self._dropped = self._dropped, []
        return [key for key in dropped if key not in self._instances]


async def write_beat(connection: AsyncConnection, instance: Instance) -> None:
    """Every grant writes: a grant and a commit are ordered by the database (decisions D.1)."""
    values = {
        "beats": instance.beats,
        "lease_seconds": instance.lease_seconds,
        "tenants": msgspec.msgpack.encode(sorted(instance.tenants)),
        "nonces": packed(instance.handed, is_doubted=instance.is_doubted),
    }
    mine = (lease_beat.c.node == instance.node, lease_beat.c.boot == instance.boot)
    changed = await connection.execute(update(lease_beat).where(*mine).values(values))
    if changed.rowcount == 0:
        await connection.execute(insert(lease_beat).values(node=instance.node, boot=instance.boot, **values))


async def drop_beat(connection: AsyncConnection, node: str, boot: str) -> None:
    await connection.execute(delete(lease_beat).where(lease_beat.c.node == node, lease_beat.c.boot == boot))
