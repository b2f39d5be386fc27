"""JPEG pixels: strict, at 1/2, 1/4 or 1/8 by the DCT where the window allows it, and within memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import simplejpeg
from PIL import Image

from domicile.imaging.guarded import decoding
from domicile.imaging.memory import held
from domicile.imaging.patched import bridge_bytes, to_pixels
from domicile.imaging.resample import gap_for
from domicile.imaging.source import Source
from domicile.media.errors import LimitExceeded
from domicile.media.geometry import Box, Side, WholeBox, Window

Samples = np.ndarray[Any, np.dtype[np.uint8]]
FULL = 8
EIGHTHS = (1, 2, 4)
"""Scales of the DCT that pay: 3/8 decodes slower than 1/2, and 5/8 to 7/8 slower than all pixels do."""
JPEG_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
SAMPLES = {"L": 1, "RGB": 3, "CMYK": 4}


@dataclass(frozen=True, slots=True)
class Decoded:
    """Stored pixels in their own mode and colour space, the window to show of them, and how long the frame lasts."""

    image: Image.Image
    window: Window
    duration_ms: int = 0


def decode_jpeg(source: Source, window: Window, working_bytes_max: int) -> Decoded:
    """A JPEG in its own colour space (L, RGB, CMYK), as small as the window allows.

    Raises UndecodableMedia, and LimitExceeded when no way of decoding it stays within `working_bytes_max`.
    """
    claims = source.claims
    room = working_bytes_max - claims.extra_bytes - bridge_bytes(window.size[0] * window.size[1])
    for eighths in _scales(window):
        with decoding():
            decoded = _at(eighths, source, window, room)
        if decoded is not None:
            return decoded
    raise LimitExceeded("Image needs more memory than allowed")


def fits(source: Source, window: Window, working_bytes_max: int) -> bool:
    """Is there a scale at which this window of it can be had within that memory?"""
    room = working_bytes_max - source.claims.extra_bytes
    return any(held(source.claims.mode, *_scaled(source, window, eighths)) <= room for eighths in _scales(window))


def _at(eighths: int, source: Source, window: Window, room: int) -> Decoded | None:
    """Decoded at that scale; None when there is no room for it. simplejpeg is faster, and holds its pixels twice."""
    claims = source.claims
    size, scaled = _scaled(source, window, eighths)
    if claims.mode != "CMYK":
        samples = size[0] * size[1] * SAMPLES[claims.mode]
        if eighths == FULL and (piece := window.alone) is not None:
            inner, (left, top, right, bottom) = window.seen_from(piece), piece
            if samples + held(claims.mode, (right - left, bottom - top), inner) <= room:
                return _cut_out(source, piece, inner)
        if max(samples * 2 + size[0] * size[1], held(claims.mode, size, scaled)) <= room:
            return Decoded(Image.fromarray(_with_simplejpeg(source, size)), scaled)
    if held(claims.mode, size, scaled) + bridge_bytes(size[0] * size[1]) <= room:
        return Decoded(_with_pillow(source, size), scaled)
    return None


def _scales(window: Window) -> Iterator[int]:
    """The scale for quality; then, for pictures too large for memory, smaller ones that still have enough pixels.

    Scaled blocks mix what a crop left over with what it took away: after one, all pixels are decoded if there is room.
    """
    best = FULL if window.cut is not None else dct_eighths(window)
    yield best
    yield from (eighths for eighths in reversed(EIGHTHS) if eighths < best and _leaves(window, eighths, 1.0))


def dct_eighths(window: Window) -> int:
    """The smallest scale that leaves the resampler enough pixels, in eighths."""
    gap = gap_for(*window.size)
    return next((eighths for eighths in EIGHTHS if _leaves(window, eighths, gap)), FULL)


def _leaves(window: Window, eighths: int, gap: float) -> bool:
    """Is the window at that scale still `gap` times as large as its result?"""
    left, top, right, bottom = window.box
    width, height = (right - left) * eighths / FULL, (bottom - top) * eighths / FULL
    return width >= gap * window.size[0] and height >= gap * window.size[1]


def _scaled(source: Source, window: Window, eighths: int) -> tuple[Side, Window]:
    """The size of the picture at that scale (libjpeg rounds up), and the window in it."""
    full = source.claims.width, source.claims.height
    size = -(-full[0] * eighths // FULL), -(-full[1] * eighths // FULL)
    return size, _at_scale(window, full, size)


def _at_scale(window: Window, full: Side, scaled: Side) -> Window:
    if full == scaled:
        return window
    x, y = scaled[0] / full[0], scaled[1] / full[1]

    def at_scale(box: Box) -> Box:
        return box[0] * x, box[1] * y, min(box[2] * x, scaled[0]), min(box[3] * y, scaled[1])

    return Window(at_scale(window.box), window.size, None if window.cut is None else at_scale(window.cut))


def _cut_out(source: Source, piece: WholeBox, window: Window) -> Decoded:
    """Copy no more than what may be seen; `window` is of that piece."""
    left, top, right, bottom = piece
    all_of_it = _with_simplejpeg(source, (source.claims.width, source.claims.height))
    return Decoded(Image.fromarray(all_of_it[top:bottom, left:right]), window)


def _with_simplejpeg(source: Source, size: Side) -> Samples:
    claims = source.claims
    array: Samples = simplejpeg.decode_jpeg(
        source.view,
        colorspace=JPEG_SPACES[claims.mode],
        min_width=size[0],
        min_height=size[1],
        strict=True,
    )
    return array.reshape(array.shape[:2]) if claims.mode == "L" else array


def _with_pillow(source: Source, size: Side) -> Image.Image:
    """CMYK, whose inversion Pillow knows, and pictures too large to exist twice. Checked strictly all the same."""
    check_jpeg(source)
    image = source.open_image()
    image.draft(image.mode, size)
    image.load()
    return to_pixels(image)


def check_jpeg(source: Source) -> None:
    """Read all entropy-coded data strictly, at an eighth of the size. Call inside `decoding()`."""
    simplejpeg.decode_jpeg(
        source.view, colorspace=JPEG_SPACES[source.claims.mode], min_factor=8, min_width=1, min_height=1
    )
