"""Fetching an answer that may be stored: what the origin says decides what becomes of the fill, of the store, of errors.

304                               the stored response, brought up to date
206 with just what is missing     the pieces that are held, and this between them: a whole, stored and shared as one
5xx, and stale-if-error           the stored response in its place
not reached                       the stored response for a while, unless it forbids that; else the error
may be stored                     stored, and read by all who wait while it comes in
anything else                     for the one who asked
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from domicile.media.policy import Permit
from domicile.service.gate.assets import Answer, AssetClient, AssetRequest, Busy
from domicile.service.http1 import Broken, Head, Unreachable
from edge.cache.fields import Fields, values
from edge.cache.forward import to_origin
from edge.cache.partial import completed, for_the_gap, is_outdated
from edge.cache.pieces import Pieces
from edge.cache.reuse import ERROR_STATUSES, may_hide_error, may_stand_in
from edge.cache.storable import is_for_oneself, is_storable, may_be_kept
from edge.cache.stored import Received, Stored, keep, renewed
from edge.cache.validate import any_of, conditional, confirmed, updated, whole
from edge.passthrough.fill import Confirmed, Fill, Own, Shared, StandIn
from edge.passthrough.fills import Fills
from edge.passthrough.reply import dated
from edge.passthrough.settings import PassthroughSettings
from edge.passthrough.store import ResponseStore, Ticket
from edge.store.spool import Spool

Clock = Callable[[], float]

UNLIKE_THE_GAP = frozenset({206, 304, 416})
"""Answers to a request for what is missing that are not about the whole; 206 may be just that part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be fetched: for whom, and what is stored of it already."""

    key: str
    target: str
    request: Fields
    stored: Stored | None = None
    """To be confirmed."""
    variants: tuple[Stored, ...] = ()
    """Where none is for this request: one may turn out to be."""
    incomplete: Stored | None = None
    """Where no whole one is: of which pieces are held, so that the rest may do."""
    on_interim: Callable[[Head], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetcher:
    """One route's way to its origin."""

    client: AssetClient
    permit: Callable[[], Permit]
    store: ResponseStore
    fills: Fills
    spool: Spool | None
    """For what is too large for memory; None on a node that keeps nothing on its disk."""
    settings: PassthroughSettings
    clock: Clock = time.time

    async def fill(self, fill: Fill, wanted: Wanted) -> None:
        """The work of a fill."""
        with self.store.ticket(wanted.key) as ticket:
            try:
                async with self.time_for_an_answer():
                    await self._fetch(fill, wanted, ticket)
            except (Unreachable, Broken, Busy) as error:
                if fill.landed.done() or not self._stands_in(wanted.stored):
                    raise
                assert wanted.stored is not None
                del error
                fill.land(StandIn(stored=wanted.stored, status=None))
                fill.finish()

    @asynccontextmanager
    async def time_for_an_answer(self) -> AsyncIterator[None]:
        """Unreachable when it takes longer than one may, head and body together."""
        try:
            async with asyncio.timeout(self.settings.answer_seconds_max):
                yield
        except TimeoutError as late:
            raise Unreachable("the answer took too long", timed_out=True) from late

    def _stands_in(self, stored: Stored | None) -> bool:
        seconds_max = self.settings.disconnected_seconds_max
        return stored is not None and may_stand_in(stored, now=self.clock(), seconds_max=seconds_max)

    async def _fetch(self, fill: Fill, wanted: Wanted, ticket: Ticket) -> None:
        incomplete = wanted.incomplete
        is_kept = incomplete is not None and self._takes(incomplete.body_bytes)  # else parts are all that is kept of it
        rest = for_the_gap(wanted.request, incomplete) if incomplete is not None and is_kept else None
        asked = _conditions(wanted) if rest is None else rest
        if await self._exchange(fill, wanted, asked, ticket):
            return
        if not await self._exchange(fill, wanted, whole(wanted.request), ticket):
            raise Broken("not modified, without having been asked")

    async def _exchange(self, fill: Fill, wanted: Wanted, asked: Fields, ticket: Ticket) -> bool:
        """False when the answer is about something that is not stored, or a part that completes nothing."""
        requested = self.clock()
        request = AssetRequest(
            method="GET", target=wanted.target, fields=to_origin(asked), on_interim=wanted.on_interim
        )
        async with self.client.exchange(self.permit(), request) as answer:
            got = self.received(answer, requested)
            if values(asked, "if-range") and got.status in UNLIKE_THE_GAP:
                return await self._complete(fill, wanted, got, answer, ticket)
            if got.status == 304:
                return self._confirm(fill, wanted, got, ticket)
            stored = wanted.stored if got.status in ERROR_STATUSES else None
            if stored is not None and may_hide_error(stored, now=self.clock()):
                fill.land(StandIn(stored=stored, status=got.status))
                fill.finish()
                return True
            if self.is_storable("GET", wanted, got, answer.body_bytes):
                await self._take_in(fill, wanted, got, answer.pieces(), answer.body_bytes, ticket)
            else:
                self._forget_outdated(wanted, got, ticket)
                await self._hand_over(fill, wanted, got, answer)
        return True

    def received(self, answer: Answer, requested: float) -> Received:
        now = self.clock()
        head = answer.head
        return Received(
            status=head.status,
            reason=head.reason,
            fields=dated(head.fields, now=now),
            requested=requested,
            received=now,
        )

    def is_storable(self, method: str, wanted: Wanted, got: Received, body_bytes: int | None) -> bool:
        """By its head, and by the size that it states."""
        if not self._takes(body_bytes or 0):
            return False
        fraction = self.settings.heuristic_fraction
        return is_storable(method, wanted.target, wanted.request, got, heuristic_fraction=fraction)

    def _confirm(self, fill: Fill, wanted: Wanted, got: Received, ticket: Ticket) -> bool:
        stored = wanted.stored or confirmed(wanted.variants, got.fields)
        if stored is None:
            return False
        confirmation = self.confirm(wanted, stored, got, ticket)
        again = confirmation.stored
        for_all = confirmation.is_kept and again.is_fresh(self.clock()) and not again.rules.no_cache
        if not is_for_oneself(wanted.request):
            self.fills.mark(wanted.key, shared=for_all)
        fill.land(confirmation)
        fill.finish()
        return True

    def confirm(self, wanted: Wanted, stored: Stored, got: Received, ticket: Ticket) -> Confirmed:
        """Bring up to date what a 304 is about."""
        fields = updated(stored.fields, got.fields)
        again = renewed(stored, got, fields, wanted.request, heuristic_fraction=self.settings.heuristic_fraction)
        if again is None or not may_be_kept(again.rules, stored.status, ()):  # it is for nobody else from now on
            self.store.remove(wanted.key, stored)
            return Confirmed(stored=replace(stored, fields=fields), is_kept=False)
        if not may_be_kept(again.rules, stored.status, wanted.request):  # this confirmation is
            return Confirmed(stored=again, is_kept=False)
        return Confirmed(stored=again, is_kept=self.store.put(wanted.key, again, ticket, instead_of=wanted.stored))

    async def _complete(self, fill: Fill, wanted: Wanted, got: Received, answer: Answer, ticket: Ticket) -> bool:
        """False when the answer is not what is missing, or the whole must not be kept: then all is to be fetched."""
        incomplete = wanted.incomplete
        assert incomplete is not None
        head = completed(incomplete, got, body_bytes=answer.body_bytes)
        if head is None or not self.is_storable("GET", wanted, head, incomplete.body_bytes):
            self.store.remove(wanted.key, incomplete)
            return False
        pieces = around(incomplete, answer.pieces())
        await self._take_in(fill, wanted, head, pieces, incomplete.body_bytes, ticket, origin_status=got.status)
        return True

    def _forget_outdated(self, wanted: Wanted, got: Received, ticket: Ticket) -> None:
        """There is something else now, which is not kept."""
        if ticket.is_void or is_for_oneself(wanted.request):
            return
        if wanted.stored is not None and got.status not in ERROR_STATUSES:
            self.store.remove(wanted.key, wanted.stored)
        if wanted.incomplete is not None and is_outdated(wanted.incomplete, got):
            self.store.remove(wanted.key, wanted.incomplete)

    async def _hand_over(self, fill: Fill, wanted: Wanted, got: Received, answer: Answer) -> None:
        if not is_for_oneself(wanted.request):
            self.fills.mark(wanted.key, shared=False)
        self.fills.close(fill)
        fill.land(Own(got=got, answer=answer))
        await fill.leader_left.wait()

    async def _take_in(
        self,
        fill: Fill,
        wanted: Wanted,
        got: Received,
        pieces: AsyncIterator[bytes],
        body_bytes: int | None,
        ticket: Ticket,
        *,
        origin_status: int | None = None,
    ) -> None:
        head = keep(got, b"", wanted.request, heuristic_fraction=self.settings.heuristic_fraction)
        for_all = head.is_fresh(self.clock()) and not head.rules.no_cache
        self.fills.mark(wanted.key, shared=for_all)
        status = got.status if origin_status is None else origin_status
        fill.land(Shared(got=got, head=head, body_bytes=body_bytes, for_all=for_all, origin_status=status))
        until = time.monotonic() + self.settings.fill_seconds_max
        is_kept = True
        async for piece in pieces:
            is_kept = is_kept and time.monotonic() <= until and self._has_room(fill, len(piece))
            if not is_kept:
                self.fills.close(fill)
                if not await fill.room():
                    raise Broken("nobody reads it any more")
            fill.add(piece)
            if is_kept and fill.is_spilling:
                is_kept = await fill.settle()
        if is_kept and (not fill.is_spilling or await fill.settle(to_the_end=True)):
            is_kept = self.store.put(wanted.key, replace(head, body=fill.body()), ticket, instead_of=wanted.stored)
        if not is_kept:  # until here the stored one stood for who may have it stale
            self._forget_outdated(wanted, got, ticket)
        fill.finish()

    def _takes(self, body_bytes: int) -> bool:
        """Is a body of this size kept anywhere?"""
        return self.store.takes(body_bytes) or (self.spool is not None and self.spool.takes(body_bytes))

    def _has_room(self, fill: Fill, more_bytes: int) -> bool:
        """For so much more of this body: in memory, or from now on in a file."""
        if not fill.is_spilling:
            if self.store.takes(fill.body_bytes + more_bytes) and self.fills.memory.takes(more_bytes):
                return True
            file = None if self.spool is None else self.spool.begin()
            if file is None:
                return False
            fill.spill(file)
        assert self.spool is not None
        return self.spool.takes(fill.body_bytes + more_bytes)


async def around(incomplete: Stored, missing: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The whole: what is held, and what was missing between as it comes. Broken when that is not as long as the gap."""
    assert isinstance(incomplete.body, Pieces)
    gap = incomplete.body.gap
    assert gap is not None
    left = gap.body_bytes
    async for piece in incomplete.body.pieces(0, gap.start):
        yield piece
    async for piece in missing:
        left -= len(piece)
        if left < 0:
            break
        yield piece
    if left:
        raise Broken("not as long as what is missing")
    async for piece in incomplete.body.pieces(gap.end, incomplete.body_bytes):
        yield piece


def _conditions(wanted: Wanted) -> Fields:
    if wanted.stored is not None:
        return conditional(wanted.request, wanted.stored)
    return any_of(wanted.request, wanted.variants)
