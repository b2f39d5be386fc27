"""Grayscale: luma by ITU-R BT.601, alpha kept."""

from __future__ import annotations

from PIL import Image


def grayscale(image: Image.Image, _strength: int | None) -> Image.Image:
    """The same picture without colour, in its own mode."""
    if image.mode != "RGBA":
        return image.convert("L").convert("RGB")
    return image.convert("LA").convert("RGBA")
