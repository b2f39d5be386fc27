"""Tint: the luma of each pixel becomes a colour on a scale from dark to light, blended with the picture.

One colour stands in the middle of black and white; several are spread evenly, or stand at their places in percent.
"""

from __future__ import annotations

from itertools import pairwise

from PIL import Image

from domicile.imaging.steps.adjust import level
from domicile.imaging.steps.automatic import histogram
from domicile.imaging.steps.colors import blended, luma, on_colors
from domicile.media.stage import Stage
from domicile.media.transformation import Color

AMOUNT_DEFAULT = 60
PERCENT = 100
BLACK, RED, WHITE = Color(0, 0, 0), Color(255, 0, 0), Color(255, 255, 255)
Stop = tuple[float, Color]
"""Place from 0 to 255, and the colour there."""


def tint(image: Image.Image, stage: Stage) -> Image.Image:
    """See above."""
    colors = stage.effect.colors if stage.effect is not None else ()
    scale = _scale(_stops(colors))
    if stage.effect is not None and stage.effect.mode == "equalize":
        levels = _equalized(histogram(image, luma(image)))
        scale = [[channel[value] for value in levels] for channel in scale]

    def tinted(colors: Image.Image) -> Image.Image:
        grey = luma(colors)
        return Image.merge("RGB", [grey.point(channel) for channel in scale])

    return blended(image, on_colors(image, tinted), level(stage, AMOUNT_DEFAULT))


def _stops(colors: tuple[tuple[Color, int | None], ...]) -> list[Stop]:
    if len(colors) <= 1:
        color, place = colors[0] if colors else (RED, None)
        middle = 50 if place is None else place
        return [(0, BLACK), (middle * 255 / PERCENT, color), (255, WHITE)]
    step = PERCENT / (len(colors) - 1)
    places = (index * step if place is None else place for index, (_, place) in enumerate(colors))
    return sorted(
        ((place * 255 / PERCENT, color) for place, (color, _) in zip(places, colors, strict=True)),
        key=lambda stop: stop[0],
    )


def _scale(stops: list[Stop]) -> list[list[int]]:
    """Three tables, straight between the stops and level beyond them."""
    scale: list[list[int]] = [[], [], []]
    for value in range(256):
        color = _at(value, stops)
        for channel, number in zip(scale, color, strict=True):
            channel.append(round(number))
    return scale


def _at(value: float, stops: list[Stop]) -> tuple[float, float, float]:
    if value <= stops[0][0]:
        return _channels(stops[0][1])
    for (low, first), (high, second) in pairwise(stops):
        if value <= high:
            share = (value - low) / (high - low) if high > low else 1.0
            a, b = _channels(first), _channels(second)
            return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share)
    return _channels(stops[-1][1])


def _channels(color: Color) -> tuple[float, float, float]:
    return color.red, color.green, color.blue


def _equalized(counts: list[int]) -> list[int]:
    """Luma by rank: the share of visible pixels that are darker, and half of those that are alike."""
    total, below, levels = sum(counts), 0, []
    for value, count in enumerate(counts):
        levels.append(round((below + count / 2) * 255 / total) if total else value)
        below += count
    return levels
