"""Sealed files that are read where it is needed, and temporary ones that are written as their bytes come.

    SealedFile         reads one: any span, a chunk at a time, from any thread
    SealedTemporary    a file without a name, under a key that lies beside its descriptor and nowhere else: what is on the disk
                       opens for nobody else, and not after this process

Synchronous where a name says nothing; callers on an event loop use what is `async`.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import threading
from collections.abc import AsyncGenerator

from domicile.media.policy import Permit
from domicile.media.sealed import (
    CHUNK_BYTES,
    CHUNKS_MAX,
    FIXED_BYTES,
    SALT_BYTES,
    SEALED_CHUNK_BYTES,
    Opener,
    SealBroken,
    SealContext,
    Sealer,
    preamble_bytes,
)
from domicile.service.gate import spool_files

FIRST_READ_BYTES = 8 * 1024
"""Holds the preamble of nearly every file."""

SEGMENT_BYTES = 4 * CHUNK_BYTES
"""Plaintext read at once from a body that is not held in memory."""

_KEY_BYTES = 32


class SealedFile:
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

    def open_preamble(self, content_key: bytes, context: SealContext) -> Opener:
        """Read the preamble. Raises OSError, SealBroken."""
        start = self._pread(0, FIRST_READ_BYTES)
        length = preamble_bytes(start[:FIXED_BYTES])
        if length > len(start):
            start = self._pread(0, length)
        file_bytes = os.fstat(self._descriptor).st_size
        self._opener = Opener(content_key, context, preamble=start[:length], file_bytes=file_bytes)
        return self._opener

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


class SealedTemporary(SealedFile):
    """One body, written by one writer and read also while it grows. It is gone with the last reference to it."""

    __slots__ = ("_at", "_context", "_fed", "_key", "_permit", "_readable", "_sealer", "_tenant", "name")

    def __init__(self, descriptor: int, permit: Permit, *, tenant: str, region: str) -> None:
        """`descriptor`: of `spool_files.create`, for the same permit."""
        super().__init__(descriptor)
        self.name = secrets.token_hex(8)
        """Of this body among others; it stands nowhere else."""
        self._permit = permit
        self._tenant = tenant
        self._key = secrets.token_bytes(_KEY_BYTES)
        self._context = SealContext(tenant=tenant, aids=(), variant=self.name, region=region)
        self._sealer = Sealer(self._key, self._context, header=b"", salt=secrets.token_bytes(SALT_BYTES))
        self._opener = self._opened(len(self._sealer.preamble) + CHUNKS_MAX * SEALED_CHUNK_BYTES)
        self._at = 0
        self._fed = 0
        self._readable = 0

    @property
    def body_bytes(self) -> int:
        """Once it is finished; before, what was taken in."""
        return self._fed

    @property
    def readable_bytes(self) -> int:
        """From the beginning; the last chunk is sealed when it is known to be the last, or to be full."""
        return self._readable

    def write(self, plain: bytes | bytearray | memoryview) -> None:
        """Take in what follows. Raises OSError: what is readable stays so, the rest is not."""
        if not self._at:
            self._write(self._sealer.preamble)
        self._write(self._sealer.update(plain))
        self._fed += len(plain)
        self._readable = (self._at - len(self._sealer.preamble)) // SEALED_CHUNK_BYTES * CHUNK_BYTES

    def end(self) -> None:
        """Seal the last chunk. Raises OSError."""
        if not self._at:
            self._write(self._sealer.preamble)
        self._write(self._sealer.finish())
        self._opener = self._opened(self._at)
        self._readable = self._fed

    def _opened(self, file_bytes: int) -> Opener:
        return Opener(self._key, self._context, preamble=self._sealer.preamble, file_bytes=file_bytes)

    def _write(self, sealed: bytes) -> None:
        with self._lock:
            if self._descriptor < 0:
                raise OSError(errno.EBADF, "closed")
            spool_files.write(self._permit, self._tenant, self._descriptor, sealed, offset=self._at)
        self._at += len(sealed)
