"""The one port to a resampler: a window of a picture, at a new size.

Pillow's Lanczos with a cheap box reduction first. A library that is better at equal time replaces this file alone.
"""

from __future__ import annotations

from PIL import Image

from domicile.media.geometry import Window

SMALL_SIDE = 400
GAP, GAP_SMALL = 1.75, 3.0
"""How many times larger than the result a picture must stay before the precise step (performance.md 7.2: thumbnails
need more). The same bound holds for DCT scaling and for the box reduction."""


def gap_for(width: int, height: int) -> float:
    """The gap for a result of that size."""
    return GAP_SMALL if max(width, height) < SMALL_SIDE else GAP


def resample(image: Image.Image, window: Window) -> Image.Image:
    """Show the window of the image at its size. Colour of transparent pixels does not bleed (Pillow premultiplies)."""
    if not window.changes(image.size):
        return image
    if window.is_pure_crop:
        left, top, right, bottom = window.box
        return image.crop((round(left), round(top), round(right), round(bottom)))
    return image.resize(
        window.size, Image.Resampling.LANCZOS, box=window.box, reducing_gap=max(gap_for(*window.size), 2.0)
    )
