"""One answer on its way in, owned by the cache and read by any number of viewers, from its first byte or later.

    the task that fetches it     ->  land(what it is)  ->  add(piece) ...  ->  finish | fail
    each viewer, as a Reader     <-  landed            <-  pieces at its own speed

The body is held in memory, and from where it is too large for that in a sealed file (`spill`); so a reader that stalls or
leaves changes nothing for the others, nor for the store. Only what neither takes is held back by its readers (`room`): it
passes through a window, and who falls a whole window behind the fastest is cut off.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from domicile.media.sealed import SealBroken
from domicile.service.gate.assets import Answer
from domicile.service.sealed_file import SEGMENT_BYTES
from edge.cache.fields import Fields
from edge.cache.ranges import Content
from edge.cache.stored import Received, Stored
from edge.passthrough.memory import Memory
from edge.store.spool import SpoolFile

WINDOW_BYTES = 1024 * 1024


class Incomplete(Exception):
    """The body could not be had whole; what was sent of it must not look whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A response that is being stored; its body follows, from `Reader.pieces`."""

    got: Received
    head: Stored
    """Without its body."""
    body_bytes: int | None
    for_all: bool
    """Is it fresh, so that whoever waited for it may have it, too?"""
    origin_status: int
    """206 when only the rest of it was fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """A stored response that the origin says is still good."""

    stored: Stored
    is_kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """A stored response in the place of an error. `status` is the origin's, None when it could not be reached."""

    stored: Stored
    status: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """A response that is not stored: whoever asked for it first reads it from the connection."""

    got: Received
    answer: Answer


Landed = Shared | Confirmed | StandIn | Own


class Reader:
    """A viewer of a fill. `at`: the byte of the body that it takes next."""

    __slots__ = ("at", "fill", "is_cut")

    def __init__(self, fill: Fill) -> None:
        self.fill = fill
        self.at = 0
        self.is_cut = False

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body, as it comes in. Incomplete when it cannot be had to its end."""
        async for piece in self._part(0, None):
            yield piece

    async def content(self, content: Content) -> AsyncIterator[bytes]:
        """Parts of the body and what is between them, as it comes in."""
        for part in content:
            if isinstance(part, bytes):
                yield part
                continue
            async for piece in self._part(part.start, part.end):
                yield piece

    async def _part(self, start: int, end: int | None) -> AsyncIterator[bytes]:
        fill, self.at = self.fill, start
        while end is None or self.at < end:
            async for piece in fill.held(self.at):
                wanted = piece if end is None else piece[: end - self.at]
                if not wanted:
                    break
                yield wanted
                self.at += len(wanted)
                fill.moved()
            if self.at == end:
                return
            if self.is_cut or fill.error is not None:
                raise Incomplete
            if self.at < fill.body_bytes:
                continue
            if fill.is_complete:
                return
            await fill.changed()


class Fill:
    """See above. `request`: the fields of the one who asked first."""

    def __init__(self, key: str, request: Fields, memory: Memory) -> None:
        self.key = key
        self.request = request
        self.landed: asyncio.Future[Landed] = asyncio.get_running_loop().create_future()
        self.is_complete = False
        self.error: BaseException | None = None
        self.body_bytes = 0
        self.leader_left = asyncio.Event()
        self._memory = memory
        self._held: deque[bytes] = deque()
        self._held_from = 0
        self._file: SpoolFile | None = None
        self._filed = 0
        """Bytes that the file was given."""
        self._readers: set[Reader] = set()
        self._changed = asyncio.Event()
        self._moved = asyncio.Event()

    @property
    def held_bytes(self) -> int:
        """In memory."""
        return self.body_bytes - self._held_from

    @property
    def is_spilling(self) -> bool:
        return self._file is not None

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """Take part from now on; what was dropped already cannot be had any more."""
        reader = Reader(self)
        reader.is_cut = not self._has(0)
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)
            self.moved()

    def land(self, landed: Landed) -> None:
        if not self.landed.done():
            self.landed.set_result(landed)

    def fail(self, error: BaseException) -> None:
        """Before landing: nobody gets an answer. After it: nobody gets an end."""
        self.error = error
        if not self.landed.done():
            self.landed.set_exception(error)
            self.landed.exception()  # seen: all who waited may have left
        self._tell()

    def add(self, piece: bytes) -> None:
        self._held.append(piece)
        self._memory.bytes += len(piece)
        self.body_bytes += len(piece)
        self._tell()

    def spill(self, file: SpoolFile) -> None:
        """From now on `settle` moves what came in to this file."""
        self._file = file

    async def settle(self, *, to_the_end: bool = False) -> bool:
        """Move to the file what makes a segment, or all there is. False when the file takes no more."""
        file = self._file
        assert file is not None
        while (waiting := self.body_bytes - self._filed) >= (1 if to_the_end else SEGMENT_BYTES):
            if not await file.append(self._from_memory(self._filed, min(waiting, SEGMENT_BYTES))):
                return False
            self._filed += min(waiting, SEGMENT_BYTES)
            self._forget_before(file.readable_bytes)
        if to_the_end:
            if not await file.finish():
                return False
            self._forget_before(file.readable_bytes)
        return True

    def body(self) -> bytes | SpoolFile:
        """All of it; only while nothing was dropped."""
        if self._file is not None:
            return self._file
        assert self._held_from == 0
        whole = b"".join(self._held)
        self._held = deque((whole,))  # what is stored, and not a second copy of it for those who still read
        return whole

    def finish(self) -> None:
        self.is_complete = True
        self._tell()

    def leave_memory(self) -> None:
        """It is over: what its last readers hold counts no more."""
        self._memory.bytes -= self.held_bytes

    async def room(self) -> bool:
        """Wait until the window has room: for a body that is not kept. False when nobody reads it any more."""
        while True:
            if not self._readers:
                return False
            self._forget_before(min(reader.at for reader in self._readers))
            if self.held_bytes < WINDOW_BYTES:
                return True
            if any(reader.at >= self.body_bytes for reader in self._readers):
                for slow in [one for one in self._readers if self.body_bytes - one.at >= WINDOW_BYTES]:
                    slow.is_cut = True
                    self._readers.discard(slow)
                self._tell()
                continue
            self._moved.clear()
            await self._moved.wait()

    async def held(self, at: int) -> AsyncIterator[bytes]:
        """What there is from byte `at` on, up to some point; the rest is to be asked for again. Incomplete when it was dropped."""
        file = self._file
        if file is not None and at < file.readable_bytes:
            try:
                async for piece in file.pieces(at, file.readable_bytes):
                    yield piece
            except (SealBroken, OSError) as lost:
                raise Incomplete from lost
            return
        if not self._has(at):
            raise Incomplete
        start = self._held_from
        for piece in tuple(self._held):
            if start + len(piece) > at:
                yield piece[max(0, at - start) :]
            start += len(piece)

    def moved(self) -> None:
        self._moved.set()

    async def changed(self) -> None:
        await self._changed.wait()

    def _has(self, at: int) -> bool:
        return at >= self._held_from or (self._file is not None and at < self._file.readable_bytes)

    def _from_memory(self, at: int, size: int) -> bytes:
        parts: list[bytes] = []
        start = self._held_from
        for piece in self._held:
            if start + len(piece) > at and start < at + size:
                parts.append(piece[max(0, at - start) : at + size - start])
            start += len(piece)
        return b"".join(parts)

    def _forget_before(self, at: int) -> None:
        while self._held and self._held_from + len(self._held[0]) <= at:
            gone = len(self._held.popleft())
            self._held_from += gone
            self._memory.bytes -= gone

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
