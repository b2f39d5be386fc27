"""Border: a line around the picture, along its rounded corners when it has them. What is transparent inside stays so."""

from __future__ import annotations

from PIL import Image, ImageChops

from domicile.imaging.steps.corners import rounded_mask
from domicile.imaging.steps.pad import on_ground
from domicile.media.corners import Corner, Corners
from domicile.media.frame import Canvas
from domicile.media.geometry import Side
from domicile.media.stage import Stage
from domicile.media.transformation import Border


def border(image: Image.Image, stage: Stage) -> Image.Image:
    """The picture with the border of the stage around it; a corner's outer radius is its inner one and the width."""
    asked = stage.border
    if asked is None:
        return image
    if stage.corners is None:
        width = asked.width
        return on_ground(image, Canvas(_around(image.size, width), (width, width), asked.color))
    return _round(image.convert("RGBA"), asked, stage.corners)


def _around(size: Side, width: int) -> Side:
    return size[0] + 2 * width, size[1] + 2 * width


def _round(image: Image.Image, asked: Border, corners: Corners) -> Image.Image:
    """Line and picture meet in half-covered pixels, whose shares add up: no seam shows what is behind."""
    size, at = _around(image.size, asked.width), (asked.width, asked.width)
    ring = rounded_mask(size, _grown(corners, asked.width))
    inner = Image.new("L", size)
    inner.paste(rounded_mask(image.size, corners), at)
    ring = ImageChops.subtract(ring, inner)
    color = asked.color
    line = Image.new("RGBA", size, (color.red, color.green, color.blue, 0))
    line.putalpha(ring.point([(value * color.alpha + 127) // 255 for value in range(256)]))
    ground = Image.new("RGBA", size)
    ground.paste(image, at)
    return ImageChops.add(line.convert("RGBa"), ground.convert("RGBa")).convert("RGBA")


def _grown(corners: Corners, width: int) -> Corners:
    """A sharp corner stays sharp."""
    a, b, c, d = (Corner(r.x + width, r.y + width) if r.x > 0 and r.y > 0 else r for r in corners)
    return a, b, c, d
