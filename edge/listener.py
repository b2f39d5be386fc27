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
from edge.faulty import head_bytes, is_faulty
from edge.front import ANYBODY, Front, bears_name
from edge.hot import HELD_BYTES_MAX, Hot
from edge.metrics import Cache, Count, Counters, Route
from edge.outgoing import POLL_SECONDS_MAX, abort, bound, close_when_taken, unread_bytes, unsent_bytes
from edge.request_head import ends_at_a_boundary
from edge.respond import empty
from edge.send import Answer

LINE_BYTES_MAX = 8190
HEADERS_MAX = 100
HEAD_BYTES_MAX = 32 * 1024
"""Of all fields of one request: what reads lists takes time for each byte of them."""
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
        self._heads: dict[_Connection, float] = {}
        """Connections in the middle of a request's head, and until when it may take; the first is the first to be late."""
        self._looking: asyncio.TimerHandle | None = None
        self._malformed = 0
        self._told_at = float("-inf")

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)

    def _request(self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        return _Request(message, payload, protocol, writer, task, self._loop)

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

    def head_begun(self, connection: _Connection) -> float:
        """The rest of a request's head is still to come; until when."""
        until = self._heads.get(connection)
        if until is None:
            until = self._heads[connection] = self._loop.time() + self.bounds.header_seconds_max
        if self._looking is None:
            self._looking = self._loop.call_at(until, self._look)
        return until

    def head_over(self, connection: _Connection) -> None:
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
                    assert isinstance(connection, _Connection)
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


class _Request(web.BaseRequest):
    """A request that knows when it is the last of its connection.

    One that asks for another protocol is: nobody takes that up here, and the HTTP library loses what came behind it.
    """

    @property
    def keep_alive(self) -> bool:
        message, protocol = self._message, self._protocol
        is_last = message.upgrade or (isinstance(protocol, _Connection) and protocol.is_last)
        return super().keep_alive and not is_last


class _Connection(web.RequestHandler):
    """One connection, with a limit on what waits in it unsent, and hot hits answered before anything is parsed."""

    __slots__ = ("_at_boundary", "_client", "_head_bytes", "_held", "_hot_answers", "_listener")

    def __init__(self, manager: Listener, **kwargs: Any) -> None:
        super().__init__(manager, **kwargs)
        self._listener = manager
        self._client = b""
        self._hot_answers = 0
        self._held = b""
        """What came while an event was on its way to this worker."""
        self._head_bytes = 0
        """What has come of a head that is not whole."""
        self._at_boundary = manager.hot is not None
        """Does the HTTP library certainly stand between two messages? Once it may not, it has the connection for good."""

    @property
    def is_last(self) -> bool:
        """Is the answer under way this connection's last? Requests that wait behind it are answered before a drain ends."""
        listener, waiting = self._listener, len(self._messages)
        if listener.is_draining and not waiting:
            return True
        return self._request_count - waiting + self._hot_answers >= listener.requests_max

    def data_received(self, data: bytes) -> None:
        """Nothing: the HTTP library goes on with what it has put off, a body too long for its buffer or requests for its queue."""
        if self._held or not data:  # whoever says more meanwhile takes the ordinary path, which keeps the order
            held, self._held = self._held, b""
            self._read(held + data)
        else:
            data = self._past_hot_hits(data)
            if data and not self._hold(data):
                self._read(data)

    def _hold(self, data: bytes) -> bool:
        """Keep it until the event that is on its way has come."""
        hot = self._listener.hot
        if hot is None or not self._at_boundary or not hot.is_catching_up() or not self._is_idle():
            return False
        if len(data) > HELD_BYTES_MAX or not ends_at_a_boundary(data):
            return False
        hot.hold(self._ask_again)
        self._held = data
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        return True

    def _ask_again(self) -> None:
        data, self._held = self._held, b""
        data = self._past_hot_hits(data) if data else b""
        if data:
            self._read(data)

    def _read(self, data: bytes) -> None:
        """By the HTTP library."""
        if self._at_boundary and data:
            self._at_boundary = ends_at_a_boundary(data)
        super().data_received(data)
        if self.transport is None:
            return
        if not self._is_idle():
            self._head_bytes = 0
            self._listener.head_over(self)
            return
        self._head_bytes += len(data)  # what came is no whole head
        if self._head_bytes > LINE_BYTES_MAX + HEAD_BYTES_MAX:
            self._listener.head_over(self)
            self._listener.count_malformed()
            self._refuse_head(400, "Bad Request")
            return
        self._next_keepalive_close_time = self._listener.head_begun(self) + self._keepalive_timeout

    def _past_hot_hits(self, data: bytes) -> bytes:
        """What is left when the requests that can be answered at once have been."""
        listener, transport = self._listener, self.transport
        hot = listener.hot
        if hot is None or not self._at_boundary or transport is None or not self._is_idle():
            return data
        if transport.get_write_buffer_size():
            return data
        if listener.is_draining or self._request_count + self._hot_answers + 1 >= listener.requests_max:
            return data  # the ordinary path says that it is the last answer
        before = hot.answers
        taken = hot.take(data, transport, listener.front)
        if taken:
            self._hot_answers += hot.answers - before
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        return data[taken:] if taken else data

    def _is_idle(self) -> bool:
        """Is no request of this connection waiting or being answered?"""
        if self._close or self._force_close or self._messages or self._held:
            return False
        waiter = self._waiter
        return not self._request_count if waiter is None else not waiter.done()

    def refuse_late_head(self) -> None:
        if self._is_idle():
            self._refuse_head(408, "Request Timeout")

    def _refuse_head(self, status: int, reason: str) -> None:
        """To a request of which there is no whole head."""
        transport = self.transport
        if transport is None:
            return
        reply = empty(status, region=self._listener.region, headers=(("Connection", "close"),))
        lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in reply.headers)]
        transport.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        self.force_close()

    def close_if_idle(self) -> None:
        """Unless something was asked that was not read yet: closed then, it would be lost."""
        transport = self.transport
        if transport is not None and self._is_idle() and not unread_bytes(transport):
            self.force_close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        listener = self._listener
        client = listener.admit(transport)
        super().connection_made(transport)
        connected = self.transport
        if connected is None:
            listener.addresses.leave(client or b"")
            return
        if client is None or not bears_name(connected.get_extra_info("peercert"), listener.front.client_names):
            listener.addresses.leave(client or b"")
            abort(connected)
            return
        self._client = client
        bound(
            connected,
            buffer_bytes_max=listener.bounds.write_buffer_bytes_max,
            user_timeout_seconds=listener.bounds.progress_seconds_max,
        )

    def connection_lost(self, exc: BaseException | None) -> None:
        self._listener.head_over(self)
        self._listener.addresses.leave(self._client)
        self._client = self._held = b""
        super().connection_lost(exc)

    def force_close(self) -> None:
        """End it; not before the viewer has what was sent, as far as he takes it."""
        transport, self.transport = self.transport, None
        super().force_close()
        if transport is not None:
            self._listener.close(transport)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What the parser could not read. Handlers answer their own errors, and raise when there is nobody left."""
        if isinstance(exc, ConnectionError):
            raise exc
        return self._listener.malformed(400 if status < 500 else status)
