"""A sealed file of the store, opened as it is read: a few chunks of it are in memory, and nothing of it after its key has gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from domicile.media.asset import Aid
from domicile.media.errors import AssetNotFound
from domicile.media.policy import Permit
from domicile.media.sealed import CHUNK_BYTES, SEALED_CHUNK_BYTES, Opener, SealBroken, SealContext, preamble_bytes
from origin.records.bodies import PIECE_BYTES_MAX
from origin.store.port import BlobMissing, BlobStore

FIRST_READ_BYTES = 8 * 1024
"""Holds the preamble of every original of ours, whose header is empty."""
_OPENED_AT_ONCE = PIECE_BYTES_MAX // CHUNK_BYTES
"""Chunks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBody:
    """`leave`: asked for a permit (Activity.STORE) each time that reading begins. `is_live`: asked before each piece."""

    blobs: BlobStore
    tenant: str
    aid: Aid
    key: bytes = field(repr=False)
    context: SealContext
    body_bytes: int
    leave: Callable[[], Permit]
    is_live: Callable[[], bool]

    async def pieces(self, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """As `Body`; also SealBroken for a file that is not what its key sealed."""
        stop = self.body_bytes if end is None else min(end, self.body_bytes)
        if start >= stop:
            return
        try:
            opener = await self._opener()
            first, sealed = start // CHUNK_BYTES, bytearray()
            skip = start - first * CHUNK_BYTES
            left = stop - start
            span = opener.span(start, stop - 1)
            async with aclosing(self._sealed(*span)) as pieces:
                async for piece in pieces:
                    sealed += piece
                    full = len(sealed) // SEALED_CHUNK_BYTES
                    if full < _OPENED_AT_ONCE:
                        continue
                    taken = bytes(sealed[: _OPENED_AT_ONCE * SEALED_CHUNK_BYTES])
                    del sealed[: len(taken)]
                    plain = await self._opened(opener, first, taken)
                    first += _OPENED_AT_ONCE
                    yield plain[skip : skip + left]
                    left -= len(plain) - skip
                    skip = 0
            if sealed:
                plain = await self._opened(opener, first, bytes(sealed))
                yield plain[skip : skip + left]
                left -= min(left, len(plain) - skip)
        except BlobMissing as missing:
            raise AssetNotFound("no such asset") from missing
        if left > 0:
            raise SealBroken("the file is shorter than it was")

    async def _opener(self) -> Opener:
        size = await self.blobs.size(self.tenant, self.aid)
        async with aclosing(self._sealed(0, min(FIRST_READ_BYTES, size))) as pieces:
            start = b"".join([piece async for piece in pieces])
        opener = Opener(self.key, self.context, preamble=start[: preamble_bytes(start)], file_bytes=size)
        if opener.body_bytes != self.body_bytes:
            raise SealBroken("the file has another length than its record says")
        return opener

    async def _opened(self, opener: Opener, first: int, sealed: bytes) -> bytes:
        if not self.is_live():
            raise AssetNotFound("it has just been deleted")
        return await asyncio.to_thread(lambda: b"".join(opener.open_span(first, sealed)))

    async def _sealed(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        async for piece in self.blobs.read(self.tenant, self.aid, start, end, self.leave()):
            yield piece
