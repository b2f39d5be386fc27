"""Adjustments that look at the picture first. Only what can be seen counts; each frame of an animation for itself.

- auto_contrast: one stretch for all channels; the half percent of darkest luma becomes black, of brightest white.
- auto_color: a stretch for each channel, which takes a colour cast away.
- auto_brightness: a gamma that brings the mean luma to the middle, within a factor of two.
- improve: contrast, then brightness; indoors the colour cast goes first.
"""

from __future__ import annotations

import math

from PIL import Image

from domicile.imaging.steps.adjust import level
from domicile.imaging.steps.colors import blended, luma, on_colors, visible
from domicile.media.stage import Stage

BLEND_DEFAULT = 100
CLIPPED_SHARE = 0.005
EXPONENT_MIN, EXPONENT_MAX = 0.5, 2.0
MIDDLE = 127.5
SEEN = [0] * 128 + [255] * 128
"""More than half opaque counts as visible: Pillow's histograms know no half pixels."""
Table = list[int]


def auto_contrast(image: Image.Image, stage: Stage) -> Image.Image:
    """See above."""
    return _blend(image, _contrasted(image), stage)


def auto_color(image: Image.Image, stage: Stage) -> Image.Image:
    """See above."""
    return _blend(image, _balanced(image), stage)


def auto_brightness(image: Image.Image, stage: Stage) -> Image.Image:
    """See above."""
    return _blend(image, _brightened(image), stage)


def improve(image: Image.Image, stage: Stage) -> Image.Image:
    """See above."""
    is_indoor = stage.effect is not None and stage.effect.mode == "indoor"
    done = _balanced(image) if is_indoor else image
    return _blend(image, _brightened(_contrasted(done)), stage)


def _blend(before: Image.Image, after: Image.Image, stage: Stage) -> Image.Image:
    return blended(before, after, level(stage, BLEND_DEFAULT))


def _contrasted(image: Image.Image) -> Image.Image:
    table = _stretch(histogram(image, luma(image)))
    return on_colors(image, lambda colors: colors.point(table * 3))


def _balanced(image: Image.Image) -> Image.Image:
    tables = [_stretch(histogram(image, image.getchannel(name))) for name in "RGB"]
    return on_colors(image, lambda colors: colors.point(tables[0] + tables[1] + tables[2]))


def _brightened(image: Image.Image) -> Image.Image:
    counts = histogram(image, luma(image))
    total = sum(counts)
    mean = sum(value * count for value, count in enumerate(counts)) / total if total else MIDDLE
    # A flat black or white picture has nothing to bring to the middle.
    if not 1 <= mean < 255:
        return image
    exponent = min(max(math.log(MIDDLE / 255) / math.log(mean / 255), EXPONENT_MIN), EXPONENT_MAX)
    table = [round(255 * (value / 255) ** exponent) for value in range(256)]
    return on_colors(image, lambda colors: colors.point(table * 3))


def histogram(image: Image.Image, channel: Image.Image) -> list[int]:
    """Of one channel of the picture, where it is visible."""
    mask = visible(image)
    return channel.histogram(None if mask is None else mask.point(SEEN))


def _stretch(counts: list[int]) -> Table:
    """From the values that leave CLIPPED_SHARE of the pixels outside on either side, to all of a byte."""
    clipped = sum(counts) * CLIPPED_SHARE
    low, high = _first(counts, clipped), 255 - _first(counts[::-1], clipped)
    if high <= low:
        return list(range(256))
    return [min(max(round((value - low) * 255 / (high - low)), 0), 255) for value in range(256)]


def _first(counts: list[int], clipped: float) -> int:
    """The first value beyond which more than `clipped` pixels lie behind us."""
    passed = 0
    for value, count in enumerate(counts):
        passed += count
        if passed > clipped:
            return value
    return 0
