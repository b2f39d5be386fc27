"""Files in the clear that need not lie in memory: read from anywhere, as often as it takes, a piece at a time."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

PIECE_BYTES_MAX = 1024 * 1024
"""Largest piece that a body gives."""


class Body(Protocol):
    """Somebody's file."""

    @property
    def body_bytes(self) -> int: ...

    def pieces(self, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """Bytes [start, end), which is to the end if nothing is said. Raises AssetNotFound when it has gone meanwhile."""


@dataclass(frozen=True, slots=True)
class Held:
    """One that does lie in memory."""

    content: bytes = field(repr=False)

    @property
    def body_bytes(self) -> int:
        return len(self.content)

    async def pieces(self, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        stop = len(self.content) if end is None else min(end, len(self.content))
        for at in range(start, stop, PIECE_BYTES_MAX):
            yield self.content[at : min(stop, at + PIECE_BYTES_MAX)]


@dataclass(frozen=True, slots=True)
class Joined:
    """Several, one behind the other."""

    parts: tuple[Body, ...]

    @property
    def body_bytes(self) -> int:
        return sum(part.body_bytes for part in self.parts)

    async def pieces(self, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        stop = self.body_bytes if end is None else end
        at = 0
        for part in self.parts:
            begin, at = at, at + part.body_bytes
            if at > start and begin < stop:
                async with aclosing(part.pieces(max(0, start - begin), min(part.body_bytes, stop - begin))) as pieces:
                    async for piece in pieces:
                        yield piece


class Hashed:
    """The same, and the MD5 of it once it has been read from its beginning to its end: Cloudinary's `etag`."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self.md5 = ""

    @property
    def body_bytes(self) -> int:
        return self._body.body_bytes

    async def pieces(self, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        digest, read = hashlib.md5(usedforsecurity=False), 0
        async with aclosing(self._body.pieces(start, end)) as pieces:
            async for piece in pieces:
                await asyncio.to_thread(digest.update, piece)
                read += len(piece)
                yield piece
        if read == self.body_bytes:
            self.md5 = digest.hexdigest()


async def span_of(body: Body, start: int, end: int) -> bytes:
    """A span of it, in memory. What it asks for is bounded by the caller."""
    if isinstance(body, Held):
        return body.content if (start, end) == (0, body.body_bytes) else body.content[start:end]
    async with aclosing(body.pieces(start, min(end, body.body_bytes))) as pieces:
        return b"".join([piece async for piece in pieces])


async def whole(body: Body) -> bytes:
    """All of it, in memory."""
    return await span_of(body, 0, body.body_bytes)
