"""The client's end of HTTP/1.1: one connection, bytes as they come, heads read strictly, bodies by their framing (RFC 9112).

Nothing here connects; the gate does (`gate/assets.py`).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import cast

HEAD_BYTES_MAX = 64 * 1024
FIELDS_MAX = 256
LINE_BYTES_MAX = 1024
"""Of a chunk's size, or of a trailer."""
TRAILERS_MAX = 64
BUFFER_BYTES_MAX = 256 * 1024
"""What is read ahead of whoever takes it."""

Fields = tuple[tuple[str, str], ...]

_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?")
_INTERIM, _FINAL = (re.compile(rb"HTTP/1\.[01] " + first) for first in (b"1", b"[2-9]"))
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?")


class Unreachable(Exception):
    """No answer: not connected, closed before a head was there, or too slow."""

    def __init__(self, text: str, *, timed_out: bool = False) -> None:
        super().__init__(text)
        self.timed_out = timed_out


class NotConnected(Unreachable):
    """Nothing was sent."""


class Broken(Exception):
    """An answer that is not HTTP, or not all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Of a response, interim or final. Text is Latin-1."""

    minor: int
    status: int
    reason: str
    fields: Fields


class Wire(asyncio.Protocol):
    """The client's end of one connection. One reader and one writer at a time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._ended = False
        self._is_reset = False
        self._waiter: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's do not inherit from it

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._writable.is_set() and self.is_answered:
            self._writable.set()  # whoever writes need not go on
        if len(self._buffer) > BUFFER_BYTES_MAX and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._ended = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_reset = exc is not None and not self._ended
        self._ended = True
        self._writable.set()
        self._wake()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def is_idle(self) -> bool:
        """May another request be sent? Not if anything has come unasked."""
        return not self._ended and not self._buffer and self._transport is not None and not self._transport.is_closing()

    @property
    def is_answered(self) -> bool:
        """Has a final response begun to come, after interim ones or without?"""
        at = 0
        while _INTERIM.match(self._buffer, at) and (end := self._buffer.find(b"\r\n\r\n", at)) >= 0:
            at = end + 4
        return _FINAL.match(self._buffer, at) is not None

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def write(self, data: bytes) -> None:
        if self._ended or self._transport is None:
            raise Unreachable("the connection was closed")
        self._transport.write(data)

    async def drained(self, seconds_max: float) -> None:
        try:
            async with asyncio.timeout(seconds_max):
                await self._writable.wait()
        except TimeoutError as slow:
            raise Unreachable("takes no bytes", timed_out=True) from slow

    async def some(self, bytes_max: int, seconds_max: float) -> bytes:
        """What is there, at least one byte; empty at the end."""
        if not self._buffer:
            await self._more(seconds_max)
        taken = bytes(self._buffer[:bytes_max])
        del self._buffer[:bytes_max]
        if self._transport is not None and len(self._buffer) <= BUFFER_BYTES_MAX // 2:
            self._transport.resume_reading()
        return taken

    async def until(self, end: bytes, bytes_max: int, seconds_max: float) -> bytes:
        """Everything before `end`, which is taken, too. Broken when it is not there in time."""
        start = 0
        while (at := self._buffer.find(end, start)) < 0:
            start = max(0, len(self._buffer) - len(end) + 1)
            if len(self._buffer) > bytes_max:
                raise Broken("a head or line is too long")
            if not await self._more(seconds_max):
                if self._buffer:
                    raise Broken("ended in the middle")
                raise Unreachable("closed the connection")
        if at > bytes_max:
            raise Broken("a head or line is too long")
        taken = bytes(self._buffer[:at])
        del self._buffer[: at + len(end)]
        return taken

    async def _more(self, seconds_max: float) -> bool:
        """Wait for bytes; False when there will be none."""
        before = len(self._buffer)
        while len(self._buffer) == before:
            if self._is_reset:
                raise Unreachable("the connection was reset")  # which is no end of a body
            if self._ended:
                return False
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(seconds_max):
                    await self._waiter
            except TimeoutError as slow:
                raise Unreachable("too slow", timed_out=True) from slow
            finally:
                self._waiter = None
        return True

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def read_head(wire: Wire, seconds_max: float) -> Head:
    """The next head, interim or final, all of it in `seconds_max`. Unreachable when nothing came, Broken when it is none."""
    try:
        async with asyncio.timeout(seconds_max):
            first, *lines = (await wire.until(b"\r\n\r\n", HEAD_BYTES_MAX, seconds_max)).split(b"\r\n")
    except TimeoutError as slow:
        raise Unreachable("too slow", timed_out=True) from slow
    status = _STATUS.fullmatch(first)
    if status is None or len(lines) > FIELDS_MAX:
        raise Broken("the status line cannot be read, or there are too many fields")
    found: list[tuple[str, str]] = []
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise Broken("a field cannot be read")
        found.append((match[1].decode("ascii"), match[2].decode("latin-1").rstrip(" \t")))
    reason = (status[3] or b"").decode("latin-1")
    return Head(minor=int(status[1]), status=int(status[2]), reason=reason, fields=tuple(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Framing:
    """How a body ends: after so many bytes, at its last chunk, or (both unset) when the connection closes."""

    body_bytes: int | None = None
    is_chunked: bool = False
    keeps_open: bool = True

    async def pieces(self, wire: Wire, piece_bytes: int, seconds_max: float) -> AsyncIterator[bytes]:
        """Broken when the body ends before its end."""
        if self.is_chunked:
            while True:
                match = _CHUNK.fullmatch(await self._line(wire, seconds_max))
                if match is None:
                    raise Broken("the size of a chunk cannot be read")
                left = int(match[1], 16)
                if left == 0:
                    break
                async for piece in _exactly(wire, left, piece_bytes, seconds_max):
                    yield piece
                if await self._line(wire, seconds_max):
                    raise Broken("a chunk is longer than it said")
            for _ in range(TRAILERS_MAX):
                if not await self._line(wire, seconds_max):
                    return
            raise Broken("too many trailers")
        if self.body_bytes is None:
            while piece := await wire.some(piece_bytes, seconds_max):
                yield piece
            return
        async for piece in _exactly(wire, self.body_bytes, piece_bytes, seconds_max):
            yield piece

    async def _line(self, wire: Wire, seconds_max: float) -> bytes:
        try:
            return await wire.until(b"\r\n", LINE_BYTES_MAX, seconds_max)
        except Unreachable as gone:
            raise Broken("ended before it was complete") from gone


async def _exactly(wire: Wire, left: int, piece_bytes: int, seconds_max: float) -> AsyncIterator[bytes]:
    while left:
        piece = await wire.some(min(left, piece_bytes), seconds_max)
        if not piece:
            raise Broken("ended before it was complete")
        left -= len(piece)
        yield piece


def framing_of(head: Head, *, method: str) -> Framing:
    """RFC 9112 section 6.3. Broken for anything that two readers could understand in two ways."""
    coded = [value.lower() for name, value in head.fields if name.lower() == "transfer-encoding"]
    lengths = {
        part.strip() for name, value in head.fields if name.lower() == "content-length" for part in value.split(",")
    }
    said = {
        part.strip().lower() for name, value in head.fields if name.lower() == "connection" for part in value.split(",")
    }
    keeps_open = head.minor == 1 and "close" not in said
    if len(lengths) > 1 or not all(re.fullmatch(r"[0-9]{1,15}", length) for length in lengths):
        raise Broken("the length cannot be read")
    if coded and (lengths or coded != ["chunked"] or head.minor == 0):
        raise Broken("framed in two ways, or in an unknown one")
    if method == "HEAD" or head.status in {204, 304}:
        return Framing(body_bytes=0, keeps_open=keeps_open)
    if coded:
        return Framing(is_chunked=True, keeps_open=keeps_open)
    if lengths:
        return Framing(body_bytes=int(lengths.pop()), keeps_open=keeps_open)
    return Framing(keeps_open=False)
