"""Connections: bounds that the HTTP library does not set, and quiet about what is no HTTP.

A malformed request is answered with an empty 400 and counted; a line in the log comes at most every LOG_SECONDS and
holds nothing that the sender chose.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import web
from multidict import CIMultiDict

from edge.front import ANYBODY, Front, bears_name
from edge.hot import Hot
from edge.metrics import Cache, Counters, Route
from edge.outgoing import POLL_SECONDS_MAX, abort, bound, close_when_taken, unsent_bytes
from edge.request_head import ends_at_a_boundary
from edge.respond import empty
from edge.send import Answer

LINE_BYTES_MAX = 8190
HEADERS_MAX = 100
LINGER_SECONDS = 2.0
"""How long an unread request body is read away before the connection is closed."""
LOG_SECONDS = 10.0
BACKLOG = 1024

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
        keepalive_seconds: float,
        connections_max: int,
        progress_seconds_max: float,
        write_buffer_bytes_max: int,
    ) -> None:
        super().__init__(
            handler,
            keepalive_timeout=keepalive_seconds,
            access_log=None,
            logger=_SILENT,
            max_line_size=LINE_BYTES_MAX,
            max_field_size=LINE_BYTES_MAX,
            max_headers=HEADERS_MAX,
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,
        )
        self.hot = hot
        self.front = front
        self.counters = counters
        self.region = region
        self.connections_max = connections_max
        self.progress_seconds_max = progress_seconds_max
        self.write_buffer_bytes_max = write_buffer_bytes_max
        self._leaving: set[asyncio.Transport] = set()
        self._malformed = 0
        self._told_at = float("-inf")

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)

    def is_full(self) -> bool:
        return len(self._connections) >= self.connections_max

    def close(self, transport: asyncio.Transport) -> None:
        """Close a connection that has nothing more to answer."""
        if transport.is_closing() or not unsent_bytes(transport):
            transport.close()
            return
        self._leaving.add(transport)
        close_when_taken(
            transport,
            progress_seconds_max=self.progress_seconds_max,
            then=lambda: self._leaving.discard(transport),
        )

    async def left(self, seconds_max: float) -> None:
        """Wait until the viewers of closed connections have everything, at most so long."""
        until = self._loop.time() + seconds_max
        while self._leaving and self._loop.time() < until:  # noqa: ASYNC110 - only at a stop, and there is a time
            await asyncio.sleep(POLL_SECONDS_MAX)

    def on_malformed(self) -> None:
        self.counters.request(Route.OTHER, Cache.NONE, 400, 0.0, 0)
        self._malformed += 1
        now = self._loop.time()
        if now - self._told_at >= LOG_SECONDS:
            log.info("malformed_requests", count=self._malformed)
            self._malformed, self._told_at = 0, now


class _Connection(web.RequestHandler):
    """One connection, with a limit on what waits in it unsent, and hot hits answered before anything is parsed."""

    __slots__ = ("_at_boundary", "_listener")

    def __init__(self, manager: Listener, **kwargs: Any) -> None:
        super().__init__(manager, **kwargs)
        self._listener = manager
        self._at_boundary = manager.hot is not None
        """Does the HTTP library certainly stand between two messages? Once it may not, it has the connection for good."""

    def data_received(self, data: bytes) -> None:
        if self._at_boundary:
            data = self._past_hot_hits(data)
            if not data:
                return
            self._at_boundary = ends_at_a_boundary(data)
        super().data_received(data)

    def _past_hot_hits(self, data: bytes) -> bytes:
        """What is left when the requests that can be answered at once have been."""
        hot, transport = self._listener.hot, self.transport
        if hot is None or transport is None or not self._is_idle() or transport.get_write_buffer_size():
            return data
        taken = hot.take(data, transport, self._listener.front)
        if taken:
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        return data[taken:] if taken else data

    def _is_idle(self) -> bool:
        """Is no request of this connection waiting or being answered?"""
        if self._close or self._force_close or self._messages:
            return False
        waiter = self._waiter
        return not self._request_count if waiter is None else not waiter.done()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        listener, full = self._listener, self._listener.is_full()
        super().connection_made(transport)
        connected = self.transport
        if connected is None:
            return
        if full or not bears_name(connected.get_extra_info("peercert"), listener.front.client_names):
            abort(connected)
            return
        bound(
            connected,
            buffer_bytes_max=listener.write_buffer_bytes_max,
            user_timeout_seconds=listener.progress_seconds_max,
        )

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
        self._listener.on_malformed()
        reply = empty(400 if status < 500 else status, region=self._listener.region)
        response = Answer(status=reply.status, headers=CIMultiDict(reply.headers))
        response.force_close()
        return response
