"""Shadow and outline: the picture's silhouette, moved or grown, softened, in one colour, behind the picture or upon it."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from domicile.imaging.steps.adjust import level
from domicile.imaging.steps.colors import on_colors
from domicile.media.halo import Halo
from domicile.media.stage import Stage
from domicile.media.transformation import Color

SHADOW_DEFAULT = 40
PERCENT = 100
OPAQUE = 255
GREY, BLACK = Color(128, 128, 128), Color(0, 0, 0)
Bytes = np.ndarray


def shadow(image: Image.Image, stage: Stage) -> Image.Image:
    """The silhouette, moved and soft, that many percent of the colour, behind the picture."""
    halo = stage.halo
    assert halo is not None  # the plan has one for this effect
    silhouette = Image.new("L", halo.around(image.size))
    silhouette.paste(_silhouette(image), (halo.left + halo.shift[0], halo.top + halo.shift[1]))
    soft = silhouette.filter(ImageFilter.GaussianBlur(halo.sigma))
    return _behind(image, halo, soft, stage.color or GREY, level(stage, SHADOW_DEFAULT))


def outline(image: Image.Image, stage: Stage) -> Image.Image:
    """A line along the silhouette: around it, or within it."""
    halo = stage.halo
    assert halo is not None  # the plan has one for this effect
    color = stage.color or BLACK
    if stage.effect is not None and stage.effect.mode == "inner":
        return _within(image, halo, color)
    silhouette = Image.new("L", halo.around(image.size))
    silhouette.paste(_silhouette(image), (halo.left, halo.top))
    grown = Image.fromarray(dilated(np.asarray(silhouette), halo.width))
    return _behind(image, halo, grown.filter(ImageFilter.GaussianBlur(halo.sigma)), color, PERCENT)


def _silhouette(image: Image.Image) -> Image.Image:
    return image.getchannel("A") if image.mode == "RGBA" else Image.new("L", image.size, OPAQUE)


def _behind(image: Image.Image, halo: Halo, mask: Image.Image, color: Color, percent: int) -> Image.Image:
    full = OPAQUE * PERCENT
    strength = percent * color.alpha
    ground = Image.new("RGBA", mask.size, (color.red, color.green, color.blue, 0))
    ground.putalpha(mask.point([(value * strength + full // 2) // full for value in range(256)]))
    ground.alpha_composite(image.convert("RGBA"), (halo.left, halo.top))
    return ground


def _within(image: Image.Image, halo: Halo, color: Color) -> Image.Image:
    """Whatever is outside, beyond the picture's edges too, grows inwards."""
    room = halo.width
    outside = Image.new("L", (image.width + 2 * room, image.height + 2 * room), OPAQUE)
    outside.paste(ImageChops.invert(_silhouette(image)), (room, room))
    grown = Image.fromarray(dilated(np.asarray(outside), room)).filter(ImageFilter.GaussianBlur(halo.sigma))
    mask = grown.crop((room, room, room + image.width, room + image.height))
    mask = mask.point([(value * color.alpha + OPAQUE // 2) // OPAQUE for value in range(256)])
    paint = Image.new("RGB", image.size, (color.red, color.green, color.blue))
    return on_colors(image, lambda colors: Image.composite(paint, colors, mask))


def dilated(mask: Bytes, radius: int) -> Bytes:
    """Each pixel becomes the greatest within a disc around it.

    Row by row of the disc: the greatest of a stretch is that of two stretches of a power of two that cover it.
    """
    height, width = mask.shape
    padded = np.pad(mask, radius)
    spans = [padded]
    while 2 ** len(spans) <= 2 * radius + 1:
        half = 2 ** (len(spans) - 1)
        longer = spans[-1].copy()
        np.maximum(spans[-1][:, :-half], spans[-1][:, half:], out=longer[:, :-half])
        spans.append(longer)
    grown = np.zeros_like(mask)
    for down in range(-radius, radius + 1):
        reach = math.isqrt(radius * radius - down * down)
        power = (2 * reach + 1).bit_length() - 1
        rows = spans[power][radius + down : radius + down + height]
        first, second = radius - reach, radius + reach + 1 - 2**power
        np.maximum(grown, rows[:, first : first + width], out=grown)
        np.maximum(grown, rows[:, second : second + width], out=grown)
    return grown
