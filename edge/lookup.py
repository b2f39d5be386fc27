"""Is there a copy, and may it be served? The fence is asked at every look-up, whatever tier holds the object.

Rules of the file: it serves nothing that was read before a purge it knows, and never two readings of one path as one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge.following import TenantState
from edge.keys import file_of
from edge.metrics import Add, Count
from edge.store.disk import DiskStore
from edge.store.memory import MemoryStore
from edge.store.port import Judged, Stored, StoredHead, close_body, tenant_tag
from edge.verdict import Verdict, judge
from edge.wanted import Wanted, Way


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A copy that may be served now. `tier` is "memory", "disk" or "peer"."""

    way: Way
    stored: Stored
    tier: str


Looked = Found | Verdict
"""What was found, or why there is nothing: MISS, or STALE when a copy is there and too old."""


class Lookup:
    """The tiers that this worker reads by itself."""

    def __init__(
        self,
        *,
        memory: MemoryStore,
        disk: DiskStore | None,
        tenant_of: Callable[[str], TenantState | None],
        is_waiting: Callable[[str], bool],
        count: Add,
    ) -> None:
        """`disk` is None on a node without one; `is_waiting`: does this tenant wait for the agent's first grant?"""
        self.memory = memory
        self.disk = disk
        self.tenant_of = tenant_of
        self.is_waiting = is_waiting
        self.count = count

    def may_stay(self, judged: Judged) -> bool:
        """May a file stay? Not if it is stale; but while its tenant waits for its grant nobody can tell, and it does."""
        return self.is_waiting(judged.tenant) or self.is_fresh(judged)

    def is_fresh(self, judged: Judged) -> bool:
        """Does the fence of its tenant let this be served or stored?"""
        state = self.tenant_of(judged.tenant)
        return state is not None and state.fresh(judged.epoch, judged.sequence, judged.contributors, judged.names)

    def ttl_seconds(self, head: StoredHead) -> float:
        """A policy that was shortened holds for what was stored before, too."""
        state = self.tenant_of(head.tenant)
        return 0.0 if state is None else min(head.ttl_seconds, float(state.policy.lifetimes.edge_seconds_max))

    def remaining_seconds(self, head: StoredHead, *, now: float) -> int:
        """Whole seconds this copy may still be served without asking the origin."""
        return max(0, int(self.ttl_seconds(head) - (now - head.stored_at)))

    def is_current(self, wanted: Wanted) -> bool:
        """Is the tenant's configuration the one that the request was read under?

        The revision alone does not say so: it may be known before the policy that belongs to it.
        """
        state = self.tenant_of(wanted.tenant)
        if state is None or state.config_revision != wanted.config_revision:
            return False
        return state.policy is wanted.policy or state.policy == wanted.policy

    def in_memory(self, wanted: Wanted, *, now: float) -> Looked:
        seen = Verdict.MISS
        for position, way in enumerate(wanted.ways):
            stored = self.memory.get(way.key)
            if stored is None:
                continue
            verdict = self.judged(stored.head, wanted, position, now=now)
            if verdict is Verdict.HIT:
                return Found(way=way, stored=stored, tier="memory")
            seen = _staler(seen, verdict)
        return seen

    async def on_disk(self, wanted: Wanted, *, now: float) -> Looked:
        """A small body is taken into RAM on the way. The body of a large one is open: close it."""
        seen = Verdict.MISS
        for position, way in enumerate(wanted.ways):
            stored = await self.opened(way, wanted.tenant)
            if stored is None:
                continue
            verdict = self.judged(stored.head, wanted, position, now=now)
            if verdict is Verdict.HIT:
                self.memory.put(way.key, stored)
                return Found(way=way, stored=stored, tier="disk")
            close_body(stored)
            seen = _staler(seen, verdict)
        return seen

    async def opened(self, way: Way, tenant: str) -> Stored | None:
        """What this node's disk has for a way, whoever wrote it and however old it is."""
        state = self.tenant_of(tenant)
        if state is None or self.disk is None:
            return None
        return await self.disk.get(file_of(way, state.file_key), in_memory_max=self.memory.object_bytes_max)

    def drop_tenant(self, tenant: str) -> None:
        """Keep no copy of a tenant's objects; the agent hears of the files that are gone and drops their keys."""
        tags = (tenant_tag(tenant),)
        self.memory.drop_stale(tags, lambda _: False)
        if self.disk is not None:
            self.disk.drop_stale(tags, lambda _: False)

    def is_answer(self, head: StoredHead, wanted: Wanted, position: int) -> bool:
        """Does an object of this moment, found under the way at `position`, answer the request? Its age does not count."""
        return self._is_reading(head, wanted, position) and self.is_fresh(head) and self.is_current(wanted)

    def judged(self, head: StoredHead, wanted: Wanted, position: int, *, now: float) -> Verdict:
        """What a copy is worth that was found under the way at `position`."""
        is_fresh = self.is_fresh(head)
        if not is_fresh:
            self.count(Count.FENCED)
        fresh = is_fresh and self._is_reading(head, wanted, position)
        return judge(fresh=fresh, stored_at=head.stored_at, ttl_seconds=self.ttl_seconds(head), now=now)

    def _is_reading(self, head: StoredHead, wanted: Wanted, position: int) -> bool:
        """An earlier reading of the path may exist by now, unless it was looked for when this object was read.

        What stands in comes after all readings: who looked for fewer of them has kept it under the key of the first.
        """
        before = wanted.names if head.stands_in else wanted.names[:position]
        return set(before) <= set(head.names)


def _staler(one: Verdict, other: Verdict) -> Verdict:
    return Verdict.STALE if Verdict.STALE in {one, other} else Verdict.MISS
