"""The parent's side of the talk between tiers (edge.tier): one route, for edges with a certificate of a region.

A child gets what a viewer here who shows no token would get, by the same path: lease, policy, signature, fence, rules. Beyond that,
its region must be one where the tenant lets copies be kept, and an original does not leave this one.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

import msgspec
import structlog
from aiohttp import web

from domicile.media.errors import BadRequest, LeaseLost, MediaError, OutsideRegion, Overloaded, UpstreamUnavailable
from domicile.media.policy import Activity, Permit, Place, ResidencyPolicy, decide
from domicile.media.sealed import CHUNK_BYTES, SALT_BYTES, TAG_BYTES, Sealer
from domicile.media.wire import CONTENT_TYPE, REGION_HEADER
from domicile.service.gate.tier import ANSWER_BYTES_MAX, PATH
from domicile.service.zones import zone_of
from edge.cache.ranges import Span
from edge.counters import Counters
from edge.deliver import Delivered, Deliverer
from edge.errors import status_of
from edge.keys import file_of
from edge.metrics import Cache, Count, Route
from edge.open_responses import InProgress, OpenResponses
from edge.peer import encode_refusal
from edge.question import read_question
from edge.respond import Reply
from edge.send import send
from edge.store.port import PIECE_BYTES_MAX, Body, close_body
from edge.tier import Question, TierHead, context_of, may_travel

log = structlog.get_logger("edge.child_door")


@dataclass(slots=True)
class _Tally:
    status: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildDoor:
    """Answers children. `wall_clock` in seconds."""

    deliverer: Deliverer
    responses: OpenResponses
    counters: Counters
    region: str
    requests_max: int
    in_progress: InProgress
    """Children's questions count among the media requests of viewers."""
    progress_seconds_max: float
    wall_clock: Callable[[], float]

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        started = time.perf_counter()
        tally = _Tally()
        try:
            return await self._handle(request, tally)
        except MediaError as error:
            return await self._refuse(request, error, tally)
        except ConnectionError:
            raise
        except Exception as bug:
            log.exception("child_request_failed", error=type(bug).__name__)
            return await self._refuse(request, UpstreamUnavailable("The picture was not made"), tally)
        finally:
            self.counters.request(Route.TIER, Cache.NONE, tally.status, time.perf_counter() - started, 0)

    async def _handle(self, request: web.BaseRequest, tally: _Tally) -> web.StreamResponse:
        region = region_of(request)
        question = await read_question(request, PATH, Question)
        if self.in_progress.count >= self.requests_max:
            self.counters.add(Count.REQUESTS_REFUSED)
            raise Overloaded("Too many requests; try again")
        self.in_progress.count += 1
        try:
            return await self._hand_over(request, question, region, tally)
        finally:
            self.in_progress.count -= 1

    async def _hand_over(
        self, request: web.BaseRequest, question: Question, region: str, tally: _Tally
    ) -> web.StreamResponse:
        delivered = await self._delivered(question, region)
        try:
            key = await self._key(question, delivered)
            sealed = self._sealed(question, region, delivered, key)
            tally.status = 200
            return await self._send(request, delivered, sealed)
        finally:
            close_body(delivered.stored)

    async def _delivered(self, question: Question, region: str) -> Delivered:
        state = self.deliverer.link.tenants.get(question.tenant)
        if state is not None:
            self._may_leave(state.policy, region)  # before anything is made for a child that may not have it
        delivered = await self.deliverer.deliver(question.raw_path, question.accept, question.hints)
        if delivered.state.tenant != question.tenant:
            close_body(delivered.stored)
            raise BadRequest("Not a question of an edge")
        return delivered

    async def _send(self, request: web.BaseRequest, delivered: Delivered, sealed: _Sealed) -> web.StreamResponse:
        head = delivered.stored.head
        with self.responses.entered(head, request.transport), self.deliverer.torn_is_dropped(delivered):
            return await send(
                request,
                _reply(200, sealed.body_bytes),
                sealed,
                confirm=lambda: self.deliverer.confirm(delivered.stored, delivered.leave),
                progress_seconds_max=self.progress_seconds_max,
            )

    async def _key(self, question: Question, delivered: Delivered) -> bytes:
        """What the object is sealed under: known for what is on disk, else the origin says it again."""
        state, head = delivered.state, delivered.stored.head
        record = await self.deliverer.link.keyring_get(file_of(delivered.way, state.file_key))
        if record is not None and record.contributors == head.contributors:
            return record.content_key
        known = self.deliverer.readings.get(
            question.raw_path, question.accept, question.hints, self.deliverer.link.tenants
        )
        resolved = None if known is None else await self.deliverer.upstream.resolve(*known)
        if resolved is None or resolved.contributors != head.contributors:
            raise UpstreamUnavailable("The asset is changing; try again")
        return resolved.rendition_key

    def _sealed(self, question: Question, region: str, delivered: Delivered, key: bytes) -> _Sealed:
        """The whole decision at one moment: nothing is waited for between the fence's answer and what is said of it."""
        state, head, way, now = delivered.state, delivered.stored.head, delivered.way, self.wall_clock()
        if not self.deliverer.link.serving() or not self.deliverer.lookup.is_fresh(head):
            raise LeaseLost("The server cannot be sure that its copies are current; try again")
        self._may_leave(state.policy, region)
        if not may_travel(way, parent_region=self.region, child_region=region):
            raise OutsideRegion("Not available from this region")
        said = TierHead(
            head=head,
            epoch=state.fence.epoch,
            applied=state.fence.applied,
            age_seconds=max(0.0, now - head.stored_at),
        )
        context = context_of(question, way.key, state.name_key, head, region)
        sealer = Sealer(key, context, header=msgspec.msgpack.encode(said), salt=secrets.token_bytes(SALT_BYTES))
        sealed = _Sealed(sealer, delivered.stored.body, head.body_bytes)
        if sealed.body_bytes > ANSWER_BYTES_MAX:
            raise UpstreamUnavailable("The picture is too large to be handed on")
        return sealed

    def _may_leave(self, policy: ResidencyPolicy, region: str) -> None:
        """May the tenant's copies be kept where the child stands?"""
        decision = decide(policy, Activity.CACHE, Place(name="child", region=region), at=self.wall_clock())
        if not isinstance(decision, Permit):
            raise OutsideRegion("Not available from this region")

    async def _refuse(self, request: web.BaseRequest, error: MediaError, tally: _Tally) -> web.StreamResponse:
        said, tally.status = encode_refusal(error), status_of(error)
        reply = _reply(tally.status, len(said))
        return await send(request, reply, said, progress_seconds_max=self.progress_seconds_max)


class _Sealed:
    """A sealed file that is made while it is sent."""

    def __init__(self, sealer: Sealer, body: bytes | Body, body_bytes: int) -> None:
        self._sealer, self._body, self._plain_bytes = sealer, body, body_bytes
        chunks = max(1, -(-body_bytes // CHUNK_BYTES))
        self.body_bytes = len(sealer.preamble) + body_bytes + chunks * TAG_BYTES

    async def pieces(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        assert (start, end) == (0, self.body_bytes)
        waiting = bytearray(self._sealer.preamble)
        async for piece in self._plain():
            waiting += self._sealer.update(piece)
            while len(waiting) >= PIECE_BYTES_MAX:
                yield bytes(waiting[:PIECE_BYTES_MAX])
                del waiting[:PIECE_BYTES_MAX]
        waiting += self._sealer.finish()
        for at in range(0, len(waiting), PIECE_BYTES_MAX):
            yield bytes(waiting[at : at + PIECE_BYTES_MAX])

    async def _plain(self) -> AsyncGenerator[bytes, None]:
        if isinstance(self._body, bytes):
            for at in range(0, len(self._body), PIECE_BYTES_MAX):
                yield self._body[at : at + PIECE_BYTES_MAX]
        else:
            async for piece in self._body.pieces(0, self._plain_bytes):
                yield piece

    def close(self) -> None:
        """Whoever opened the body closes it."""


def region_of(request: web.BaseRequest) -> str:
    """The child's region: its header and its certificate must agree. Raises OutsideRegion."""
    transport = request.transport
    certificate = None if transport is None else transport.get_extra_info("peercert")
    region = request.headers.get(REGION_HEADER, "")
    if not region or not certificate or zone_of(certificate) != region:
        raise OutsideRegion("The stated region is not the one that was proved")
    return region


def _reply(status: int, body_bytes: int) -> Reply:
    headers = (("Content-Type", CONTENT_TYPE), ("Content-Length", str(body_bytes)))
    return Reply(status=status, headers=headers, content=(Span(start=0, end=body_bytes),))
