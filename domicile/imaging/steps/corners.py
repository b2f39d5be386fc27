"""Corners: rounded by cutting their alpha, with one pixel of anti-aliasing. An ellipse is four corners that meet."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops

from domicile.media.corners import Corner, Corners
from domicile.media.stage import Stage

ROWS_AT_A_TIME = 256
"""Bounds the memory of the arithmetic for large radii."""
SMALL_GRADIENT = 1e-6


def corners(image: Image.Image, stage: Stage) -> Image.Image:
    """RGBA with rounded corners."""
    if stage.corners is None:
        return image
    image = image.copy() if image.mode == "RGBA" else image.convert("RGBA")
    mask = rounded_mask(image.size, stage.corners)
    image.putalpha(ImageChops.multiply(image.getchannel("A"), mask))
    return image


def rounded_mask(size: tuple[int, int], radii: Corners) -> Image.Image:
    """255 inside, 0 outside, between on the edge (mode L). Order: top-left, top-right, bottom-right, bottom-left."""
    mask = Image.new("L", size, 255)
    top_left, top_right, bottom_right, bottom_left = radii
    for radius, at_right, at_bottom in (
        (top_left, False, False),
        (top_right, True, False),
        (bottom_right, True, True),
        (bottom_left, False, True),
    ):
        tile = _tile(radius)
        if tile is None:
            continue
        tile = tile.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if at_right else tile
        tile = tile.transpose(Image.Transpose.FLIP_TOP_BOTTOM) if at_bottom else tile
        left = size[0] - tile.width if at_right else 0
        top = size[1] - tile.height if at_bottom else 0
        mask.paste(ImageChops.darker(mask.crop((left, top, left + tile.width, top + tile.height)), tile), (left, top))
    return mask


def _tile(radius: Corner) -> Image.Image | None:
    """The top-left corner: how much of each pixel lies inside the ellipse around (x, y)."""
    if radius.x <= 0 or radius.y <= 0:
        return None
    width, height = int(np.ceil(radius.x)), int(np.ceil(radius.y))
    tile = Image.new("L", (width, height))
    x = np.clip((radius.x - (np.arange(width, dtype=np.float32) + 0.5)) / radius.x, 0, None)
    for top in range(0, height, ROWS_AT_A_TIME):
        rows = np.arange(top, min(top + ROWS_AT_A_TIME, height), dtype=np.float32)
        y = np.clip((radius.y - (rows + 0.5)) / radius.y, 0, None)[:, None]
        # Distance to the ellipse, to first order: f / |grad f| with f = sqrt(x^2 + y^2) - 1 in units of the radii.
        length = np.sqrt(x**2 + y**2)
        gradient = np.sqrt((x / radius.x) ** 2 + (y / radius.y) ** 2) / np.maximum(length, SMALL_GRADIENT)
        distance = (length - 1) / np.maximum(gradient, SMALL_GRADIENT)
        coverage = np.clip(0.5 - distance, 0, 1)
        tile.paste(Image.fromarray((coverage * 255 + 0.5).astype(np.uint8)), (0, top))
    return tile
