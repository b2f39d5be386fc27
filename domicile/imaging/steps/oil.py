"""Oil painting: each pixel becomes the mean colour of the most common brightness around it, so that areas run together.

The strength is the brush: ten are one pixel of radius. Brightness is told apart in BINS steps.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from domicile.imaging.steps.adjust import by_strips, level
from domicile.imaging.steps.automatic import SEEN
from domicile.imaging.steps.colors import luma, visible
from domicile.media.stage import Stage

STRENGTH_DEFAULT = 30
STRENGTH_PER_PIXEL = 10
BINS = 8


def oil_paint(image: Image.Image, stage: Stage) -> Image.Image:
    """See above; transparency stays, and what it hides does not run into what can be seen."""
    radius = round(level(stage, STRENGTH_DEFAULT) / STRENGTH_PER_PIXEL)
    if radius == 0:
        return image
    alpha = visible(image)
    painted = _painted(image.convert("RGB"), None if alpha is None else alpha.point(SEEN), radius)
    if alpha is not None:
        painted.putalpha(alpha)
    return painted


def _painted(colors: Image.Image, seen: Image.Image | None, radius: int) -> Image.Image:
    """Per bin, the share of the square around each pixel and the sum of its colours; the greatest share wins."""
    brightness, brush = luma(colors), ImageFilter.BoxBlur(radius)
    black = Image.new("RGB", colors.size)
    sums, shares = black.copy(), Image.new("L", colors.size)
    for step in range(BINS):
        members = brightness.point([255 if value * BINS // 256 == step else 0 for value in range(256)])
        if seen is not None:
            members = ImageChops.darker(members, seen)
        share = members.filter(brush)
        wins = ImageChops.subtract(share, shares).point([0] + [255] * 255)
        sums.paste(Image.composite(colors, black, members).filter(brush), mask=wins)
        shares = ImageChops.lighter(shares, share)
    sums.putalpha(shares)
    return by_strips(sums, _means).convert("RGB")


def _means(rows: np.ndarray, _top: int) -> np.ndarray:
    rows[..., :3] *= 255 / np.maximum(rows[..., 3:], 1)
    return rows
