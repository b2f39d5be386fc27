"""The owner's side of the talk between workers (edge.peer): what `worker-<slot>.sock` answers: for an object,
and, to the agent, what is left of erased versions.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import msgspec
import structlog
from aiohttp import web

from domicile.media.errors import MediaError, UpstreamUnavailable
from domicile.media.wire import CONTENT_TYPE
from domicile.service.gate.peer import HEAD_HEADER, LOOK_PATH, PATH
from edge.cache.ranges import Span
from edge.counters import Counters
from edge.deliver import Delivered, Deliverer
from edge.errors import status_of
from edge.look import Looker, LookQuestion
from edge.metrics import Cache, Route
from edge.open_responses import OpenResponses
from edge.peer import AnswerHead, Question, encode_head, encode_refusal
from edge.question import read_question
from edge.relay import RelayedBody
from edge.respond import Reply
from edge.send import send
from edge.store.port import PIECE_BYTES_MAX, Body, close_body

log = structlog.get_logger("edge.peer_door")


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerDoor:
    """Answers other workers."""

    deliverer: Deliverer
    looker: Looker
    responses: OpenResponses
    counters: Counters
    progress_seconds_max: float

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        started, status = time.perf_counter(), 500
        try:
            try:
                if request.raw_path == LOOK_PATH:
                    looked = self.looker.look(await read_question(request, LOOK_PATH, LookQuestion))
                    status = 200
                    return await self._answer(request, status, msgspec.msgpack.encode(looked), b"")
                delivered = await self.deliverer.deliver_to_peer(await read_question(request, PATH, Question))
            except MediaError as error:
                status = status_of(error)
                return await self._refuse(request, status, error)
            except Exception as bug:
                log.exception("peer_request_failed", error=type(bug).__name__)
                return await self._refuse(request, status, UpstreamUnavailable("The picture was not made"))
            status = 200
            return await self._send(request, delivered)
        finally:
            self.counters.request(Route.PEER, Cache.NONE, status, time.perf_counter() - started, 0)

    async def _send(self, request: web.BaseRequest, delivered: Delivered) -> web.StreamResponse:
        stored = delivered.stored
        close_body(stored)  # what is read from a file, the other worker reads by itself
        body = stored.body if isinstance(stored.body, bytes) else None
        head = AnswerHead(
            head=stored.head,
            on_disk=body is None and not isinstance(stored.body, RelayedBody),
            is_relayed=isinstance(stored.body, RelayedBody),
            key=delivered.way.key,
            position=delivered.position,
            tier=delivered.tier,
            collapsed=delivered.collapsed,
            kept=delivered.kept,
            spans=tuple((span.name, span.seconds, span.desc) for span in delivered.spans if span.name != "lookup"),
        )
        with self.responses.entered(stored.head, request.transport):
            return await self._answer(request, 200, encode_head(head), body or b"")

    async def _refuse(self, request: web.BaseRequest, status: int, error: MediaError) -> web.StreamResponse:
        return await self._answer(request, status, encode_refusal(error), b"")

    async def _answer(self, request: web.BaseRequest, status: int, head: bytes, body: bytes) -> web.StreamResponse:
        content = _Content(head, body)
        headers = (
            ("Content-Type", CONTENT_TYPE),
            ("Content-Length", str(content.body_bytes)),
            (HEAD_HEADER, str(len(head))),
        )
        reply = Reply(status=status, headers=headers, content=(Span(start=0, end=content.body_bytes),))
        return await send(request, reply, content.whole(), progress_seconds_max=self.progress_seconds_max)


class _Content:
    """Head and body as one content, without a copy of a large body."""

    def __init__(self, head: bytes, body: bytes) -> None:
        self._parts = (head, body)

    @property
    def body_bytes(self) -> int:
        return sum(len(part) for part in self._parts)

    def whole(self) -> bytes | Body:
        return b"".join(self._parts) if self.body_bytes <= PIECE_BYTES_MAX else self

    async def pieces(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        assert (start, end) == (0, self.body_bytes)
        for part in self._parts:
            for at in range(0, len(part), PIECE_BYTES_MAX):
                yield part[at : at + PIECE_BYTES_MAX]

    def close(self) -> None:
        """Nothing is open."""
