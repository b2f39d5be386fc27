"""Turn and flip: quarter turns move pixels, other angles enlarge the canvas with transparent corners."""

from __future__ import annotations

import math

from PIL import Image

from domicile.media.stage import Stage
from domicile.media.turns import Turn

FLIPS = {"hflip": Image.Transpose.FLIP_LEFT_RIGHT, "vflip": Image.Transpose.FLIP_TOP_BOTTOM}
QUARTERS = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}


def turn(image: Image.Image, stage: Stage) -> Image.Image:
    """All turns of the stage, in order; degrees are clockwise."""
    for one in stage.turns:
        image = _turned(image, one)
    return image


def _turned(image: Image.Image, one: Turn) -> Image.Image:
    if one.name in FLIPS:
        return image.transpose(FLIPS[one.name])
    if one.degrees in QUARTERS:
        return image.transpose(QUARTERS[one.degrees])
    return _freely(image.convert("RGBA"), one)


def _freely(image: Image.Image, one: Turn) -> Image.Image:
    """Each pixel of the result, seen from its centre, is looked up in the source, seen from its centre."""
    cosine, sine = math.cos(math.radians(one.degrees)), math.sin(math.radians(one.degrees))
    x, y = one.size[0] / 2, one.size[1] / 2
    from_x = image.width / 2 - cosine * x - sine * y
    from_y = image.height / 2 + sine * x - cosine * y
    matrix = (cosine, sine, from_x, -sine, cosine, from_y)
    return image.transform(one.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
