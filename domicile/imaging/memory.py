"""How many bytes of pixels a decoding step will hold, by estimate, before it holds them.

Pillow stores L and P in one byte a pixel, 16-bit grey in two, all else in four.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

from domicile.media.errors import LimitExceeded
from domicile.media.geometry import Side, Window

libc = ctypes.CDLL(None)
BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}
WIDE = 4
COPIED_FOR_RESAMPLING = frozenset({"P", "PA", "LA", "RGBA", "1", "I;16", "I;16B", "I;16L", "I", "F"})
"""Modes that are converted, or premultiplied, before they are resampled."""


def held(mode: str, size: Side, window: Window) -> int:
    """Bytes while `window` is taken from a picture of that size: itself, its copy, the half-done and the done result.

    Half done is a picture of which one side is the result's: Pillow begins with the width, the fast resampler with the height.
    """
    source = size[0] * size[1] * BYTES.get(mode, WIDE)
    if not window.changes(size):
        return source
    done = window.size[0] * window.size[1] * WIDE
    if window.is_pure_crop:
        return source + done
    if window.cut is not None and (piece := window.alone) is not None:
        return source + held(mode, (piece[2] - piece[0], piece[3] - piece[1]), window.seen_from(piece))
    copy = size[0] * size[1] * WIDE if mode in COPIED_FOR_RESAMPLING else 0
    left, top, right, bottom = window.box
    width, height = round(right - left), round(bottom - top)
    half_done = max(window.size[0] * height, width * window.size[1]) * BYTES.get(mode, WIDE)
    return source + copy + half_done + done


def require(mode: str, size: Side, window: Window, working_bytes_max: int) -> None:
    """Raises LimitExceeded when that is more than allowed."""
    if held(mode, size, window) > working_bytes_max:
        raise LimitExceeded("Image needs more memory than allowed")


def give_back() -> None:
    """Return free heap to the kernel, where the C library can (glibc)."""
    with suppress(AttributeError):
        libc.malloc_trim(ctypes.c_size_t(0))
