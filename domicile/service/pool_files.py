"""Bodies on their way to and from a decoder process: anonymous memory files, copied in bounded pieces.

A piece at a time, with the event loop let in between: a source of 100 MB would otherwise stop all other requests for
tens of milliseconds. Threads are not used: they cost more than the copy (performance.md, section 2).
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Self

PIECE_BYTES = 256 * 1024
"""Copied or hashed in one go, some 0.15 ms; then others have their turn."""
_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


class _AnonymousFile:
    """A file in anonymous memory; its pages go when the last descriptor does."""

    __slots__ = ("_descriptor",)

    def __init__(self, name: str, flags: int) -> None:
        self._descriptor = os.memfd_create(name, os.MFD_CLOEXEC | flags)

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SourceFile(_AnonymousFile):
    """A source, written piece by piece, then sealed: nobody can change it any more. Close it after use."""

    __slots__ = ("size",)

    def __init__(self) -> None:
        super().__init__("source", os.MFD_ALLOW_SEALING)
        self.size = 0

    def write(self, piece: bytes | bytearray | memoryview) -> None:
        left = memoryview(piece).cast("B")
        while left:
            written = os.write(self._descriptor, left)
            left, self.size = left[written:], self.size + written

    def duplicate(self) -> SourceFile:
        """Another handle on the same bytes, sealed: each is closed by itself, and the bytes go with the last one."""
        self.seal()
        other = object.__new__(SourceFile)
        other._descriptor, other.size = os.dup(self._descriptor), self.size
        return other

    def seal(self) -> None:
        if not fcntl.fcntl(self._descriptor, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SEAL:
            fcntl.fcntl(self._descriptor, fcntl.F_ADD_SEALS, _SEALS)


class ResultFile(_AnonymousFile):
    """Where a decoder writes a rendition."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("result", 0)

    async def read(self, size: int) -> bytes | None:
        """A copy of all `size` bytes; None when it is not that long. Its writer is not trusted to hold still."""
        if os.fstat(self._descriptor).st_size != size:
            return None
        pieces: list[bytes] = []
        offset = 0
        while offset < size:
            if offset:
                await asyncio.sleep(0)
            piece = os.pread(self._descriptor, min(PIECE_BYTES, size - offset), offset)
            if not piece:
                return None
            pieces.append(piece)
            offset += len(piece)
        return b"".join(pieces)


async def source_file(body: bytes | bytearray | memoryview) -> SourceFile:
    """A sealed copy of `body`."""
    file = SourceFile()
    view = memoryview(body).cast("B")
    try:
        for start in range(0, len(view), PIECE_BYTES):
            if start:
                await asyncio.sleep(0)
            file.write(view[start : start + PIECE_BYTES])
        file.seal()
    except BaseException:
        file.close()
        raise
    return file


Body = bytes | bytearray | memoryview | SourceFile


def size_of(body: Body) -> int:
    if isinstance(body, SourceFile):
        return body.size
    return body.nbytes if isinstance(body, memoryview) else len(body)


@asynccontextmanager
async def as_file(body: Body) -> AsyncIterator[SourceFile]:
    """The body, sealed. A caller's own file stays the caller's to close."""
    if isinstance(body, SourceFile):
        body.seal()
        yield body
    else:
        with await source_file(body) as file:
            yield file


@asynccontextmanager
async def as_files(bodies: Sequence[Body]) -> AsyncIterator[list[SourceFile]]:
    """All of them; those that are made here are closed at the end, whatever happens."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(as_file(body)) for body in bodies]


async def digest(source: SourceFile) -> bytes:
    """SHA-256 over the source."""
    state = hashlib.sha256(usedforsecurity=True)
    for start in range(0, source.size, PIECE_BYTES):
        if start:
            await asyncio.sleep(0)
        state.update(os.pread(source.fileno(), PIECE_BYTES, start))
    return state.digest()


async def digest_of(body: bytes) -> bytes:
    """SHA-256 over what is in memory."""
    state, view = hashlib.sha256(usedforsecurity=True), memoryview(body)
    for start in range(0, len(view), PIECE_BYTES):
        if start:
            await asyncio.sleep(0)
        state.update(view[start : start + PIECE_BYTES])
    return state.digest()


def of_all(digests: Sequence[bytes]) -> bytes:
    """One digest for a job's sources: of a single one its own, of several SHA-256 over all, in order."""
    return digests[0] if len(digests) == 1 else hashlib.sha256(b"".join(digests), usedforsecurity=True).digest()


def with_job(source_digest: bytes, job: bytes) -> bytes:
    """SHA-256 over the sources, by their digest, and what is asked of them."""
    return hashlib.sha256(source_digest + job, usedforsecurity=True).digest()
