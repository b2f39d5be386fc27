"""The life of a media request, from its raw path to an object that may be sent.

    may this worker serve? -> parse -> tenant -> policy -> ways and keys -> signature seen before? -> RAM -> disk
      -> known not to exist? -> known not to be possible? -> the owner's socket, or a flight of our own -> still fresh?

A hit asks the origin nothing. Whatever is returned was fresh when it was returned; who sends it looks again before
each piece.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import msgspec

from domicile.media.errors import AssetNotFound, BadSignature, LeaseLost, UpstreamUnavailable
from domicile.media.grammar import Limits
from domicile.media.pending import NO_HINTS, Hints
from domicile.media.policy import Activity
from domicile.media.sealed import SealBroken
from domicile.media.timing import Span
from domicile.media.url import parse
from domicile.media.wire import Resolved
from domicile.service.gate.peer import PeerClient, PeerGone
from edge.fill import Filler
from edge.flight import Flights, result
from edge.keys import Terms, Wanted, Way, file_of, wanted
from edge.link import NodeLink, TenantState
from edge.lookup import Lookup
from edge.metrics import Count
from edge.names import Negatives, Verdicts
from edge.peer import Question, decode_answer
from edge.permits import Permits
from edge.readings import Readings
from edge.refusals import Refusals
from edge.rendezvous import owner_of
from edge.send import CutOff
from edge.store.port import Stored
from edge.upstream import Upstream, not_found

ATTEMPTS_MAX = 3
"""Times a request starts over because what it waited for was purged meanwhile."""

PEER_BYTES_MAX = 256 * 1024 * 1024
"""Largest object taken from another worker."""


class Owners(Protocol):
    """Which workers accept connections; `edge.page.SharedPage`."""

    def live_slots(self) -> tuple[int, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """An object to send. `tier` is None when it was made for this request."""

    state: TenantState
    way: Way
    position: int
    stored: Stored
    tier: str | None
    is_public: bool
    """False when the answer was not for everybody who has the path."""
    collapsed: bool = False
    kept: bool = False
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliverer:
    """What a worker delivers with."""

    link: NodeLink
    slot: int
    owners: Owners
    lookup: Lookup
    flights: Flights
    filler: Filler
    upstream: Upstream
    peers: PeerClient | None
    permits: Permits
    negatives: Negatives
    refusals: Refusals
    verdicts: Verdicts
    readings: Readings
    limits: Limits
    count: Callable[[Count], None]
    wall_clock: Callable[[], float]
    clock: Callable[[], float]

    async def deliver(self, raw_path: str, accept: str, hints: Hints = NO_HINTS) -> Delivered:
        """For a viewer. Raises MediaError."""
        if not self.link.serving() and not await self.link.wait_current():
            raise LeaseLost("The server cannot be sure that its copies are current; try again")
        known = self.readings.get(raw_path, accept, hints, self.link.tenants)
        asked, state = known or await self._read(raw_path, accept, hints)
        self.permits.require(state, Activity.DELIVER)
        resolved = None
        if asked.needs_verdict and not self.verdicts.is_good(state.tenant, raw_path):
            resolved = await self._verify(asked, state)
        return await self._obtain(asked, state, resolved, is_owner=False)

    async def deliver_to_peer(self, question: Question) -> Delivered:
        """For another worker of this node, which has looked at policy and signature already."""
        if not self.link.serving() and not await self.link.wait_current():
            raise LeaseLost("The owner may not serve now")
        asked, state = await self._read(question.raw_path, question.accept, question.hints)
        return await self._obtain(asked, state, None, is_owner=True)

    async def confirm(self, stored: Stored) -> bool:
        """May the next piece of this object be sent?"""
        return (self.link.serving() or await self.link.wait_current()) and self.lookup.is_fresh(stored.head)

    @contextmanager
    def torn_is_dropped(self, delivered: Delivered) -> Iterator[None]:
        """While its body is read: a file whose seal breaks in the middle is not found again."""
        try:
            yield
        except CutOff as cut:
            if isinstance(cut.__cause__, SealBroken) and self.lookup.disk is not None:
                self.lookup.disk.reject(file_of(delivered.way, delivered.state.file_key))
            raise

    async def _read(self, raw_path: str, accept: str, hints: Hints) -> tuple[Wanted, TenantState]:
        """What the path asks for, and of whom. Raises what `parse` raises; AssetNotFound for an unknown cloud."""
        request = parse(raw_path, limits=self.limits)
        state = await self._tenant(request.cloud)
        if request.delivery_type == "fetch":  # an activity of its own (ingress_fetch), and no policy can allow it yet
            raise BadSignature("Images of type fetch are restricted in this account")
        terms = Terms(
            accept=accept,
            hints=hints,
            policy=state.policy,
            name_key=state.name_key,
            named=state.named,
            limits=self.limits,
        )
        asked = wanted(raw_path, request, terms)
        self.readings.learn(asked, state)
        return asked, state

    async def _tenant(self, cloud: str) -> TenantState:
        state = self.link.tenants.get(cloud)
        if state is None and await self.link.discover(cloud):
            state = self.link.tenants.get(cloud)
        if state is None:
            raise AssetNotFound("Resource not found")
        return state

    async def _verify(self, asked: Wanted, state: TenantState) -> Resolved:
        """Let the origin judge the signature of this very path. Raises BadSignature."""
        revision = state.config_revision
        resolved = await self.upstream.resolve(asked, state)
        if state.config_revision == revision:
            self.verdicts.learn(state.tenant, asked.raw_path)
        return resolved

    async def _obtain(
        self, asked: Wanted, state: TenantState, resolved: Resolved | None, *, is_owner: bool
    ) -> Delivered:
        for _ in range(ATTEMPTS_MAX):
            started = self.clock()
            hit = await self._hit(asked, state, started)
            if hit is not None:
                return hit
            self._known_not_to_be(asked, state)
            lookup = Span("lookup", self.clock() - started)
            made = None if is_owner else await self._from_owner(asked, state, lookup)
            made = made or await self._from_flight(asked, state, resolved, lookup)
            if self.lookup.may_serve(made.stored.head, asked, made.position, now=self.wall_clock()):
                return made
            resolved = None  # a purge came meanwhile: what was asked before it counts no more
        raise UpstreamUnavailable("The asset is changing; try again")

    async def _hit(self, asked: Wanted, state: TenantState, started: float) -> Delivered | None:
        found = self.lookup.in_memory(asked, now=self.wall_clock())
        looked = self.clock()
        spans: tuple[Span, ...] = (Span("lookup", looked - started),)
        if found is None:
            found = await self.lookup.on_disk(asked, now=self.wall_clock())
            spans = (*spans, Span("disk", self.clock() - looked))
        if found is None:
            return None
        position = asked.ways.index(found.way)
        return Delivered(
            state=state,
            way=found.way,
            position=position,
            stored=found.stored,
            tier=found.tier,
            is_public=asked.is_public,
            spans=spans,
        )

    def _known_not_to_be(self, asked: Wanted, state: TenantState) -> None:
        """Raise what the origin said of this request a moment ago."""
        now = self.clock()
        nothing = asked.names if asked.default is None else (*asked.names, asked.default.name)
        status = self.negatives.status(state.tenant, nothing, state.fence, now=now)
        if status is not None:
            raise not_found(asked, status, remembered=True)
        self.refusals.check(asked.ways[0].key, self.lookup.is_fresh, now=now)

    async def _from_owner(self, asked: Wanted, state: TenantState, lookup: Span) -> Delivered | None:
        """From the worker that owns the object; None when that is this one, or it is gone."""
        if self.peers is None:
            return None
        live = {*self.owners.live_slots(), self.slot}
        owner = owner_of(file_of(asked.ways[0], state.file_key), live)
        if owner == self.slot:
            return None
        question = msgspec.msgpack.encode(Question(raw_path=asked.raw_path, accept=asked.accept, hints=asked.hints))
        permit = self.permits.require(state, Activity.DELIVER)
        try:
            status, body = await self.peers.ask(permit, state.tenant, owner, question, bytes_max=PEER_BYTES_MAX)
            answer = decode_answer(status, body)
        except PeerGone:
            self.count(Count.PEER_FAILURES)
            return None
        position = answer.head.position
        if not 0 <= position < len(asked.ways):
            return None
        way = asked.ways[position]
        if self.lookup.is_fresh(answer.stored.head) and self.permits.find(state, Activity.CACHE) is not None:
            self.lookup.memory.put(way.key, answer.stored)
        return Delivered(
            state=state,
            way=way,
            position=position,
            stored=answer.stored,
            tier=None if answer.head.tier is None else "peer",
            is_public=asked.is_public,
            collapsed=answer.head.collapsed,
            kept=answer.head.kept,
            spans=(lookup, *answer.spans),
        )

    async def _from_flight(
        self, asked: Wanted, state: TenantState, resolved: Resolved | None, lookup: Span
    ) -> Delivered:
        fill, joined = self.flights.begin(
            asked.flight_key,
            tenant=state.tenant,
            names=asked.marks,
            work=lambda fill: self.filler.fill(fill, asked, resolved),
        )
        stored = await result(fill)
        position = asked.names.index(stored.head.names[0])
        return Delivered(
            state=state,
            way=asked.ways[position],
            position=position,
            stored=stored,
            tier=None,
            is_public=asked.is_public,
            collapsed=joined,
            kept=fill.is_kept,
            spans=(lookup, *fill.spans),
        )
