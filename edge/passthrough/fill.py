"""One answer on its way in, owned by the cache and read by any number of viewers, from its first byte or later.

    the task that fetches it     ->  land(what it is)  ->  add(piece) ...  ->  finish | fail
    each viewer, as a Reader     <-  landed            <-  pieces at its own speed

A reader that stalls or leaves changes nothing for the others, nor for the store. Only a body too large to be stored is held
back by its readers: it passes through a window, and who falls a whole window behind the fastest is cut off.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from domicile.service.gate.assets import Answer
from edge.cache.fields import Fields
from edge.cache.ranges import Content
from edge.cache.stored import Received, Stored

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
            for piece in fill.after(self.at):
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

    def __init__(self, key: str, request: Fields) -> None:
        self.key = key
        self.request = request
        self.landed: asyncio.Future[Landed] = asyncio.get_running_loop().create_future()
        self.is_complete = False
        self.error: BaseException | None = None
        self.whole: Stored | None = None
        """The response with its body, once it is complete."""
        self.body_bytes = 0
        self.leader_left = asyncio.Event()
        self._held: deque[bytes] = deque()
        self._held_from = 0
        self._readers: set[Reader] = set()
        self._changed = asyncio.Event()
        self._moved = asyncio.Event()

    @property
    def held_bytes(self) -> int:
        return self.body_bytes - self._held_from

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """Take part from now on; what was dropped already cannot be had any more."""
        reader = Reader(self)
        reader.is_cut = self._held_from > 0
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
        self.body_bytes += len(piece)
        self._tell()

    def body(self) -> bytes:
        """All of it; only while nothing was dropped."""
        assert self._held_from == 0
        return b"".join(self._held)

    def finish(self, whole: Stored | None) -> None:
        self.whole = whole
        self.is_complete = True
        self._tell()

    async def room(self) -> bool:
        """Wait until the window has room: for a body that is not stored. False when nobody reads it any more."""
        while True:
            if not self._readers:
                return False
            self._forget_before(min(reader.at for reader in self._readers))
            if self.held_bytes < WINDOW_BYTES:
                return True
            if any(reader.at == self.body_bytes for reader in self._readers):
                for slow in [one for one in self._readers if self.body_bytes - one.at >= WINDOW_BYTES]:
                    slow.is_cut = True
                    self._readers.discard(slow)
                self._tell()
                continue
            self._moved.clear()
            await self._moved.wait()

    def after(self, at: int) -> Iterator[bytes]:
        """What is held from byte `at` on. Pieces added meanwhile are not among them."""
        start = self._held_from
        for piece in tuple(self._held):
            if start + len(piece) > at:
                yield piece[max(0, at - start) :]
            start += len(piece)

    def moved(self) -> None:
        self._moved.set()

    async def changed(self) -> None:
        await self._changed.wait()

    def _forget_before(self, at: int) -> None:
        while self._held and self._held_from + len(self._held[0]) <= at:
            self._held_from += len(self._held.popleft())

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
