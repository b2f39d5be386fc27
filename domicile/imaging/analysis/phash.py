"""A perceptual hash of 64 bits: pictures that look alike differ in few of them (count the bits of an XOR).

    grey, 32 x 32 -> two-dimensional DCT-II -> the 8 x 8 lowest frequencies -> 1 where above their median

Row by row from the highest bit, as 16 hex digits. The common recipe (C. Zauner, 2010, "pHash"), so other programs' hashes
of the same picture are near. Transparency shows white.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from PIL import Image

SIDE, KEPT = 32, 8
DECIMALS = 3
"""Of coefficients: what is smaller is rounding, and must not decide the bits of a flat picture."""
WHITE = (255, 255, 255)


def phash_of(picture: Image.Image) -> str:
    """16 lower-case hex digits."""
    grey = opaque(picture).convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    low = _cosines() @ np.asarray(grey, dtype=np.float64) @ _cosines().T
    values = [round(float(value), DECIMALS) for value in low.ravel()]
    middle = sorted(values)[KEPT * KEPT // 2 - 1 : KEPT * KEPT // 2 + 1]
    median = sum(middle) / 2
    bits = sum(1 << place for place, value in enumerate(reversed(values)) if value > median)
    return f"{bits:016x}"


def opaque(picture: Image.Image) -> Image.Image:
    """On white."""
    if picture.mode != "RGBA":
        return picture
    ground = Image.new("RGB", picture.size, WHITE)
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


@cache
def _cosines() -> np.ndarray:
    """The KEPT lowest rows of the DCT-II matrix, not normalised."""
    return np.array([[2 * math.cos(math.pi * k * (2 * n + 1) / (2 * SIDE)) for n in range(SIDE)] for k in range(KEPT)])
