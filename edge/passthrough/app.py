"""One route of the passthrough: a request in, a response out, and what is counted about it.

    not for a cache (unsafe methods, preconditions, bodies)   sent on, answered as it comes, stored responses dropped
    HEAD, or a part of what is not stored                     the same; what may be kept of a part is (`parts`)
    fresh                                                     from the store
    stale, may be served meanwhile                            from the store, fetched behind it
    stale, or not stored                                      fetched once for all who ask for it

Nothing is sent to the origin twice. Targets stand in no log.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import structlog
from aiohttp import web

from domicile.media.errors import Overloaded
from domicile.media.sealed import SealBroken
from edge.cache.conditional import is_unmodified
from edge.cache.fields import values
from edge.cache.forward import end_to_end, to_origin
from edge.cache.ranges import content_bytes
from edge.cache.reuse import Decision, Forward, Use, decide
from edge.cache.status import CacheStatus
from edge.cache.storable import is_for_oneself
from edge.cache.stored import Stored
from edge.counters import Counters
from edge.metrics import Cache, Count, Route
from edge.occasionally import Occasionally
from edge.passthrough.asked import Asked, BadRequest
from edge.passthrough.failures import BUG, Failure, failure_of
from edge.passthrough.fetch import Fetcher, Wanted
from edge.passthrough.fill import Confirmed, Fill, Own, Reader, Shared, StandIn
from edge.passthrough.fills import may_have
from edge.passthrough.forwarding import Forwarding
from edge.passthrough.parts import Parts
from edge.passthrough.reply import Message, from_head, from_origin, from_stored, part_from_the_start, refused
from edge.passthrough.send import first_bytes, interim_to, send_body, send_pieces
from edge.send import CutOff, TooSlow

ROUNDS_MAX = 8
"""Answers that a request waits for before it is sent on by itself: each turned out not to be for it."""

log = structlog.get_logger("edge.passthrough")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passthrough:
    """One listening address and the origin behind it."""

    name: str
    """Begins the keys of what is stored, so that routes can share a store."""
    fetcher: Fetcher
    forwarding: Forwarding
    parts: Parts
    counters: Counters
    progress_seconds_max: float
    failures: Occasionally = field(default_factory=Occasionally)

    async def handle(self, request: web.BaseRequest, *, may_store: bool = True) -> web.StreamResponse:
        """Answers everything; raises only ConnectionError, when there is nobody to answer.

        `may_store`: false where another worker should hold the answer and is not there.
        """
        # What ends here is not seen by the origin, so it must not select a variant either.
        fields = end_to_end(
            tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers)
        )
        asked = Asked(http=request, key=f"{self.name} {request.raw_path}", target=request.raw_path, fields=fields)
        try:
            return await self._answer(asked, may_store=may_store)
        except TooSlow:
            self.counters.add(Count.SLOW)
            raise
        except CutOff:
            self.counters.add(Count.ABORTED)
            raise
        except ConnectionError:
            raise
        except Exception as error:
            if request.transport is None or request.transport.is_closing():
                self.counters.add(Count.ABORTED)
                raise CutOff("the response could not be finished") from error
            return await self._refuse(asked, error)
        finally:
            self.counters.add(asked.result)
            seconds = time.perf_counter() - asked.started
            self.counters.request(Route.PASSTHROUGH, Cache.NONE, asked.status, seconds, asked.sent_bytes)

    async def _answer(self, asked: Asked, *, may_store: bool) -> web.StreamResponse:
        if not asked.target.startswith("/") or "#" in asked.target:
            raise BadRequest
        to_origin(asked.fields)  # a loop is refused before anything is looked up
        if not may_store:
            asked.forward = Forward.BYPASS
            return await self.forwarding.pass_on(asked, None, self._send_stream, may_store=False)
        settings, now = self.fetcher.settings, self.fetcher.clock()
        variants = self.fetcher.store.variants(asked.key)
        decision = decide(asked.method, asked.fields, variants, now=now, heeds_request=settings.heeds_requests)
        decision = self.parts.decide(asked, decision)
        if asked.http.can_read_body:
            decision = Decision(use=Use.FORWARD, forward=decision.forward or Forward.REQUEST)
        asked.forward = decision.forward
        match decision.use:
            case Use.HIT:
                assert decision.stored is not None
                asked.result = Count.PASSTHROUGH_HIT
                return await self._send_stored(asked, decision.stored, None)
            case Use.BEHIND:
                assert decision.stored is not None
                self._refresh(asked, decision.stored)
                asked.result = Count.PASSTHROUGH_STALE
                return await self._send_stored(asked, decision.stored, "stale-while-revalidate")
            case Use.ONLY_CACHED:
                asked.result = Count.PASSTHROUGH_MISS
                return await self._send_refusal(asked, Failure(code=504, reason="Gateway Timeout"))
            case Use.FORWARD:
                return await self.forwarding.pass_on(asked, None, self._send_stream)
            case Use.MISS | Use.VALIDATE:
                if asked.method == "HEAD":
                    known = decision.stored or self.parts.incomplete(asked)
                    return await self.forwarding.pass_on(asked, known, self._send_stream)
                coming = self.fetcher.fills.find(asked.key, asked.fields, besides=())
                if decision.stored is not None and not decision.stored.is_whole:
                    return await self.parts.fetch(asked, decision.stored, self._send_stream, self._send_confirmed)
                if decision.stored is None and coming is None and self.parts.is_origins_to_cut(asked):
                    asked.forward = Forward.PARTIAL
                    return await self.parts.fetch(asked, None, self._send_stream, self._send_confirmed)
                return await self._fetch(asked, decision.stored, variants)

    # -- answers that may be stored ------------------------------------------------------------------------------

    async def _fetch(self, asked: Asked, stored: Stored | None, variants: tuple[Stored, ...]) -> web.StreamResponse:
        fills = self.fetcher.fills
        tried: set[Fill] = set()
        while len(tried) < ROUNDS_MAX and not fills.is_unshared(asked.key):
            fill = fills.find(asked.key, asked.fields, besides=tried)
            if fill is None:
                break
            tried.add(fill)
            with fill.reading() as reader:
                landed = await fill.landed
                if may_have(landed, asked.fields, now=self.fetcher.clock()) and not reader.is_cut:
                    return await self._send_landed(asked, landed, reader, collapsed=True)
        incomplete = self.parts.incomplete(asked) if stored is None else None
        if incomplete is not None:
            asked.forward = Forward.PARTIAL
        wanted = Wanted(
            key=asked.key,
            target=asked.target,
            request=asked.fields,
            stored=stored,
            variants=variants,
            incomplete=incomplete,
            on_interim=interim_to(asked.http),
        )
        alone = fills.is_unshared(asked.key) or len(tried) >= ROUNDS_MAX or is_for_oneself(asked.fields)
        fill = fills.start(asked.key, asked.fields, lambda fill: self.fetcher.fill(fill, wanted), alone=alone)
        try:
            with fill.reading() as reader:
                return await self._send_landed(asked, await fill.landed, reader, collapsed=False)
        finally:
            fill.leader_left.set()

    def _refresh(self, asked: Asked, stored: Stored) -> None:
        """Fetch behind a stale answer, if nobody does yet, and for whoever comes."""
        fills = self.fetcher.fills
        if fills.is_under_way(asked.key, stored) or is_for_oneself(asked.fields):
            return
        wanted = Wanted(key=asked.key, target=asked.target, request=asked.fields, stored=stored)
        try:
            fill = fills.start(asked.key, asked.fields, lambda fill: self.fetcher.fill(fill, wanted))
        except Overloaded:
            return
        fill.leader_left.set()

    async def _send_landed(
        self, asked: Asked, landed: Shared | Confirmed | StandIn | Own, reader: Reader, *, collapsed: bool
    ) -> web.StreamResponse:
        now = self.fetcher.clock()
        asked.result = Count.PASSTHROUGH_COLLAPSED if collapsed else Count.PASSTHROUGH_MISS
        match landed:
            case StandIn():
                asked.result = Count.PASSTHROUGH_STALE
                status = CacheStatus(
                    forward=asked.forward,
                    forward_status=landed.status,
                    ttl=-landed.stored.stale_seconds(now),
                    collapsed=collapsed,
                    detail="stale-if-error" if landed.status is not None else "disconnected",
                )
                return await self._send_message(asked, landed.stored, status, is_validated=False)
            case Confirmed():
                return await self._send_confirmed(asked, landed, collapsed=collapsed)
            case Shared():
                return await self._send_shared(asked, landed, reader, collapsed=collapsed)
            case Own():
                status = CacheStatus(forward=asked.forward, forward_status=landed.got.status)
                whole = from_origin(landed.got, asked.method, status, body_bytes=landed.answer.body_bytes)
                message = part_from_the_start(whole, asked.fields)
                pieces = first_bytes(landed.answer.pieces(), message.body_bytes)
                return await self._send_stream(asked, message, pieces)

    async def _send_confirmed(
        self, asked: Asked, confirmed: Confirmed, *, collapsed: bool = False
    ) -> web.StreamResponse:
        asked.result = Count.PASSTHROUGH_COLLAPSED if collapsed else Count.PASSTHROUGH_REVALIDATED
        status = CacheStatus(
            forward=asked.forward,
            forward_status=304,
            stored=confirmed.is_kept,
            ttl=-confirmed.stored.stale_seconds(self.fetcher.clock()),
            collapsed=collapsed,
        )
        return await self._send_message(asked, confirmed.stored, status, is_validated=True)

    async def _send_shared(
        self, asked: Asked, landed: Shared, reader: Reader, *, collapsed: bool
    ) -> web.StreamResponse:
        now, head = self.fetcher.clock(), landed.head
        status = CacheStatus(
            forward=asked.forward,
            forward_status=landed.origin_status,
            stored=True,
            ttl=-head.stale_seconds(now),
            collapsed=collapsed,
        )
        answered_here = is_unmodified(head, asked.fields) or (
            landed.body_bytes is not None and values(asked.fields, "range")
        )
        if answered_here:
            message = from_stored(
                head,
                asked.method,
                asked.fields,
                status,
                now=now,
                is_validated=True,
                coming_bytes=landed.body_bytes or 0,
            )
            return await self._send_stream(asked, message, reader.content(message.content))
        if collapsed:
            fields = from_head(head, status, now=now, is_validated=True)
            message = Message(status=head.status, reason=head.reason, fields=fields, body_bytes=landed.body_bytes)
        else:  # the one who asked has it as it came, with the fields that are not kept
            message = from_origin(landed.got, asked.method, status, body_bytes=landed.body_bytes)
        return await self._send_stream(asked, message, reader.pieces())

    # -- sending -------------------------------------------------------------------------------------------------

    async def _send_stored(self, asked: Asked, stored: Stored, detail: str | None) -> web.StreamResponse:
        status = CacheStatus(ttl=-stored.stale_seconds(self.fetcher.clock()), detail=detail)
        return await self._send_message(asked, stored, status, is_validated=False)

    async def _send_message(
        self, asked: Asked, stored: Stored, status: CacheStatus, *, is_validated: bool
    ) -> web.StreamResponse:
        now = self.fetcher.clock()
        message = from_stored(stored, asked.method, asked.fields, status, now=now, is_validated=is_validated)
        asked.status = message.status
        asked.sent_bytes = content_bytes(message.content)
        try:
            return await send_body(asked.http, message, stored.body, progress_seconds_max=self.progress_seconds_max)
        except CutOff as cut:
            if isinstance(cut.__cause__, SealBroken | OSError) and not isinstance(cut, TooSlow):
                self.fetcher.store.remove(asked.key, stored)  # the disk does not give it any more
            raise

    async def _send_stream(self, asked: Asked, message: Message, pieces: AsyncIterator[bytes]) -> web.StreamResponse:
        async def counted() -> AsyncIterator[bytes]:
            async for piece in pieces:
                asked.sent_bytes += len(piece)
                yield piece

        asked.status = message.status
        seconds_max = self.progress_seconds_max
        return await send_pieces(asked.http, message, counted(), progress_seconds_max=seconds_max)

    async def _refuse(self, asked: Asked, error: Exception) -> web.StreamResponse:
        asked.result, failure = Count.PASSTHROUGH_ERROR, failure_of(error)
        if failure is BUG:
            log.error("request_failed", error=type(error).__name__, exc_info=error)
        elif failure.is_origins and (count := self.failures.due()):
            log.info("assets_origin_failed", reason=type(error).__name__, count=count)
        if failure.code == 503:
            self.counters.add(Count.REQUESTS_REFUSED)
        if failure.code == 408:
            self.counters.add(Count.BODIES_LATE)
        return await self._send_refusal(asked, failure)

    async def _send_refusal(self, asked: Asked, failure: Failure) -> web.StreamResponse:
        status = CacheStatus(forward=asked.forward or Forward.BYPASS, detail=failure.detail)
        retry = 1 if failure.code == 503 else None
        message = refused(failure.code, failure.reason, status, now=self.fetcher.clock(), retry_seconds=retry)
        asked.status = failure.code
        return await send_body(asked.http, message, b"", progress_seconds_max=self.progress_seconds_max)
