"""Effects on the alpha plane: hard edges, and a background that goes."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops

from domicile.imaging.steps.adjust import level
from domicile.media.stage import Stage
from domicile.media.transformation import Color

THRESHOLD_DEFAULT = 50
TOLERANCE_DEFAULT = 10
PERCENT = 100
ALIKE_BITS = 4
"""Colours of the edge that share their high bits are counted as one."""


def opacity_threshold(image: Image.Image, stage: Stage) -> Image.Image:
    """Opaque from that many percent on, transparent below."""
    if image.mode != "RGBA":
        return image
    threshold = level(stage, THRESHOLD_DEFAULT) * 255
    hard = image.copy()
    hard.putalpha(image.getchannel("A").point([255 if value * PERCENT >= threshold else 0 for value in range(256)]))
    return hard


def make_transparent(image: Image.Image, stage: Stage) -> Image.Image:
    """Transparent wherever no channel is further than the tolerance from the background: `co_`, or the edge's colour."""
    color = stage.color or edge_color(image)
    alpha = far_from(image, color, level(stage, TOLERANCE_DEFAULT))
    if image.mode == "RGBA":
        alpha = ImageChops.multiply(alpha, image.getchannel("A"))
        cut = image.copy()
    else:
        cut = image.convert("RGBA")
    cut.putalpha(alpha)
    return cut


def far_from(image: Image.Image, color: Color, tolerance: int) -> Image.Image:
    """A mask, 255 where a channel differs from the colour by more than that many percent."""
    reach = tolerance * 255
    channels = zip(image.split()[:3], (color.red, color.green, color.blue), strict=True)
    far = [
        channel.point([255 if abs(value - target) * PERCENT > reach else 0 for value in range(256)])
        for channel, target in channels
    ]
    return ImageChops.lighter(ImageChops.lighter(far[0], far[1]), far[2])


def edge_color(image: Image.Image) -> Color:
    """The mean of the most common colours along the four edges."""
    return common_color(_edge(image))


def common_color(pixels: np.ndarray) -> Color:
    """Of RGBA pixels, one a row; what is transparent does not count, unless all is."""
    pixels = pixels[pixels[:, 3] >= 128][:, :3] if (pixels[:, 3] >= 128).any() else pixels[:, :3]
    kinds = (pixels >> (8 - ALIKE_BITS)).astype(np.int64) @ np.array([1 << 2 * ALIKE_BITS, 1 << ALIKE_BITS, 1])
    mean = pixels[kinds == np.bincount(kinds).argmax()].mean(axis=0)
    return Color(*(int(value) for value in np.floor(mean + 0.5)))


def _edge(image: Image.Image) -> np.ndarray:
    """RGBA of the outermost pixels, one a row."""
    width, height = image.size
    boxes = ((0, 0, width, 1), (0, height - 1, width, height), (0, 0, 1, height), (width - 1, 0, width, height))
    return np.concatenate([np.asarray(image.crop(box).convert("RGBA")).reshape(-1, 4) for box in boxes])
