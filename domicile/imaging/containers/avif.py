"""AVIF, and HEIC (ISO/IEC 23008-12 and 14496-12): every size that its boxes claim, those of a grid's tiles included.

box = size(4) type(4) { box } / data ; size 1: eight more bytes hold it, size 0: to the end of the file
"""

from __future__ import annotations

from collections.abc import Iterator

from domicile.imaging.containers.claims import counted

INSIDE = {
    b"meta": 4, b"iprp": 0, b"ipco": 0, b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0,
    b"stsd": 8,
}  # fmt: skip
"""Boxes that hold boxes, and how many bytes come before those."""
EXTENTS = b"ispe"
SAMPLE = b"av01"
SAMPLE_SIZE_AT = 24
NESTING_MAX = 12


def boxes(view: memoryview, start: int, end: int, nesting: int = 0) -> Iterator[tuple[bytes, int, int]]:
    """(type, start of data, end of data) of each box and of those inside it. As many as there are."""
    at = start
    while at + 8 <= end:
        size, kind, data = int.from_bytes(view[at : at + 4], "big"), bytes(view[at + 4 : at + 8]), at + 8
        if size == 1:
            size, data = int.from_bytes(view[at + 8 : at + 16], "big"), at + 16
        until = min(at + size, end) if size else end
        if until < data:
            return
        yield kind, data, until
        if kind in INSIDE and nesting < NESTING_MAX:
            yield from boxes(view, data + INSIDE[kind], until, nesting + 1)
        at = until


def sizes(view: memoryview, *, chunks_max: int) -> frozenset[tuple[int, int]]:
    """Width and height of all that the file says it holds. Raises LimitExceeded for too many boxes."""
    found: set[tuple[int, int]] = set()
    for kind, start, end in counted(boxes(view, 0, len(view)), chunks_max):
        if kind == EXTENTS and end - start >= 12:
            found.add((_u32(view, start + 4), _u32(view, start + 8)))
        elif kind == SAMPLE and end - start >= SAMPLE_SIZE_AT + 4:
            sides = int.from_bytes(view[start + SAMPLE_SIZE_AT : start + SAMPLE_SIZE_AT + 4], "big")
            found.add((sides >> 16, sides & 0xFFFF))
    return frozenset(found)


def _u32(view: memoryview, at: int) -> int:
    return int.from_bytes(view[at : at + 4], "big")
