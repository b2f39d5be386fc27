"""Frames between the processes of one node: a length (u32, big-endian) and a msgpack value of `edge.messages`."""

from __future__ import annotations

import asyncio
import struct
from typing import Generic, TypeVar

import msgspec

from domicile.media.errors import UpstreamUnavailable
from edge.messages import FRAME_BYTES_MAX

In = TypeVar("In")
Out = TypeVar("Out")

WRITE_SECONDS_MAX = 5.0
"""A peer that takes nothing for this long is given up."""

READ_BUFFER_BYTES = 256 * 1024


class Torn(UpstreamUnavailable):
    """The connection ended, or what came is not a frame."""


class Frames(Generic[In, Out]):
    """One connection. Reads are for one task; writes may come from many."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kind: type[In] | object) -> None:
        """`kind`: what the other side may send (a msgspec type or union)."""
        self._reader = reader
        self._writer = writer
        self._decoder: msgspec.msgpack.Decoder[In] = msgspec.msgpack.Decoder(kind)
        self._encoder = msgspec.msgpack.Encoder()

    async def receive(self) -> In:
        """The next value. Raises Torn at the end of the connection."""
        try:
            (length,) = struct.unpack(">I", await self._reader.readexactly(4))
            if length > FRAME_BYTES_MAX:
                raise Torn("frame too long")
            return self._decoder.decode(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError, msgspec.MsgspecError) as ended:
            raise Torn("the connection inside the node ended") from ended

    def send_soon(self, value: Out) -> None:
        """Put a value into the write buffer; `flush` afterwards. Raises Torn, also when the connection has ended meanwhile."""
        body = self._encoder.encode(value)
        if len(body) > FRAME_BYTES_MAX:
            raise Torn("frame too long")
        if self._writer.is_closing():  # uvloop would raise something of its own
            raise Torn("the connection inside the node ended")
        self._writer.write(struct.pack(">I", len(body)) + body)

    async def flush(self) -> None:
        """Wait until the peer keeps up. Raises Torn when it does not, or is gone."""
        try:
            async with asyncio.timeout(WRITE_SECONDS_MAX):
                await self._writer.drain()
        except (OSError, TimeoutError) as ended:
            self.close()
            raise Torn("the connection inside the node ended") from ended

    async def send(self, value: Out) -> None:
        self.send_soon(value)
        await self.flush()

    def close(self) -> None:
        """End the connection at once."""
        self._writer.transport.abort()
