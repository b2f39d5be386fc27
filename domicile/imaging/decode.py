"""From bytes to stored pixels. Strict: a damaged picture is refused.

JPEGs are decoded at 1/2, 1/4 or 1/8 by the DCT where the window allows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import simplejpeg
from PIL import Image

from domicile.imaging.guarded import decoding
from domicile.imaging.resample import gap_for
from domicile.imaging.source import Source
from domicile.media.errors import LimitExceeded
from domicile.media.geometry import Window
from domicile.media.plan import Plan

Samples = np.ndarray[Any, np.dtype[np.uint8]]
DCT_FACTORS = (8, 4, 2)
JPEG_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
PIXEL_BYTES, COPY_BYTES = 4, 8
"""Of a picture in Pillow's memory, and of one that exists twice for a moment."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Stored pixels in their own mode and colour space, the window to show of them, and how long the frame lasts."""

    image: Image.Image
    window: Window
    duration_ms: int = 0


def decode_frames(source: Source, plan: Plan, working_bytes_max: int) -> Iterator[Decoded]:
    """The frames that the plan asks for: all of an animation, else the first. Raises UndecodableMedia, LimitExceeded.

    A frame is valid until the next one is asked for.
    """
    if source.format == "jpg":
        yield decode_jpeg(source, plan.window, working_bytes_max)
        return
    _within_memory(source, plan, working_bytes_max)
    with decoding():
        image = source.open_image()
        # An APNG may start with a picture for those who cannot animate; it is not part of the animation.
        first = 1 if plan.animated and image.info.get("default_image") else 0
    for number in range(first, source.claims.frames) if plan.animated else (0,):
        with decoding():
            if number:
                image.seek(number)
            image.load()
            duration = round(float(image.info.get("duration", 0) or 0))
        yield Decoded(image, plan.window, duration)


def _within_memory(source: Source, plan: Plan, working_bytes_max: int) -> None:
    claims = source.claims
    is_copied = claims.mode not in {"RGB", "L"} and not plan.window.is_pure_crop
    if claims.width * claims.height * (COPY_BYTES if is_copied else PIXEL_BYTES) > working_bytes_max:
        raise LimitExceeded("Image needs more memory than allowed")


def decode_jpeg(source: Source, window: Window, working_bytes_max: int) -> Decoded:
    """A JPEG in its own colour space (L, RGB, CMYK), as small as the window allows."""
    claims = source.claims
    factor = dct_factor(window)
    pixels = -(-claims.width // factor) * -(-claims.height // factor)
    if pixels * PIXEL_BYTES + claims.coefficient_bytes > working_bytes_max:
        raise LimitExceeded("Image needs more memory than allowed")
    with decoding():
        if claims.mode == "CMYK" or pixels * COPY_BYTES + claims.coefficient_bytes > working_bytes_max:
            image = _with_pillow(source, factor)
        elif factor == 1 and window.is_pure_crop:
            return _cut_out(source, window)
        else:
            image = Image.fromarray(_with_simplejpeg(source, factor))
    return Decoded(image, _at_scale(window, (claims.width, claims.height), image.size))


def dct_factor(window: Window) -> int:
    """The strongest DCT scaling that leaves the resampler enough pixels."""
    left, top, right, bottom = window.box
    gap = gap_for(*window.size)
    for factor in DCT_FACTORS:
        if (right - left) >= factor * gap * window.size[0] and (bottom - top) >= factor * gap * window.size[1]:
            return factor
    return 1


def _at_scale(window: Window, full: tuple[int, int], scaled: tuple[int, int]) -> Window:
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


def decode_all(source: Source, pixels_max: int) -> None:
    """Every frame, one at a time in memory; the pixels are dropped. Raises UndecodableMedia, LimitExceeded."""
    with decoding():
        if source.format == "jpg":
            check_jpeg(source)
            return
        with source.open_image() as image:
            for number in range(source.claims.frames):
                if number:
                    image.seek(number)
                if image.width * image.height > pixels_max:  # pages of a TIFF have their own sizes
                    raise LimitExceeded(f"Maximum image size is {pixels_max} pixels")
                image.load()
