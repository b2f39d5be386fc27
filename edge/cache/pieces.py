"""Pieces of a representation, as far as they are there: which bytes, what two sets of them come to, what is missing.

    0         30        60        100
    |#########|         |#########|      two pieces; the gap is [30, 60)

Pieces are kept in order, never touch, and are bounded in number; how many bytes they may hold is their owner's to say.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass

from edge.cache.ranges import Span
from edge.store.port import PIECE_BYTES_MAX

PIECES_MAX = 16
"""Pieces of one representation; as many as one request may ask for."""


class NotHeld(OSError):
    """Bytes were asked for that are not there."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes from `start` on."""

    start: int
    data: bytes

    @property
    def end(self) -> int:
        return self.start + len(self.data)


@dataclass(frozen=True, slots=True)
class Pieces:
    """The body of an incomplete response. `body_bytes`: of the whole representation, whatever is held of it."""

    body_bytes: int
    held: tuple[Piece, ...]

    @property
    def held_bytes(self) -> int:
        return sum(len(piece.data) for piece in self.held)

    @property
    def whole(self) -> bytes | None:
        """All of it, when nothing is missing."""
        return self._part(0, self.body_bytes)

    def covers(self, spans: Iterable[Span]) -> bool:
        """Is every byte of these held?"""
        return all(any(piece.start <= one.start and one.end <= piece.end for piece in self.held) for one in spans)

    @property
    def gap(self) -> Span | None:
        """What a whole lacks between its held beginning and its held end; None when neither is held, or nothing lacks."""
        start = next((piece.end for piece in self.held if piece.start == 0), 0)
        end = next((piece.start for piece in self.held if piece.end == self.body_bytes), self.body_bytes)
        return Span(start=start, end=end) if start < end and (start, end) != (0, self.body_bytes) else None

    def joined(self, other: Pieces) -> Pieces | None:
        """Both; None when they cannot be of one representation, or come to too many pieces."""
        if other.body_bytes != self.body_bytes:
            return None
        found: list[Piece] = []
        for piece in sorted((*self.held, *other.held), key=lambda one: one.start):
            if not found or piece.start > found[-1].end:
                found.append(piece)
                continue
            last = found[-1]
            common = min(last.end, piece.end) - piece.start
            at = piece.start - last.start
            if last.data[at : at + common] != piece.data[:common]:
                return None
            found[-1] = Piece(last.start, last.data + piece.data[common:])
        return Pieces(self.body_bytes, tuple(found)) if len(found) <= PIECES_MAX else None

    async def pieces(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """As `edge.store.port.Body`. NotHeld for bytes that are not there: nothing else may be sent in their place."""
        part = b"" if start == end else self._part(start, end)
        if part is None:
            raise NotHeld
        for at in range(0, len(part), PIECE_BYTES_MAX):
            yield part[at : at + PIECE_BYTES_MAX]

    def close(self) -> None:
        """Nothing is open."""

    def _part(self, start: int, end: int) -> bytes | None:
        for piece in self.held:
            if piece.start <= start and end <= piece.end:
                return piece.data[start - piece.start : end - piece.start]
        return None
