"""Connections: bounds that the HTTP library does not set, and quiet about what is no HTTP.

    too many       of all, or of one client: closed at once
    head           too long in coming: 408; too long in all: 400
    requests       the last one of a connection is answered with `Connection: close`
    drain          each answer is its connection's last, and who asks nothing any more is closed after a moment
    viewer         what he does not take is thrown away (edge.outgoing)

A malformed request is answered with an empty 400 and counted; a line in the log comes at most every LOG_SECONDS and
holds nothing that the sender chose.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import web
from multidict import CIMultiDict

from domicile.service.tls import HandshakeBounds
from edge.addresses import KEY_BYTES, Addresses
from edge.bounds import Bounds
from edge.connection import HEAD_BYTES_MAX, LINE_BYTES_MAX, Connection, Request
from edge.counters import Counters
from edge.faulty import head_bytes, is_faulty
from edge.front import ANYBODY, Front
from edge.hot import Hot
from edge.metrics import Cache, Count, Route
from edge.outgoing import POLL_SECONDS_MAX, close_when_taken, unsent_bytes
from edge.respond import empty
from edge.send import Answer

HEADERS_MAX = 100
LINGER_SECONDS = 2.0
"""How long an unread request body is read away before the connection is closed."""
LOG_SECONDS = 10.0
BACKLOG = 1024
END_SECONDS_MAX = 0.1
"""For what was not over when a drain ended."""

log = structlog.get_logger("edge.listener")

_SILENT = logging.getLogger("edge.listener.http")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Listener(web.Server):
    """Serves one handler on any number of sockets."""

    def __init__(
        self,
        handler: Handler,
        *,
        hot: Hot | None = None,
        front: Front = ANYBODY,
        counters: Counters,
        region: str,
        bounds: Bounds,
    ) -> None:
        super().__init__(
            self._answer,
            request_factory=self._request,
            keepalive_timeout=bounds.keepalive_seconds,
            access_log=None,
            logger=_SILENT,
            max_line_size=LINE_BYTES_MAX,
            max_field_size=LINE_BYTES_MAX,
            max_headers=HEADERS_MAX,
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,
        )
        self._handler = handler
        self.hot = hot
        self.front = front
        self.counters = counters
        self.region = region
        self.bounds = bounds
        self.requests_max = bounds.requests_max
        """Of one connection."""
        self.addresses = Addresses(
            per_address_max=bounds.per_address_max, trusted=bounds.trusted, key=secrets.token_bytes(KEY_BYTES)
        )
        self._shaking = Addresses(
            per_address_max=bounds.handshakes_per_address_max,
            trusted=bounds.trusted,
            key=secrets.token_bytes(KEY_BYTES),
        )
        self.is_draining = False
        self._leaving: set[asyncio.Transport] = set()
        self._heads: dict[Connection, float] = {}
        """Connections in the middle of a request's head, and until when it may take; the first is the first to be late."""
        self._looking: asyncio.TimerHandle | None = None
        self._malformed = 0
        self._told_at = float("-inf")

    def __call__(self) -> web.RequestHandler:
        return Connection(self, loop=self._loop, **self._kwargs)

    def _request(self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        return Request(message, payload, protocol, writer, task, self._loop)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if is_faulty(request.version, request.raw_headers) or head_bytes(request.raw_headers) > HEAD_BYTES_MAX:
            return self.malformed(400)
        return await self._handler(request)

    # --- how many ---------------------------------------------------------------------------------------------------

    def admit(self, transport: asyncio.BaseTransport) -> bytes | None:
        """What to give back to `addresses` when this connection is closed; None when it is one too many."""
        if len(self._connections) >= self.bounds.connections_max:
            self.counters.add(Count.CONNECTIONS_FULL)
            return None
        peer = transport.get_extra_info("peername")
        client = self.addresses.enter(peer[0] if isinstance(peer, tuple) else None)
        if client is None:
            self.counters.add(Count.CONNECTIONS_ADDRESS)
        return client

    def handshakes(self) -> HandshakeBounds:
        """Of TLS: who is in one has no connection yet."""
        return HandshakeBounds(
            seconds_max=self.bounds.header_seconds_max,
            at_once_max=self.bounds.handshakes_max,
            full=lambda: self.counters.add(Count.CONNECTIONS_FULL),
            admit=self._shaking_hands,
            leave=self._shaking.leave,
        )

    def _shaking_hands(self, address: str | None) -> bytes | None:
        client = self._shaking.enter(address)
        if client is None:
            self.counters.add(Count.CONNECTIONS_ADDRESS)
        return client

    # --- how long a head may take -----------------------------------------------------------------------------------

    def head_begun(self, connection: Connection) -> float:
        """The rest of a request's head is still to come; until when."""
        until = self._heads.get(connection)
        if until is None:
            until = self._heads[connection] = self._loop.time() + self.bounds.header_seconds_max
        if self._looking is None:
            self._looking = self._loop.call_at(until, self._look)
        return until

    def head_over(self, connection: Connection) -> None:
        self._heads.pop(connection, None)

    def _look(self) -> None:
        self._looking = None
        now = self._loop.time()
        for connection, until in list(self._heads.items()):
            if until > now:
                self._looking = self._loop.call_at(until, self._look)
                return
            del self._heads[connection]
            self.counters.add(Count.HEADS_LATE)
            connection.refuse_late_head()

    # --- the end ----------------------------------------------------------------------------------------------------

    async def drain(self, *, idle_seconds: float, seconds_max: float) -> None:
        """Answer what is asked, and what is still asked on open connections for `idle_seconds`; then close them all.

        Whoever asks in that time is told that the connection ends. After `seconds_max` everything is closed.
        """
        self.is_draining = True
        started = self._loop.time()
        while self._connections and (passed := self._loop.time() - started) < seconds_max:
            if passed >= idle_seconds:
                for connection in list(self._connections):
                    assert isinstance(connection, Connection)
                    connection.close_if_idle()
            await asyncio.sleep(POLL_SECONDS_MAX)
        await self.left(seconds_max - (self._loop.time() - started))

    def close(self, transport: asyncio.Transport) -> None:
        """Close a connection that has nothing more to answer."""
        if transport.is_closing() or not unsent_bytes(transport):
            transport.close()
            return
        self._leaving.add(transport)
        close_when_taken(
            transport,
            progress_seconds_max=self.bounds.progress_seconds_max,
            then=lambda: self._leaving.discard(transport),
        )

    async def left(self, seconds_max: float) -> None:
        """Wait until the viewers of closed connections have everything, at most so long."""
        until = self._loop.time() + seconds_max
        while self._leaving and self._loop.time() < until:  # noqa: ASYNC110 - only at a stop, and there is a time
            await asyncio.sleep(POLL_SECONDS_MAX)

    def malformed(self, status: int) -> web.StreamResponse:
        """The answer to what cannot be read; its connection ends."""
        self.count_malformed()
        reply = empty(status, region=self.region)
        response = Answer(status=reply.status, headers=CIMultiDict(reply.headers))
        response.force_close()
        return response

    def count_malformed(self) -> None:
        self.counters.request(Route.OTHER, Cache.NONE, 400, 0.0, 0)
        self._malformed += 1
        now = self._loop.time()
        if now - self._told_at >= LOG_SECONDS:
            log.info("malformed_requests", count=self._malformed)
            self._malformed, self._told_at = 0, now
