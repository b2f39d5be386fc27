"""`q_auto`: the encoder's number at which a picture comes as close to its original as the level promises.

A probe writes the picture once, reads it back and asks `perceived.py` how it looks. Pictures differ in how much a number
costs them, but little in how the cost grows from number to number, so one probe tells which number it takes, and a second
one, where it is cheap, corrects that. How many there are is a count, never a time: two edges choose the same number.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from domicile.imaging.patched import Image as Files
from domicile.imaging.patched import to_bytes
from domicile.imaging.perceived import SIDE_MIN, Reference
from domicile.imaging.perceived_table import CURVES
from domicile.imaging.steps.background import on_color
from domicile.media.frame import WHITE

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image

    from domicile.media.geometry import Side
    from domicile.media.transformation import Quality

TARGETS = {"best": 82.0, "good": 76.0, "eco": 70.0, "low": 62.0}
"""SSIMULACRA2 that each level of `q_auto` means, whatever the format."""
SENSITIVE_POINTS = 4.0
"""What `:sensitive` asks for beyond that."""
PROBES_MAX = {"jpg": 2, "webp": 1, "avif": 1}
PROBED_PIXELS_MAX = {"jpg": 1 << 18, "webp": 1 << 18, "avif": 1 << 17}
"""Of a larger picture a probe sees tiles that are spread over it evenly."""
TILE_SIDE = 128
TILE_GRID = 16
"""Tiles begin at multiples of this, where the blocks of all three encoders begin too."""
NUMBERS = {"jpg": (30, 95), "webp": (30, 96), "avif": (30, 90)}
"""The lowest and the highest number that `q_auto` takes."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """`is_measured`: found by probes, and not what suits the middle photograph."""

    number: int
    is_measured: bool


def target_of(quality: Quality) -> float:
    return TARGETS[quality.auto or "good"] + (SENSITIVE_POINTS if quality.is_sensitive else 0.0)


def usual(output_format: str, target: float) -> int:
    """The number that suits the middle photograph: for what is not probed, and where probing begins."""
    return _number(output_format, 100 - target)


def chosen(
    picture: Image.Image, output_format: str, target: float, write: Callable[[Image.Image, int], bytes]
) -> Chosen:
    """`picture`: RGB, or RGBA, which is looked at on white. `write` makes a file of an RGB picture with that number."""
    number = usual(output_format, target)
    if min(picture.size) < SIDE_MIN:
        return Chosen(number, is_measured=False)
    probed = to_bytes(on_color(sampled(picture, PROBED_PIXELS_MAX[output_format]), WHITE))
    reference = Reference(probed)
    for _ in range(PROBES_MAX[output_format]):
        tried = number
        with Files.open(io.BytesIO(write(probed, tried))) as copy:
            distance = 100 - reference.score(copy.convert("RGB"), output_format)
        number = _number(output_format, (100 - target) * _distance(output_format, tried) / max(distance, 1.0))
        if number == tried:
            break
    return Chosen(number, is_measured=True)


def sampled(picture: Image.Image, pixels_max: int) -> Image.Image:
    """The picture itself, or tiles of it side by side."""
    width, height = picture.size
    if width * height <= pixels_max:
        return picture
    columns, rows = grid_of(picture.size, pixels_max // TILE_SIDE**2)
    made = picture.crop((0, 0, columns * TILE_SIDE, rows * TILE_SIDE))
    for row in range(rows):
        top = _start(row, rows, height)
        for column in range(columns):
            left = _start(column, columns, width)
            made.paste(
                picture.crop((left, top, left + TILE_SIDE, top + TILE_SIDE)), (column * TILE_SIDE, row * TILE_SIDE)
            )
    return made


def grid_of(size: Side, tiles_max: int) -> Side:
    """Columns and rows of at most so many tiles, about as the picture is proportioned; none beyond its edges."""
    columns_max, rows_max = size[0] // TILE_SIDE, size[1] // TILE_SIDE
    columns = min(max(round((tiles_max * size[0] / size[1]) ** 0.5), 1), max(columns_max, 1), tiles_max)
    rows = min(max(tiles_max // columns, 1), max(rows_max, 1))
    return columns, rows


def _start(place: int, places: int, side: int) -> int:
    room = max(side - TILE_SIDE, 0)
    return room * (2 * place + 1) // (2 * places) // TILE_GRID * TILE_GRID


def _distance(output_format: str, number: int) -> float:
    """100 - score of the middle photograph; the curve is straight between its points and goes on beyond them."""
    points = CURVES[output_format]
    for (low, far), (high, near) in pairwise(points):
        if number <= high or high == points[-1][0]:
            return far + (near - far) * (number - low) / (high - low)
    raise AssertionError("a curve has at least two points")


def _number(output_format: str, distance: float) -> int:
    """The number at which the middle photograph is so far away, within NUMBERS."""
    points, (lowest, highest) = CURVES[output_format], NUMBERS[output_format]
    for (low, far), (high, near) in pairwise(points):
        if distance >= near or high == points[-1][0]:
            exact = low + (high - low) * (far - distance) / (far - near)
            return min(max(round(exact), lowest), highest)
    raise AssertionError("a curve has at least two points")
