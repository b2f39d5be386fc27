"""ICO: the size of each picture by its own header, which need not be what the directory says.

file    = 0(2) 1(2) count(2) { entry } ; pictures are PNG files, or BMP files without the file header
entry   = width(1) height(1) colours(1) 0(1) planes(2) bits(2) bytes(4) offset(4)
"""

from __future__ import annotations

from domicile.imaging.containers.png import SIGNATURE
from domicile.media.errors import LimitExceeded

ENTRY_BYTES = 16
SIDE_MAX = 2048
"""Pixels of a picture's side. The directory knows no more than 256."""


def check(view: memoryview, *, frames_max: int) -> None:
    """Raises LimitExceeded for too many pictures, or for one that is larger than icons are."""
    count = int.from_bytes(view[4:6], "little")
    if count > frames_max:
        raise LimitExceeded(f"Maximum number of frames is {frames_max}")
    for at in range(6, min(6 + count * ENTRY_BYTES, len(view) - ENTRY_BYTES + 1), ENTRY_BYTES):
        if max(_size(view, int.from_bytes(view[at + 12 : at + 16], "little"))) > SIDE_MAX:
            raise LimitExceeded(f"Maximum width/height of an icon is {SIDE_MAX}")


def _size(view: memoryview, at: int) -> tuple[int, int]:
    """Of the picture that begins there; a BMP counts the mask below it in its height."""
    if bytes(view[at : at + 8]) == SIGNATURE:
        return int.from_bytes(view[at + 16 : at + 20], "big"), int.from_bytes(view[at + 20 : at + 24], "big")
    width, height = (int.from_bytes(view[at + i : at + i + 4], "little", signed=True) for i in (4, 8))
    return abs(width), abs(height) // 2
