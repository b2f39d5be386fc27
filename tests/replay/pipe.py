"""Connections in memory: what one end writes the other is given in the next turn of the loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

Leaves = Callable[[bytes], None]
"""Told of what leaves an end, at the moment it does."""

BUFFER_LIMITS = 0, 64 * 1024


def _nobody(_: bytes) -> None:
    return None


class End(asyncio.Transport):
    """One end of a connection. While it is `held`, its process stands just before the system call that would send."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: Any, extra: dict[str, Any], leaves: Leaves) -> None:
        super().__init__(extra)
        self.held: list[bytes] | None = None
        self.other: End
        self._loop = loop
        self._protocol = protocol
        self._leaves = leaves
        self._is_over = False
        self._is_paused = False
        self._arrived: deque[bytes] = deque()

    # --- what a protocol asks of its transport --------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._is_over:
            return
        if self.held is not None:
            self.held.append(bytes(data))
            return
        self._leaves(bytes(data))
        self._loop.call_soon(self.other._arrive, bytes(data))

    def is_closing(self) -> bool:
        return self._is_over

    def close(self) -> None:
        self._end(None)

    def abort(self) -> None:
        self._end(ConnectionResetError("cut"))

    def get_write_buffer_size(self) -> int:
        return 0

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return BUFFER_LIMITS

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        return None

    def can_write_eof(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self._is_paused = True

    def resume_reading(self) -> None:
        self._is_paused = False
        while self._arrived and not self._is_paused:
            self._protocol.data_received(self._arrived.popleft())

    def is_reading(self) -> bool:
        return not self._is_paused

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    # --- and what a test does -------------------------------------------------------------------------------------------

    def let_go(self) -> None:
        """The process goes on."""
        held, self.held = self.held or [], None
        for data in held:
            self.write(data)

    def _arrive(self, data: bytes) -> None:
        if self._is_over:
            return
        if self._is_paused:
            self._arrived.append(data)
        else:
            self._protocol.data_received(data)

    def _end(self, why: Exception | None) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._loop.call_soon(self._protocol.connection_lost, why)
        self._loop.call_soon(self.other._end, why)


def connected(
    server: Any, client: Any, *, certificate: dict[str, Any] | None = None, leaves: Leaves = _nobody
) -> tuple[End, End]:
    """(the server's end, the client's). `leaves`: told of what the server sends; `certificate`: what both have shown."""
    loop = asyncio.get_running_loop()
    extra = {} if certificate is None else {"peercert": certificate}
    ends = End(loop, server, dict(extra), leaves), End(loop, client, dict(extra), _nobody)
    ends[0].other, ends[1].other = ends[1], ends[0]
    server.connection_made(ends[0])
    client.connection_made(ends[1])
    return ends


class Connector(aiohttp.BaseConnector):
    """For the HTTP library: connections to whoever `answers` now. `answers` raises OSError when there is nobody."""

    def __init__(self, answers: Callable[[], Any], *, certificate: dict[str, Any] | None = None) -> None:
        super().__init__(force_close=True)
        self._answers = answers
        self._certificate = certificate

    async def _create_connection(self, *_: Any, **__: Any) -> ResponseHandler:
        client: ResponseHandler = self._factory()
        connected(self._answers(), client, certificate=self._certificate)
        return client
