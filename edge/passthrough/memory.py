"""Bytes of bodies on their way in, counted over all routes of a worker: nobody holds any that there is no room for."""

from __future__ import annotations

from typing import Self

PASSING_SHARE = 0.5


class Memory:
    """What may be held, and what is."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.bytes = 0
        self.passing_bytes = 0
        """Of these, what passes at the pace of one viewer."""

    def takes(self, more_bytes: int) -> bool:
        return self.bytes + more_bytes <= self.bytes_max

    def takes_passing(self, more_bytes: int) -> bool:
        """Viewers who take long may not have all of it: the others' answers come in here, too."""
        return self.takes(more_bytes) and self.passing_bytes + more_bytes <= self.bytes_max * PASSING_SHARE


class Held:
    """A body that passes to one viewer and is to be stored when it is complete: held as long as there is room for it."""

    def __init__(self, memory: Memory) -> None:
        self.data: bytearray | None = bytearray()
        """None: there was no room for all of it."""
        self._memory = memory

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._drop()

    def add(self, piece: bytes, *, bytes_max: int) -> None:
        if self.data is None:
            return
        if len(self.data) + len(piece) > bytes_max or not self._memory.takes_passing(len(piece)):
            self._drop()
            return
        self.data += piece
        self._count(len(piece))

    def _drop(self) -> None:
        self._count(-len(self.data or b""))
        self.data = None

    def _count(self, more_bytes: int) -> None:
        self._memory.bytes += more_bytes
        self._memory.passing_bytes += more_bytes
