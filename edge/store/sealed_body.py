"""Opening one file of the disk tier: small bodies as a whole, large ones chunk by chunk as they are asked for."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec

from domicile.media.sealed import CHUNK_BYTES, FIXED_BYTES, Opener, SealBroken, SealContext, preamble_bytes
from edge.store.port import Stored, StoredHead

FIRST_READ_BYTES = 8 * 1024
"""Holds the preamble of nearly every file."""

SEGMENT_BYTES = 4 * CHUNK_BYTES
"""Plaintext read at once from a body that is not held in memory."""

INLINE_BYTES_MAX = 256 * 1024
"""Reading up to this much is done on the loop: it comes from the page cache and takes less than a thread's hand-over."""


async def open_object(path: Path, content_key: bytes, context: SealContext, *, in_memory_max: int) -> Stored:
    """The object in `path`. Raises OSError (FileNotFoundError when there is none) and SealBroken."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    body = SealedBody(descriptor)
    try:
        head = body.open(content_key, context)
        if body.body_bytes > in_memory_max:
            return Stored(head=head, body=body)
        if body.body_bytes <= INLINE_BYTES_MAX:
            whole = body.read(0, body.body_bytes)
        else:
            whole = await asyncio.to_thread(body.read, 0, body.body_bytes)
    except BaseException:
        body.close()
        raise
    body.close()
    return Stored(head=head, body=whole)


class SealedBody:
    """A reader of one open file. The lock keeps a descriptor from being closed, and reused, under a reading thread."""

    __slots__ = ("_descriptor", "_lock", "_opener")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._opener: Opener | None = None

    def __del__(self) -> None:
        self.close()

    @property
    def body_bytes(self) -> int:
        return 0 if self._opener is None else self._opener.body_bytes

    def open(self, content_key: bytes, context: SealContext) -> StoredHead:
        """Read the preamble. Raises OSError, SealBroken."""
        start = self._pread(0, FIRST_READ_BYTES)
        length = preamble_bytes(start[:FIXED_BYTES])
        if length > len(start):
            start = self._pread(0, length)
        file_bytes = os.fstat(self._descriptor).st_size
        self._opener = Opener(content_key, context, preamble=start[:length], file_bytes=file_bytes)
        try:
            head = msgspec.msgpack.decode(self._opener.header, type=StoredHead)
        except msgspec.MsgspecError as odd:  # sealed by us in another version
            raise SealBroken("the header is of another version") from odd
        if head.body_bytes != self._opener.body_bytes:
            raise SealBroken("header and body do not agree")
        return head

    def read(self, start: int, end: int) -> bytes:
        """Plaintext of [start, end). Raises OSError, SealBroken."""
        assert self._opener is not None
        first = start // CHUNK_BYTES
        file_start, file_end = self._opener.span(start, max(start, end - 1))
        sealed = self._pread(file_start, file_end - file_start)
        if len(sealed) != file_end - file_start:
            raise SealBroken("the file is shorter than it was")
        plain = b"".join(self._opener.open_span(first, sealed))
        skip = start - first * CHUNK_BYTES
        return plain if skip == 0 and len(plain) == end - start else plain[skip : skip + end - start]

    async def pieces(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Plaintext of [start, end), a chunk at a time. Raises OSError, SealBroken."""
        while start < end:
            stop = min(end, (start // SEGMENT_BYTES + 1) * SEGMENT_BYTES)
            segment = memoryview(await asyncio.to_thread(self.read, start, stop))
            for at in range(0, len(segment), CHUNK_BYTES):
                yield bytes(segment[at : at + CHUNK_BYTES])
            start = stop

    def close(self) -> None:
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def _pread(self, offset: int, length: int) -> bytes:
        whole = b""
        with self._lock:
            if self._descriptor < 0:
                raise OSError(errno.EBADF, "closed")
            while len(whole) < length:
                piece = os.pread(self._descriptor, length - len(whole), offset + len(whole))
                if not piece:
                    break
                whole += piece
        return whole
