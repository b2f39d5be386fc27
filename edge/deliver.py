"""The life of a media request, from its raw path to an object that may be sent.

    may this worker serve? -> parse -> tenant -> policy -> ways and keys -> signature seen before? -> RAM
      -> known not to exist? -> known not to be possible? -> disk
      -> one flight per key: the owner's socket, or a fill of our own -> still fresh, and under the same policy?

A hit asks the origin nothing. Whatever is returned was fresh when it was returned; who sends it looks again before
each piece.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from domicile.media.access import UNBOUND, Leave
from domicile.media.auth_token import NOTHING, Held, Shown, held
from domicile.media.errors import AssetNotFound, BadSignature, LeaseLost, UpstreamUnavailable
from domicile.media.grammar import Limits
from domicile.media.pending import NO_HINTS, Hints
from domicile.media.policy import Activity
from domicile.media.sealed import SealBroken
from domicile.media.strict import REFUSAL
from domicile.media.timing import Span
from domicile.media.url import parse
from domicile.media.wire import Resolved
from edge.absence import known_absent
from edge.admission import admitted
from edge.fill import Filler
from edge.flight import Fill, Flights, result
from edge.following import TenantState
from edge.keys import Terms, file_of, wanted
from edge.link import NodeLink
from edge.lookup import Found, Looked, Lookup
from edge.metrics import Count
from edge.names import Negatives, UnknownClouds, Verdicts
from edge.owner import Owners
from edge.peer import Question
from edge.permits import Permits
from edge.readings import Readings
from edge.refusals import Refusals
from edge.send import CutOff, TooSlow
from edge.store.port import Stored, close_body
from edge.upstream import AssetGone, Upstream
from edge.verdict import Verdict
from edge.wanted import Wanted, Way

ATTEMPTS_MAX = 3
"""Times a request starts over because what it waited for was purged meanwhile."""

OWNER_PREFIX = "owner\n"


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
    needs_verdict: bool = False
    """Did the origin have to let this very path pass?"""
    collapsed: bool = False
    kept: bool = False
    was_stale: bool = False
    """Was there a copy that was too old?"""
    spans: tuple[Span, ...] = ()
    leave: Leave = UNBOUND
    """Until when it may be given out, and whether to everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliverer:
    """What a worker delivers with."""

    link: NodeLink
    owners: Owners | None
    """None on a node of one worker."""
    lookup: Lookup
    flights: Flights
    filler: Filler
    upstream: Upstream
    permits: Permits
    negatives: Negatives
    unknown: UnknownClouds
    refusals: Refusals
    verdicts: Verdicts
    readings: Readings
    limits: Limits
    count: Callable[[Count], None]
    wall_clock: Callable[[], float]
    clock: Callable[[], float]

    async def deliver(self, raw_path: str, accept: str, hints: Hints = NO_HINTS, shown: Shown = NOTHING) -> Delivered:
        """For a viewer, and what he shows with his request. Raises MediaError."""
        for _ in range(ATTEMPTS_MAX):
            await self._may_serve()
            known = self.readings.get(raw_path, accept, hints, self.link.tenants)
            asked, state = known or await self._read(raw_path, accept, hints)
            self.permits.require(state, Activity.DELIVER)
            if shown.tokens:
                asked = replace(asked, held=held(shown, raw_path, state.token_keys, now=self.wall_clock()))
            try:
                delivered = await self._for_viewer(asked, state)
            except AssetGone as gone:
                if asked.is_narrowed:  # what was meant is what was not let pass, and not a name like it
                    raise BadSignature(REFUSAL) from gone
                raise
            if delivered is not None:
                return delivered
        raise UpstreamUnavailable("The asset is changing; try again")

    async def _for_viewer(self, asked: Wanted, state: TenantState) -> Delivered | None:
        """None: see `_obtained`."""
        resolved = None
        if asked.needs_verdict and not self.verdicts.is_good(state.tenant, asked.raw_path):
            resolved = await self._verify(asked, state)
        delivered = await self._obtained(asked, state, resolved, is_owner=False)
        if delivered is not None and asked.is_for_signed(delivered.way):
            close_body(delivered.stored)
            raise BadSignature("this delivery type needs a signed URL")
        if delivered is None:
            return None
        try:
            leave = admitted(asked, delivered.stored.head, now=self.wall_clock())
        except BadSignature:
            close_body(delivered.stored)
            raise
        return replace(delivered, leave=leave, is_public=delivered.is_public and not leave.by_token)

    async def deliver_to_peer(self, question: Question) -> Delivered:
        """For another worker of this node, which has looked at policy and signature already."""
        for _ in range(ATTEMPTS_MAX):
            await self._may_serve()
            asked, state = await self._read(question.raw_path, question.accept, question.hints)
            if question.token:
                asked = replace(asked, held=Held(text=question.token, until=question.token_until))
            delivered = await self._obtained(asked, state, None, is_owner=True)
            if delivered is not None:
                return delivered
        raise UpstreamUnavailable("The asset is changing; try again")

    async def confirm(self, stored: Stored, leave: Leave) -> bool:
        """May the next piece of this object be sent?"""
        is_serving = self.link.serving() or await self.link.wait_current()
        return is_serving and self.lookup.is_fresh(stored.head) and self.wall_clock() < leave.until

    @contextmanager
    def torn_is_dropped(self, delivered: Delivered) -> Iterator[None]:
        """While its body is read: a file that turns out in the middle to be torn or unreadable is not found again."""
        try:
            yield
        except CutOff as cut:
            cause, disk = cut.__cause__, self.lookup.disk
            if disk is not None and isinstance(cause, SealBroken | OSError) and not isinstance(cut, TooSlow):
                why = Count.SEALS_BROKEN if isinstance(cause, SealBroken) else Count.DISK_FAILURES
                disk.reject(file_of(delivered.way, delivered.state.file_key), why)
            raise

    async def _may_serve(self) -> None:
        if not self.link.serving() and not await self.link.wait_current():
            raise LeaseLost("The server cannot be sure that its copies are current; try again")

    async def _read(self, raw_path: str, accept: str, hints: Hints) -> tuple[Wanted, TenantState]:
        """What the path asks for, and of whom. Raises what `parse` raises; AssetNotFound for an unknown cloud."""
        request = parse(raw_path, limits=self.limits)
        state = await self._tenant(request.cloud)
        terms = Terms(
            accept=accept,
            hints=hints,
            policy=state.policy,
            config_revision=state.config_revision,
            name_key=state.name_key,
            named=state.named,
            allowed=state.allowed,
            limits=self.limits,
        )
        asked = wanted(raw_path, request, terms)
        self.readings.learn(asked, state)
        return asked, state

    async def _tenant(self, cloud: str) -> TenantState:
        state = self.link.tenants.get(cloud)
        if state is None and not self.unknown.has(cloud, now=self.clock()):
            if await self.link.discover(cloud):
                state = self.link.tenants.get(cloud)
            else:
                self.unknown.learn(cloud, now=self.clock())
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

    async def _obtained(
        self, asked: Wanted, state: TenantState, resolved: Resolved | None, *, is_owner: bool
    ) -> Delivered | None:
        """None: a purge or another policy came meanwhile, and what was asked before it counts no more."""
        may_cache = self.permits.find(state, Activity.CACHE) is not None  # copies may be from under an older policy
        found, spans = self._in_memory(asked) if may_cache else (Verdict.MISS, ())
        if isinstance(found, Verdict):
            self._known_not_to_be(asked, state)
        if isinstance(found, Verdict) and may_cache:
            found, spans = await self._on_disk(asked, found, spans)
        if isinstance(found, Found):
            delivered: Delivered | None = self._hit(asked, state, found, spans)
        else:
            made = await self._from_flight(asked, state, resolved, is_owner=is_owner)
            delivered = (
                None
                if made is None
                else replace(made, was_stale=found is Verdict.STALE, spans=(*spans[:1], *made.spans))
            )
        if delivered is None or self.lookup.is_answer(delivered.stored.head, asked, delivered.position):
            return delivered
        close_body(delivered.stored)
        return None

    def _in_memory(self, asked: Wanted) -> tuple[Looked, tuple[Span, ...]]:
        started = self.clock()
        found = self.lookup.in_memory(asked, now=self.wall_clock())
        return found, (Span("lookup", self.clock() - started),)

    async def _on_disk(self, asked: Wanted, seen: Verdict, spans: tuple[Span, ...]) -> tuple[Looked, tuple[Span, ...]]:
        started = self.clock()
        found = await self.lookup.on_disk(asked, now=self.wall_clock())
        if found is Verdict.MISS:
            found = seen
        return found, (*spans, Span("disk", self.clock() - started))

    def _hit(self, asked: Wanted, state: TenantState, found: Found, spans: tuple[Span, ...]) -> Delivered:
        return Delivered(
            state=state,
            way=found.way,
            position=asked.ways.index(found.way),
            stored=found.stored,
            tier=found.tier,
            is_public=asked.is_public,
            needs_verdict=asked.needs_verdict,
            spans=spans,
        )

    def _known_not_to_be(self, asked: Wanted, state: TenantState) -> None:
        """Raise what the origin said of this request a moment ago."""
        now = self.clock()
        absent = known_absent(asked, lambda name: self.negatives.status(state.tenant, name, state.fence, now=now))
        if absent is not None:
            raise absent
        for key in (asked.ways[0].key, asked.stand_in_key)[: 1 if asked.default is None else 2]:
            self.refusals.check(key, self.lookup.is_fresh, now=now)

    async def _from_flight(
        self, asked: Wanted, state: TenantState, resolved: Resolved | None, *, is_owner: bool
    ) -> Delivered | None:
        """From the worker that owns the object, or from a fill of our own. None: as `_obtained`, or it is not on disk any more."""
        owner = None if is_owner or self.owners is None else self.owners.other(asked, state)
        if owner is None:
            fill, joined = self._own_fill(asked, resolved)
        else:
            fill, joined = self.flights.begin(
                OWNER_PREFIX + asked.fill_key,  # the owner's question to us must find our own fill, and not this
                tenant=state.tenant,
                names=asked.marks,
                work=partial(self._ask_owner, asked=asked, state=state, owner=owner, resolved=resolved),
                takes_turn=False,
            )
        outcome = await result(fill)
        position = asked.names.index(outcome.head.names[0])
        if not self.lookup.is_answer(outcome.head, asked, position):
            # Bytes may be older than the name that was resolved for them (a parent's, a kept original's): the entry in between
            # has left the fill open, and whoever asks again would join it again.
            self.flights.close(fill)
            return None
        way = asked.ways[position]
        stored = outcome if isinstance(outcome, Stored) else await self.lookup.opened(way, state.tenant)
        if stored is None:
            return None
        return Delivered(
            state=state,
            way=way,
            position=position,
            stored=stored,
            tier=fill.tier,
            is_public=asked.is_public,
            needs_verdict=asked.needs_verdict,
            collapsed=joined or fill.is_collapsed,
            kept=fill.is_kept,
            spans=fill.spans,
        )

    def _own_fill(self, asked: Wanted, resolved: Resolved | None) -> tuple[Fill, bool]:
        return self.flights.begin(
            asked.fill_key,
            tenant=asked.tenant,
            names=asked.marks,
            work=lambda fill: self.filler.fill(fill, asked, resolved),
        )

    async def _ask_owner(
        self, fill: Fill, *, asked: Wanted, state: TenantState, owner: int, resolved: Resolved | None
    ) -> None:
        assert self.owners is not None
        if not await self.owners.ask(fill, asked, state, owner):
            own, fill.is_collapsed = self._own_fill(asked, resolved)
            fill.settle_as(own, await result(own))
