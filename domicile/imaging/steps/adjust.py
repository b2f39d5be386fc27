"""Colours moved by tables and matrices: each pixel for itself, transparency stays.

Cloudinary names levels, not formulas; ours are those of the W3C's Filter Effects 1 where it has one (docs/adr/0005).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image, ImageFilter

from domicile.imaging.steps.colors import luma, on_colors
from domicile.media.stage import Stage
from domicile.media.transformation import Color

Matrix = tuple[float, ...]
PERCENT = 100
BYTES = range(256)
MIDDLE = 127.5
GREY = Color(128, 128, 128)
SEPIA_DEFAULT = BRIGHTNESS_DEFAULT = CONTRAST_DEFAULT = SATURATION_DEFAULT = HUE_DEFAULT = 80
GAMMA_DEFAULT = 0
COLORIZE_DEFAULT = 100
BLACKWHITE_DEFAULT = 50
VIGNETTE_DEFAULT = 20
UNSHARP_DEFAULT = 100
UNSHARP_RADIUS_PIXELS = 2.0
PIXELS_AT_A_TIME = 65_536
"""Bounds the memory of floating-point arithmetic, to what processors keep near."""
LUMA = (0.213, 0.715, 0.072)
"""Of Filter Effects 1, `saturate`."""


def level(stage: Stage, default: int) -> int:
    """The strength of the stage's effect."""
    return default if stage.effect is None or stage.effect.strength is None else stage.effect.strength


def _mapped(image: Image.Image, curve: Callable[[int], float]) -> Image.Image:
    """Each channel by the same curve, rounded and held within a byte."""
    table = [min(max(round(curve(value)), 0), 255) for value in BYTES]
    return image.point(table * 3 + (list(BYTES) if image.mode == "RGBA" else []))


def _mixed(image: Image.Image, matrix: Matrix) -> Image.Image:
    return on_colors(image, lambda colors: colors.convert("RGB", matrix))


def brightness(image: Image.Image, stage: Stage) -> Image.Image:
    """Brightness: times 1 + level/100."""
    factor = 1 + level(stage, BRIGHTNESS_DEFAULT) / PERCENT
    return _mapped(image, lambda value: value * factor)


def contrast(image: Image.Image, stage: Stage) -> Image.Image:
    """Contrast: the distance to the middle times 1 + level/100."""
    factor = 1 + level(stage, CONTRAST_DEFAULT) / PERCENT
    return _mapped(image, lambda value: (value - MIDDLE) * factor + MIDDLE)


def gamma(image: Image.Image, stage: Stage) -> Image.Image:
    """Gamma: to the power 1 / (1 + level/100); above zero it gets brighter."""
    exponent = 1 / (1 + level(stage, GAMMA_DEFAULT) / PERCENT)
    return _mapped(image, lambda value: 255 * (value / 255) ** exponent)


def negate(image: Image.Image, _stage: Stage) -> Image.Image:
    """Negative."""
    return _mapped(image, lambda value: 255 - value)


def colorize(image: Image.Image, stage: Stage) -> Image.Image:
    """That share of a colour, grey by default, over the picture; a transparent colour hides less."""
    color = stage.color or GREY
    share = level(stage, COLORIZE_DEFAULT) / PERCENT * color.alpha / 255
    paint = (color.red, color.green, color.blue)
    return on_colors(image, lambda colors: Image.blend(colors, Image.new("RGB", colors.size, paint), share))


def sepia(image: Image.Image, stage: Stage) -> Image.Image:
    """Sepia as in Filter Effects 1."""
    left = 1 - level(stage, SEPIA_DEFAULT) / PERCENT
    return _mixed(
        image,
        (
            *(0.393 + 0.607 * left, 0.769 - 0.769 * left, 0.189 - 0.189 * left, 0),
            *(0.349 - 0.349 * left, 0.686 + 0.314 * left, 0.168 - 0.168 * left, 0),
            *(0.272 - 0.272 * left, 0.534 - 0.534 * left, 0.131 + 0.869 * left, 0),
        ),
    )


def saturation(image: Image.Image, stage: Stage) -> Image.Image:
    """Saturation as in Filter Effects 1: the distance to grey times 1 + level/100."""
    factor = 1 + level(stage, SATURATION_DEFAULT) / PERCENT
    rows = (
        [share * (1 - factor) + (factor if source == target else 0) for source, share in enumerate(LUMA)] + [0.0]
        for target in range(3)
    )
    return _mixed(image, tuple(value for row in rows for value in row))


def hue(image: Image.Image, stage: Stage) -> Image.Image:
    """The hue of HSV turned by 1.8 degrees a level; the greatest and the least channel keep their values."""
    sixths = level(stage, HUE_DEFAULT) * 1.8 / 60
    return on_colors(image, lambda colors: by_strips(colors, lambda rows, _top: _turned(rows, sixths)))


def _turned(rows: np.ndarray, sixths: float) -> np.ndarray:
    # Channels one after the other: three times faster than side by side.
    red, green, blue = np.ascontiguousarray(rows.transpose(2, 0, 1))
    most, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    chroma = most - least
    share = 1 / np.where(chroma == 0, 1, chroma)
    angle = np.where(
        most == red,
        (green - blue) * share,
        np.where(most == green, 2 + (blue - red) * share, 4 + (red - green) * share),
    )
    done = np.empty_like(rows)
    for channel, offset in enumerate((5, 3, 1)):
        # Of a hue h: v - c * max(0, min(k, 4 - k, 1)), k = (offset + h) mod 6.
        steps = angle + np.float32((offset + sixths) % 6 + 6)
        steps -= 6 * np.floor(steps / 6)
        done[..., channel] = most - chroma * np.clip(np.minimum(steps, 4 - steps), 0, 1)
    return done


def by_strips(image: Image.Image, change: Callable[[np.ndarray, int], np.ndarray]) -> Image.Image:
    """A new picture from `change(rows as float, first row)`, a few rows at a time."""
    done = Image.new(image.mode, image.size)
    for top, rows in strips(image):
        changed = np.clip(np.floor(change(rows, top) + 0.5), 0, 255).astype(np.uint8)
        done.paste(Image.fromarray(changed), (0, top))
    return done


def strips(image: Image.Image) -> Iterator[tuple[int, np.ndarray]]:
    """(first row, rows as float)."""
    height = max(1, PIXELS_AT_A_TIME // image.width)
    for top in range(0, image.height, height):
        bottom = min(top + height, image.height)
        yield top, np.asarray(image.crop((0, top, image.width, bottom)), dtype=np.float32)


def blackwhite(image: Image.Image, stage: Stage) -> Image.Image:
    """White where the luma is at least that many percent, black elsewhere."""
    threshold = level(stage, BLACKWHITE_DEFAULT) * 255
    table = [255 if value * PERCENT >= threshold else 0 for value in BYTES]
    return on_colors(image, lambda colors: Image.merge("RGB", (luma(colors).point(table),) * 3))


def vignette(image: Image.Image, stage: Stage) -> Image.Image:
    """Darker with the square of the distance to the centre: by the level in the corners, half of that at mid-side."""
    share = level(stage, VIGNETTE_DEFAULT) / PERCENT
    across = ((np.arange(image.width, dtype=np.float32) + 0.5) / image.width * 2 - 1) ** 2

    def darkened(rows: np.ndarray, top: int) -> np.ndarray:
        down = ((np.arange(top, top + rows.shape[0], dtype=np.float32) + 0.5) / image.height * 2 - 1) ** 2
        return np.asarray(rows * (1 - share * (across[None, :] + down[:, None]) / 2)[..., None])

    return on_colors(image, lambda colors: by_strips(colors, darkened))


def unsharp_mask(image: Image.Image, stage: Stage) -> Image.Image:
    """Unsharp mask of two pixels, in percent; `sharpen` is finer."""
    mask = ImageFilter.UnsharpMask(UNSHARP_RADIUS_PIXELS, level(stage, UNSHARP_DEFAULT), 0)
    return on_colors(image, lambda colors: colors.filter(mask))
