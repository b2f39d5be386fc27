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
from domicile.imaging.resample import gap_for
from domicile.imaging.source import Source
from domicile.media.errors import LimitExceeded
from domicile.media.geometry import Side, Window

Samples = np.ndarray[Any, np.dtype[np.uint8]]
DCT_FACTORS = (8, 4, 2)
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
    room = working_bytes_max - claims.coefficient_bytes
    for factor in _factors(window):
        size = -(-claims.width // factor), -(-claims.height // factor)
        scaled = _at_scale(window, (claims.width, claims.height), size)
        samples = size[0] * size[1] * SAMPLES[claims.mode]
        is_cut = window.is_pure_crop and window.changes(size)
        with decoding():
            if claims.mode != "CMYK" and is_cut and samples + held(claims.mode, window.size, window) <= room:
                return _cut_out(source, window)
            if claims.mode != "CMYK" and max(samples * 2 + size[0] * size[1], held(claims.mode, size, scaled)) <= room:
                return Decoded(Image.fromarray(_with_simplejpeg(source, factor)), scaled)
            if held(claims.mode, size, scaled) <= room:
                return Decoded(_with_pillow(source, factor), scaled)
    raise LimitExceeded("Image needs more memory than allowed")


def _factors(window: Window) -> Iterator[int]:
    """The factor for quality; then, for pictures too large for memory, stronger ones that still have enough pixels."""
    best = dct_factor(window)
    yield best
    yield from (factor for factor in reversed(DCT_FACTORS) if factor > best and _leaves(window, factor, 1.0))


def dct_factor(window: Window) -> int:
    """The strongest DCT scaling that leaves the resampler enough pixels."""
    gap = gap_for(*window.size)
    return next((factor for factor in DCT_FACTORS if _leaves(window, factor, gap)), 1)


def _leaves(window: Window, factor: int, gap: float) -> bool:
    """Is the window, scaled down by the factor, still `gap` times as large as its result?"""
    left, top, right, bottom = window.box
    return right - left >= factor * gap * window.size[0] and bottom - top >= factor * gap * window.size[1]


def _at_scale(window: Window, full: Side, scaled: Side) -> Window:
    if full == scaled:
        return window
    x, y = scaled[0] / full[0], scaled[1] / full[1]
    left, top, right, bottom = window.box
    box = (left * x, top * y, min(right * x, scaled[0]), min(bottom * y, scaled[1]))
    return Window(box, window.size)


def _cut_out(source: Source, window: Window) -> Decoded:
    """Copy no more than what is shown."""
    left, top, right, bottom = (round(edge) for edge in window.box)
    image = Image.fromarray(_with_simplejpeg(source, 1)[top:bottom, left:right])
    return Decoded(image, Window((0, 0, *image.size), image.size))


def _with_simplejpeg(source: Source, factor: int) -> Samples:
    claims = source.claims
    array: Samples = simplejpeg.decode_jpeg(
        source.view,
        colorspace=JPEG_SPACES[claims.mode],
        min_factor=factor,
        min_width=-(-claims.width // factor),
        min_height=-(-claims.height // factor),
        strict=True,
    )
    return array.reshape(array.shape[:2]) if claims.mode == "L" else array


def _with_pillow(source: Source, factor: int) -> Image.Image:
    """CMYK, whose inversion Pillow knows, and pictures too large to exist twice. Checked strictly all the same."""
    check_jpeg(source)
    image = source.open_image()
    image.draft(image.mode, (-(-source.claims.width // factor), -(-source.claims.height // factor)))
    image.load()
    return image


def check_jpeg(source: Source) -> None:
    """Read all entropy-coded data strictly, at an eighth of the size. Call inside `decoding()`."""
    simplejpeg.decode_jpeg(
        source.view, colorspace=JPEG_SPACES[source.claims.mode], min_factor=8, min_width=1, min_height=1
    )
