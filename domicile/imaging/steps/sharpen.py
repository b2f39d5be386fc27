"""Sharpen: unsharp mask of one pixel; the strength is its percentage."""

from __future__ import annotations

from PIL import Image, ImageFilter

SHARPEN_STRENGTH_DEFAULT = 100
RADIUS_PIXELS = 1.0


def sharpen(image: Image.Image, strength: int | None) -> Image.Image:
    """Sharpen the colours; the alpha plane stays."""
    amount = SHARPEN_STRENGTH_DEFAULT if strength is None else strength
    mask = ImageFilter.UnsharpMask(radius=RADIUS_PIXELS, percent=amount, threshold=0)
    if image.mode != "RGBA":
        return image.filter(mask)
    sharp = image.convert("RGB").filter(mask)
    sharp.putalpha(image.getchannel("A"))
    return sharp
