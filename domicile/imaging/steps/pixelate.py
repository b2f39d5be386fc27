"""Pixelate: squares of one colour. The strength is their side in pixels; by default a 20th of the shorter side."""

from __future__ import annotations

from PIL import Image

DEFAULT_SQUARES = 20


def pixelate(image: Image.Image, strength: int | None) -> Image.Image:
    """Each square becomes its mean (with premultiplied alpha); squares at the right and bottom edge may be cut."""
    side = strength or max(1, round(min(image.size) / DEFAULT_SQUARES))
    if side == 1:
        return image
    mode = image.mode
    if mode == "RGBA":
        image = image.convert("RGBa")
    small = image.reduce(side)
    width, height = image.size
    large = small.resize((small.width * side, small.height * side), Image.Resampling.NEAREST)
    large = large.crop((0, 0, width, height))
    return large.convert(mode)
