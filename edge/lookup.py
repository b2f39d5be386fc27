"""Is there a copy, and may it be served? The fence is asked at every look-up, whatever tier holds the object.

Rules of the file: it serves nothing that was read before a purge it knows, and never two readings of one path as one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from domicile.media.freshness import Verdict, judge
from edge.keys import Wanted, Way, file_of
from edge.link import TenantState
from edge.store.disk import DiskStore
from edge.store.memory import MemoryStore
from edge.store.port import Judged, Stored, StoredHead, close_body, tenant_tag


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A copy that may be served now. `tier` is "memory", "disk" or "peer"."""

    way: Way
    stored: Stored
    tier: str


class Lookup:
    """The tiers that this worker reads by itself."""

    def __init__(
        self, *, memory: MemoryStore, disk: DiskStore | None, tenant_of: Callable[[str], TenantState | None]
    ) -> None:
        """`disk` is None on a node without one."""
        self.memory = memory
        self.disk = disk
        self.tenant_of = tenant_of

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

    def in_memory(self, wanted: Wanted, *, now: float) -> Found | None:
        for position, way in enumerate(wanted.ways):
            stored = self.memory.get(way.key)
            if stored is None:
                continue
            if self.may_serve(stored.head, wanted, position, now=now):
                return Found(way=way, stored=stored, tier="memory")
        return None

    async def on_disk(self, wanted: Wanted, *, now: float) -> Found | None:
        """A small body is taken into RAM on the way. The body of a large one is open: close it."""
        if self.disk is None:
            return None
        for position, way in enumerate(wanted.ways):
            state = self.tenant_of(wanted.tenant)
            if state is None:
                return None
            stored = await self.disk.get(file_of(way, state.file_key), in_memory_max=self.memory.object_bytes_max)
            if stored is None:
                continue
            if self.may_serve(stored.head, wanted, position, now=now):
                self.memory.put(way.key, stored)
                return Found(way=way, stored=stored, tier="disk")
            close_body(stored)
        return None

    def drop_tenant(self, tenant: str) -> None:
        """Keep no copy of a tenant's objects; the agent hears of the files that are gone and drops their keys."""
        tags = (tenant_tag(tenant),)
        self.memory.drop_stale(tags, lambda _: False)
        if self.disk is not None:
            self.disk.drop_stale(tags, lambda _: False)

    def may_serve(self, head: StoredHead, wanted: Wanted, position: int, *, now: float) -> bool:
        """May this object, found under the way at `position`, answer the request?"""
        ahead = wanted.names[:position]
        if ahead and not set(ahead) <= set(head.names):
            return False  # an earlier reading of the path may exist by now
        verdict = judge(
            fresh=self.is_fresh(head), stored_at=head.stored_at, ttl_seconds=self.ttl_seconds(head), now=now
        )
        match verdict:
            case Verdict.HIT:
                return True
            case Verdict.STALE | Verdict.MISS:
                return False
            case _:
                assert_never(verdict)
