"""What a purge, and the end of a lease, do to everything this worker holds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from domicile.media.journal import UNSEEN, Entry, Kind
from domicile.media.policy import Activity
from domicile.service.pool import DecoderPool
from edge.counters import Counters
from edge.flight import Flights
from edge.hot import Hot
from edge.lookup import Lookup
from edge.metrics import Count, Gauge
from edge.names import Negatives, Verdicts
from edge.open_responses import InProgress, OpenResponses
from edge.originals import KeptOriginals
from edge.permits import Permits
from edge.readings import Readings
from edge.refusals import Refusals
from edge.store.port import tenant_tag

GAUGE_SECONDS = 1.0
_KEEPING_PATHS = frozenset({Kind.ASSET, Kind.NAME, Kind.RESTRICT})
"""Frequent, and no erasure: after these, a refusal that is forbidden by now goes when somebody asks, or by its age."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiers:
    """Everything of this worker that a purge has to reach."""

    lookup: Lookup
    originals: KeptOriginals
    flights: Flights
    negatives: Negatives
    refusals: Refusals
    verdicts: Verdicts
    readings: Readings
    hot: Hot
    permits: Permits
    responses: OpenResponses
    in_progress: InProgress
    pool: DecoderPool
    counters: Counters

    async def on_entry(self, entry: Entry) -> None:
        """Drop and cut off what this entry forbids; the fence has it already. Quick, and waits for no viewer."""
        if entry.kind in UNSEEN:
            return
        self.flights.on_entry(entry)
        self.negatives.on_entry(entry)
        self.readings.forget(entry.tenant)
        match entry.kind:
            case Kind.CONFIG:
                self.hot.forget(entry.tenant)
                self._reconsider(entry.tenant)
                return
            case Kind.ASSET | Kind.ERASE | Kind.RESTRICT | Kind.NAME:
                tags: tuple[str, ...] = (*entry.aids, *entry.names)
                self.hot.drop(entry.aids, entry.names)
            case _:  # ALL, what we do not understand, and a history that was lost
                tags = (tenant_tag(entry.tenant),)
                self.hot.forget(entry.tenant)
                self._reconsider(entry.tenant)
        self.counters.add(Count.ABORTED, self.responses.abort_stale(self.lookup.is_fresh, entry.tenant))
        self.lookup.memory.drop_stale(tags, self.lookup.is_fresh)
        self.originals.drop_stale(entry.tenant)
        if self.lookup.disk is not None:
            self.lookup.disk.drop_stale(tags, self.lookup.may_stay)
        if entry.kind not in _KEEPING_PATHS:
            self.refusals.drop_stale(entry.tenant, self.lookup.is_fresh)
        if entry.kind == Kind.ERASE:
            self.pool.retire(entry.tenant)

    def on_lock(self) -> None:
        """The lease is lost: nothing in the clear stays, and nothing under way is finished."""
        self.counters.add(Count.ABORTED, self.responses.abort_all())
        self.flights.close_all()
        self.let_go()

    def let_go(self) -> None:
        """Of everything that is kept for the next who asks; what is under way keeps what it needs."""
        self.lookup.memory.clear()
        self.originals.clear()
        self.negatives.clear()
        self.refusals.clear()
        self.verdicts.clear()
        self.readings.clear()
        self.hot.clear()
        self.pool.retire()

    async def count(self) -> None:
        """Keep the gauges current. Runs until it is cancelled."""
        counters, memory, disk = self.counters, self.lookup.memory, self.lookup.disk
        told = 0
        while True:
            told, before = self.hot.answers, told
            counters.add(Count.HOT, told - before)
            counters.set(Gauge.MEMORY_BYTES, memory.bytes_used)
            counters.set(Gauge.MEMORY_OBJECTS, len(memory))
            counters.set(Gauge.DISK_BYTES, 0 if disk is None else disk.bytes_used)
            counters.set(Gauge.DISK_OBJECTS, 0 if disk is None else len(disk))
            counters.set(Gauge.DISK_RESTING, 0 if disk is None else int(disk.rest.is_resting))
            counters.set(Gauge.FLIGHTS, len(self.flights))
            self.responses.sweep()
            self.originals.sweep()
            counters.set(Gauge.RESPONSES_OPEN, len(self.responses))
            counters.set(Gauge.REQUESTS_IN_PROGRESS, self.in_progress.count)
            await asyncio.sleep(GAUGE_SECONDS)

    def _reconsider(self, tenant: str) -> None:
        """Keys, signatures or policy may be others now; where copies are not allowed any more, none is kept."""
        self.originals.drop_tenant(tenant)
        self.verdicts.forget(tenant)
        self.permits.forget(tenant)
        state = self.lookup.tenant_of(tenant)
        if state is not None and self.permits.find(state, Activity.CACHE) is None:
            self.lookup.drop_tenant(tenant)


class PoolCounts:
    """What the decoder pool tells, as counters of this worker."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def on_queue_depth(self, depth: int) -> None:
        self._counters.set(Gauge.POOL_QUEUE, depth)

    def on_working(self, jobs: int) -> None:
        self._counters.set(Gauge.POOL_BUSY, jobs)

    def on_wait(self, seconds: float) -> None:
        self._counters.wait(seconds)

    def on_turned_away(self, reason: str) -> None:
        self._counters.add(Count(f"turned_away_transforms|reason={reason}"))

    def on_job(self, kind: str, format: str, seconds: float, outcome: str) -> None:  # noqa: A002 - a metric's label
        self._counters.transform(format, _RESULTS.get(outcome, "killed"), seconds)

    def on_worker_killed(self, reason: str) -> None:
        """Counted with its job."""


_RESULTS = {
    "done": "ok",
    "undecodable_media": "refused",
    "limit_exceeded": "refused",
    "bad_transformation": "refused",
    "known_killer": "refused",
    "starved": "overloaded",
    "out_of_memory": "overloaded",
    "closed": "overloaded",
    "zygote_lost": "overloaded",
    "handler_failed": "failed",
}
