"""One connection of a listener: hot hits are answered before anything is parsed, all else is the HTTP library's to read.

Once the library may stand inside a message, it has the connection for good. A connection that is ended gives its viewer what
was sent, as far as he takes it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import web

from edge.front import bears_name
from edge.hot import HELD_BYTES_MAX
from edge.outgoing import abort, bound, unread_bytes
from edge.request_head import ends_at_a_boundary
from edge.respond import empty

if TYPE_CHECKING:
    from edge.listener import Listener

LINE_BYTES_MAX = 8190
HEAD_BYTES_MAX = 32 * 1024
"""Of all fields of one request: what reads lists takes time for each byte of them."""


class Request(web.BaseRequest):
    """A request that knows when it is the last of its connection.

    One that asks for another protocol is: nobody takes that up here, and the HTTP library loses what came behind it.
    """

    @property
    def keep_alive(self) -> bool:
        message, protocol = self._message, self._protocol
        is_last = message.upgrade or (isinstance(protocol, Connection) and protocol.is_last)
        return super().keep_alive and not is_last


class Connection(web.RequestHandler):
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
