"""A large file of which some parts are at hand: whoever needs another one says which."""

from __future__ import annotations

from collections.abc import Sequence

LEAST_BYTES = 64 * 1024
"""Asked for at a time: what is looked for next lies beside it more often than not."""
TOGETHER_BYTES_MAX = 32 * 1024 * 1024
"""Of all parts."""


class Missing(Exception):
    """Bytes [start, end) are not at hand."""

    def __init__(self, start: int, end: int) -> None:
        super().__init__("a part is missing")
        self.start = start
        self.end = end


class Spans:
    """`parts`: the bytes of `spans`, one behind the other."""

    def __init__(self, parts: memoryview, spans: Sequence[tuple[int, int]], file_bytes: int) -> None:
        self.file_bytes = file_bytes
        self._held: list[tuple[int, int, memoryview]] = []
        at = 0
        for start, end in spans:
            self._held.append((start, end, parts[at : at + end - start]))
            at += end - start

    def read(self, start: int, end: int) -> bytes:
        """Up to the end of the file. Raises Missing."""
        end = min(end, self.file_bytes)
        if start >= end:
            return b""
        for begin, stop, view in self._held:
            if begin <= start and end <= stop:
                return bytes(view[start - begin : end - begin])
        raise Missing(start, min(self.file_bytes, max(end, start + LEAST_BYTES)))
