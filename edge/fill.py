"""One fill, from a name to an object in the cache: resolve, look for what survived a restart, fetch, render, keep.

The rule that no purge may be outrun (decisions D.2): whatever is read says the origin's sequence g, and an object goes
into a tier only if the fence still finds g fresh, with nothing awaited between that look and the insert.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from domicile.imaging.job import MediaLimits
from domicile.media.asset import NameHash
from domicile.media.errors import LeaseLost, MediaError, UpstreamUnavailable
from domicile.media.policy import Activity
from domicile.media.timing import Span
from domicile.media.wire import Rendition, Resolved
from domicile.service.pool import DecoderPool
from edge.fetch import Changed, Fetcher
from edge.flight import Fill, Flights, Published, result
from edge.following import TenantState
from edge.keys import file_of
from edge.lookup import Lookup
from edge.metrics import Count
from edge.parent import Parent
from edge.permits import Permits
from edge.refusals import LASTING, REFUSAL_SECONDS_MAX, Refusal, Refusals
from edge.relay import Relay
from edge.render import Made, Order, head_as_it_is, make, plain_of, type_as_it_is
from edge.store.port import Stored, close_body
from edge.upstream import Upstream
from edge.verdict import Verdict
from edge.wanted import Wanted, Way

ATTEMPTS_MAX = 3
"""Times one fill starts over because the asset changed between two questions."""


def _names(wanted: Wanted, resolved: Resolved) -> tuple[NameHash, ...]:
    """Every name whose entries make the object void: its own, and those that would have been the answer before it."""
    if resolved.name in wanted.names:
        return (*wanted.ways[resolved.index].marks, *wanted.names[: resolved.index])
    default = wanted.default
    assert default is not None
    labels = (default.labels,) if wanted.reads_labels else ()
    coordinates = (default.coordinates,) if wanted.reads_coordinates else ()
    return (*wanted.names, default.name, *labels, *coordinates, *wanted.ways[0].overlay_marks)


class Reporter(Protocol):
    """Who hears of renditions; `edge.link.NodeLink`."""

    async def report(self, rendition: Rendition) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Filler:
    """What a fill works with."""

    upstream: Upstream
    fetcher: Fetcher
    relay: Relay
    flights: Flights
    lookup: Lookup
    pool: DecoderPool
    permits: Permits
    refusals: Refusals
    reporter: Reporter
    limits: MediaLimits
    count: Callable[[Count], None]
    wall_clock: Callable[[], float]
    clock: Callable[[], float]
    parent: Parent | None = None
    """Another edge, asked before anything is made here."""

    async def fill(self, fill: Fill, wanted: Wanted, resolved: Resolved | None) -> None:
        """The work of a flight. `resolved`: what was asked a moment ago for the signature's sake, if it was."""
        for _ in range(ATTEMPTS_MAX):
            try:
                await self._once(fill, wanted, resolved)
                return
            except Changed:
                resolved = None
            except MediaError:
                self.count(Count.FILLS_FAILED)
                raise
        raise UpstreamUnavailable("The asset is changing; try again")

    async def _once(self, fill: Fill, wanted: Wanted, resolved: Resolved | None) -> None:
        state = self._state(wanted)
        started = self.clock()
        if resolved is None:
            resolved = await self.upstream.resolve(wanted, state)
        fill.resolved(resolved.contributors, resolved.sequence)
        way, stands_in = wanted.ways[resolved.index], resolved.name not in wanted.names
        refused_as = wanted.stand_in_key if stands_in else way.key
        self.refusals.check(refused_as, self.lookup.is_fresh, now=self.clock())
        if await self._shared(fill, wanted, way, resolved) or await self._survivor(fill, wanted, way, resolved, state):
            return
        order = Order(
            way=way,
            resolved=resolved,
            policy=wanted.policy,  # the one that the key was made from; the tenant may have another by now
            names=_names(wanted, resolved),
            stands_in=stands_in,
            sequence=resolved.sequence,
            now=self.wall_clock(),
        )
        try:
            relayed = self._relayed(order, state)
            if relayed is not None:
                fill.settle(relayed)
                return
            inherited = None if self.parent is None else await self.parent.made(wanted, order, state)
            if inherited is not None:
                fill.spans = inherited.spans
                await self._keep(fill, wanted, order, state, inherited)
                return
            plain = plain_of(way, resolved)
            async with self.fetcher.originals(resolved, state, plain.layers, order.names) as originals:
                fill.spans = (Span("origin", self.clock() - started),)
                order = replace(order, sequence=originals.sequence)
                made = await make(order, plain, originals, self.pool, self.limits)
        except LASTING as refused:
            self._remember(refused_as, order, refused)
            raise
        fill.spans = (*fill.spans, *made.spans)
        await self._keep(fill, wanted, order, state, made)

    def _relayed(self, order: Order, state: TenantState) -> Stored | None:
        """What is handed out as it is and is too large to be held: nothing of it is kept, so it is everybody's own."""
        kind = type_as_it_is(order)
        body = None if kind is None else self.relay.of(order.resolved, state)
        return None if kind is None or body is None else Stored(head=head_as_it_is(order, kind), body=body)

    async def _shared(self, fill: Fill, wanted: Wanted, way: Way, resolved: Resolved) -> bool:
        """What another fill makes, which was asked for in other words: with a version and without, for example."""
        other = self.flights.maker_of(way.key, fill)
        if other is None:
            return False
        outcome = await result(other)
        if not self.lookup.is_answer(outcome.head, wanted, resolved.index):
            return False
        fill.is_collapsed = True
        fill.settle_as(other, outcome)
        return True

    async def _keep(self, fill: Fill, wanted: Wanted, order: Order, state: TenantState, made: Made) -> None:
        """Into RAM, to those who wait, to disk, and a word to the origin; or only to those who wait.

        Those who wait for a large object are told that it is on disk, once it is: memory holds it for the fill alone.
        """
        stored, key = made.stored, order.way.key
        fresh = self.lookup.is_fresh(stored.head)
        kept = fresh and self._may_keep(wanted, state, stored)
        is_large = stored.head.body_bytes > self.lookup.memory.object_bytes_max
        if kept and not is_large:
            fill.is_kept = self.lookup.memory.put(key, stored) or self.lookup.disk is not None
        if not (kept and is_large):
            fill.settle(stored)
            await asyncio.sleep(0)  # those who waited are answered before the rest is done
        self.count(Count.FILLS_STORED if fresh else Count.FILLS_FENCED)
        if fresh and made.rendition is not None:
            await self.reporter.report(made.rendition)
        if kept and await self._on_disk(wanted, order, state, stored) and is_large:
            fill.is_kept = True
            fill.settle(Published(head=stored.head))
        fill.settle(stored)  # a large one that the disk did not take

    def _may_keep(self, wanted: Wanted, state: TenantState, stored: Stored) -> bool:
        """Does the policy let copies be kept, and for any time at all? Not when it has changed since the question."""
        return (
            self.permits.find(state, Activity.CACHE) is not None
            and self.lookup.is_current(wanted)
            and self.lookup.ttl_seconds(stored.head) > 0
        )

    async def _on_disk(self, wanted: Wanted, order: Order, state: TenantState, stored: Stored) -> bool:
        disk, permit = self.lookup.disk, self.permits.find(state, Activity.CACHE)
        if disk is None or permit is None:
            return False
        return await disk.put(
            permit,
            file_of(order.way, state.file_key),
            stored,
            order.resolved.rendition_key,
            is_fresh=lambda judged: self.lookup.is_fresh(judged) and self.lookup.is_current(wanted),
        )

    async def _survivor(self, fill: Fill, wanted: Wanted, way: Way, resolved: Resolved, state: TenantState) -> bool:
        """A file whose key was lost with the agent's memory opens with the key that the origin has just given again."""
        disk = self.lookup.disk
        if disk is None or self.permits.find(state, Activity.CACHE) is None:
            return False
        file_name = file_of(way, state.file_key)
        if not disk.may_survive(file_name):
            return False
        stored = await disk.open_with(
            file_name,
            resolved.rendition_key,
            state.tenant,
            resolved.contributors,
            in_memory_max=self.lookup.memory.object_bytes_max,
        )
        if stored is None:
            return False
        close_body(stored)  # for many readers, a file has one
        head, now = stored.head, self.wall_clock()
        if self.lookup.judged(head, wanted, resolved.index, now=now) is not Verdict.HIT:
            return False
        if not await disk.register(file_name, head, resolved.rendition_key) or not self.lookup.is_fresh(head):
            return False
        self.lookup.memory.put(way.key, stored)
        fill.is_kept = True
        fill.settle(stored if isinstance(stored.body, bytes) else Published(head=head))
        return True

    def _state(self, wanted: Wanted) -> TenantState:
        state = self.lookup.tenant_of(wanted.tenant)
        if state is None:
            raise LeaseLost("The server is not ready to answer")
        return state

    def _remember(self, key: str, order: Order, refused: BaseException) -> None:
        assert isinstance(refused, LASTING)
        refusal = Refusal(
            tenant=order.policy.tenant,
            contributors=order.resolved.contributors,
            names=order.names,
            epoch=order.resolved.epoch,
            sequence=order.sequence,
            kind=type(refused),
            message=refused.message,
            until=self.clock() + REFUSAL_SECONDS_MAX,
        )
        if self.lookup.is_fresh(refusal):
            self.refusals.learn(key, refusal)
