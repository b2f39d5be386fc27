"""Blur: Gaussian (three box passes). Cloudinary does not say what a strength means; here 50 are one pixel of sigma."""

from __future__ import annotations

from PIL import Image, ImageFilter

BLUR_STRENGTH_DEFAULT = 100
STRENGTH_PER_SIGMA_PIXEL = 50


def blur(image: Image.Image, strength: int | None) -> Image.Image:
    """Blur with premultiplied alpha, so that hidden colours do not come out."""
    amount = BLUR_STRENGTH_DEFAULT if strength is None else strength
    soft = ImageFilter.GaussianBlur(amount / STRENGTH_PER_SIGMA_PIXEL)
    if image.mode == "RGBA":
        return image.convert("RGBa").filter(soft).convert("RGBA")
    return image.filter(soft)
