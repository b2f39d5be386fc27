"""BMP: is it run-length coded, and if so, how large? Pillow's decoder for that is a loop in Python.

file = "BM" size(4) 0(4) offset(4) header ; header = bytes(4) width(4) height(4) planes(2) bits(2) compression(4) …
"""

from __future__ import annotations

from domicile.media.errors import LimitExceeded

RUN_LENGTH = frozenset({1, 2})
HEADER_BYTES_MIN = 40
"""Of a header that names a compression."""
BYTES_PER_PIXEL_MAX = 2
"""Nothing that a writer makes is longer: a run of one pixel. Pixels to skip rows with come on top."""


def check(view: memoryview, *, rle_pixels_max: int) -> None:
    """Raises LimitExceeded for a run-length coded picture of many pixels, or of more code than pixels could need."""
    if len(view) < 34 or _u32(view, 14) < HEADER_BYTES_MIN or _u32(view, 30) not in RUN_LENGTH:
        return
    width, height = (abs(int.from_bytes(view[at : at + 4], "little", signed=True)) for at in (18, 22))
    if width * height > rle_pixels_max:
        raise LimitExceeded(f"Maximum size of a run-length coded image is {rle_pixels_max} pixels")
    if len(view) - _u32(view, 10) > BYTES_PER_PIXEL_MAX * (width + 1) * (height + 1):
        raise LimitExceeded("Image has more run-length code than pixels")


def _u32(view: memoryview, at: int) -> int:
    return int.from_bytes(view[at : at + 4], "little")
