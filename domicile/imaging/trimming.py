"""Trim: edges that look like the corners, or are transparent, go. Frames of an animation lose the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image, ImageChops

from domicile.imaging.present import Frame
from domicile.imaging.steps.transparency import far_from
from domicile.media.geometry import WholeBox
from domicile.media.transformation import Color, Effect

TOLERANCE_DEFAULT = 10
PERCENT = 100


def trimmed(frames: Sequence[Frame], asked: Effect) -> tuple[list[Frame], WholeBox]:
    """What is left of all frames, and where that was; all of them, when nothing would be left."""
    whole = (0, 0, *frames[0].image.size)
    boxes = [box for frame in frames if (box := content_box(frame.image, asked)) is not None]
    if not boxes:
        return list(frames), whole
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    box = min(lefts), min(tops), max(rights), max(bottoms)
    if box == whole:
        return list(frames), whole
    return [replace(frame, image=frame.image.crop(box)) for frame in frames], box


def content_box(image: Image.Image, asked: Effect) -> WholeBox | None:
    """The smallest box around everything that is visible and unlike the ground; None without any."""
    tolerance = TOLERANCE_DEFAULT if asked.strength is None else asked.strength
    ground = asked.colors[0][0] if asked.colors else corner_color(image)
    seen = None
    if image.mode == "RGBA":
        floor = tolerance * 255
        seen = image.getchannel("A").point([255 if value * PERCENT > floor else 0 for value in range(256)])
    if ground is None or ground.alpha == 0:
        content = seen or Image.new("L", image.size, 255)
    else:
        far = far_from(image, ground, tolerance)
        content = far if seen is None else ImageChops.darker(far, seen)
    return content.getbbox()


def corner_color(image: Image.Image) -> Color | None:
    """What most corners have, the top left one in doubt; None where half of them are transparent."""
    right, bottom = image.width - 1, image.height - 1
    pixels = [image.getpixel(at) for at in ((0, 0), (right, 0), (0, bottom), (right, bottom))]
    corners = [tuple(int(value) for value in pixel) for pixel in pixels if isinstance(pixel, tuple)]
    opaque = [corner for corner in corners if len(corner) == 3 or corner[3] > 0]
    if 2 * len(opaque) <= len(corners):
        return None
    red, green, blue = max(opaque, key=opaque.count)[:3]
    return Color(red, green, blue)
