"""How different a lossy copy looks: an estimate of SSIMULACRA2, from sums that are the same on every machine.

SSIMULACRA2 (Cloudinary and the JPEG XL project, 2022) compares structure and edges of two pictures in the XYB colours of
JPEG XL, at six sizes, each half of the one before; 108 means and norms are weighed and bent to a score: 90 is hardly to
be told from the original, 70 good, 50 middling. Nearly all of its weight lies on the sizes 1 to 1/8. Those are looked
at here, the larger ones not at every place, and weighed anew (`perceived_table.py`, fitted to the real
score by `python -m benchmarks.quality_fit`), at a few percent of the cost.

Determinism: the score decides which bytes are written, and two edges must write the same. Colours come from tables of
whole numbers, every step on arrays is a single IEEE operation, and what is summed was rounded to whole numbers first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from domicile.imaging.perceived_table import WEIGHTS

if TYPE_CHECKING:
    from PIL import Image

    Plane = np.ndarray[Any, np.dtype[np.float32]]

LEVELS = ((2, 4), (4, 2), (8, 1))
"""(how many times smaller, every how many pixels of that is looked at)."""
BAND_ROWS, BAND_EVERY, BAND_FIRST, BAND_STEP = 16, 64, 24, 2
"""At full size, lightness alone, in a band of so many rows of every so many, at every second column: the errors of text
and of stars are found nowhere else."""
SIDE_MIN = 64
"""Pixels; below, the smallest level has too few places to speak of."""
PARTS = 6
"""Of each level and colour: structure lost, edges added, edges lost; of each the mean and the norm of order 4."""
CHANNELS = 3
PARTS_IN_ALL = PARTS * (1 + CHANNELS * len(LEVELS))

RADIUS, SIGMA = 5, 1.5
WHOLE = 1 << 16
"""Steps of the tables."""
SUM_STEPS = float(1 << 44)
"""Errors are rounded to this fine a grid before they are summed: whole numbers of 64 bits hold the sum."""
ERROR_MAX = 2.0
"""Structure cannot be lost more thoroughly than turned into its opposite."""
CONTRAST = np.float32(0.0009)
MIX = ((307, 637, 80), (236, 708, 80), (249, 210, 565))
"""Light that the three kinds of cones see, of 1024 parts (from sRGB's primaries to JPEG XL's)."""
BIAS = 0.0037930732552754493
STRETCH, SHIFT_X, SHIFT_Y, SHIFT_B = 14.0, 0.42, 0.01, 0.55
"""SSIMULACRA2 moves XYB so that all values are positive and count alike."""
SCALE, BEND, POWER = (
    0.9562382616834844,
    (2.326765642916932, -0.020884521182843837, 6.248496625763138e-05),
    0.6276336467831387,
)


def _kernel() -> list[np.float32]:
    places = np.arange(-RADIUS, RADIUS + 1)
    values = np.exp(-0.5 * (places / SIGMA) ** 2)
    return [np.float32(round(value / values.sum() * WHOLE) / WHOLE) for value in values[: RADIUS + 1]]


def _light() -> np.ndarray[Any, np.dtype[np.int32]]:
    """8-bit sRGB -> linear light in steps of WHOLE - 1."""
    coded = np.arange(256) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.rint(linear * (WHOLE - 1)), dtype=np.int32)


def _response() -> Plane:
    """Light -> what the eye makes of it: a cube root, in whole steps."""
    light = np.arange(WHOLE) / (WHOLE - 1)
    return np.asarray(np.rint((np.cbrt(light + BIAS) - np.cbrt(BIAS)) * WHOLE) / WHOLE, dtype=np.float32)


KERNEL, LIGHT, RESPONSE = _kernel(), _light(), _response()


def bent(weighed: float) -> float:
    """SSIMULACRA2's own curve from a weighed sum of errors to a score; 100 for none."""
    scaled = SCALE * weighed
    risen = BEND[0] * scaled + BEND[1] * scaled**2 + BEND[2] * scaled**3
    return 100.0 - 10.0 * risen**POWER if risen > 0 else 100.0


def estimated(parts: Sequence[float], output_format: str) -> float:
    """What SSIMULACRA2 would say, by estimate."""
    return bent(sum(weight * part for weight, part in zip(WEIGHTS[output_format], parts, strict=True)))


@dataclass(frozen=True, slots=True)
class _Level:
    planes: Plane
    """X, Y and B, or Y alone, before all other axes."""
    blur: Callable[[Plane], Plane]
    """To the places that are looked at."""
    seen: Plane
    """The planes at those places."""
    mean: Plane
    square: Plane


def _level(planes: Plane, blur: Callable[[Plane], Plane], seen: Plane) -> _Level:
    return _Level(planes, blur, seen, blur(planes), blur(planes * planes))


class Reference:
    """A picture that copies are held against."""

    def __init__(self, picture: Image.Image) -> None:
        """`picture`: mode RGB, sides of at least SIDE_MIN."""
        self._levels = _levels(picture)

    def score(self, copy: Image.Image, output_format: str) -> float:
        """Of a picture of the same size and mode that was a file of `output_format`: each has errors of its own kind."""
        return estimated(self.parts(copy), output_format)

    def parts(self, copy: Image.Image) -> list[float]:
        """The errors, by level, colour and kind, in the order of WEIGHTS."""
        pairs = zip(self._levels, _levels(copy), strict=True)
        return [number for original, level in pairs for number in _compared(original, level)]


def _levels(picture: Image.Image) -> list[_Level]:
    levels = [_fine(picture)]
    for factor, step in LEVELS:
        planes = _xyb(np.asarray(picture.reduce(factor)))
        levels.append(_level(planes, partial(_blurred, step=step), planes[:, ::step, ::step]))
    return levels


def _fine(picture: Image.Image) -> _Level:
    """Lightness, (1, bands, rows, columns). Places whose surroundings stick out of a band are not looked at."""
    pixels = np.asarray(picture)
    bands = np.stack(
        [pixels[top : top + BAND_ROWS] for top in range(BAND_FIRST, len(pixels) - BAND_ROWS + 1, BAND_EVERY)]
    )
    long, middle = _responses(bands, MIX[:2])
    planes = ((long + middle) * np.float32(0.5) + np.float32(SHIFT_Y))[None]
    return _level(planes, _within, planes[..., RADIUS:-RADIUS, RADIUS:-RADIUS:BAND_STEP])


def _responses(pixels: np.ndarray[Any, np.dtype[np.uint8]], mix: Sequence[tuple[int, int, int]]) -> list[Plane]:
    light = LIGHT[pixels]
    red, green, blue = light[..., 0], light[..., 1], light[..., 2]
    return [RESPONSE[(r * red + g * green + b * blue) >> 10] for r, g, b in mix]


def _xyb(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> Plane:
    seen = _responses(pixels, MIX)
    out = np.empty((CHANNELS, *pixels.shape[:2]), dtype=np.float32)
    half = np.float32(0.5)
    out[1] = (seen[0] + seen[1]) * half
    out[0] = (seen[0] - seen[1]) * np.float32(STRETCH / 2) + np.float32(SHIFT_X)
    out[2] = seen[2] - out[1] + np.float32(SHIFT_B)
    out[1] += np.float32(SHIFT_Y)
    return out


def _blurred(planes: Plane, step: int) -> Plane:
    """A Gaussian mean around every `step`-th place; the picture is mirrored at its edges."""
    height, width = planes.shape[1:]
    around = np.pad(planes, ((0, 0), (RADIUS, RADIUS), (RADIUS, RADIUS)), mode="symmetric")
    down = around[:, RADIUS : RADIUS + height : step] * KERNEL[RADIUS]
    for place in range(RADIUS):
        mirror = 2 * RADIUS - place
        down += (around[:, place : place + height : step] + around[:, mirror : mirror + height : step]) * KERNEL[place]
    across = down[:, :, RADIUS : RADIUS + width : step] * KERNEL[RADIUS]
    for place in range(RADIUS):
        mirror = 2 * RADIUS - place
        across += (down[..., place : place + width : step] + down[..., mirror : mirror + width : step]) * KERNEL[place]
    return across


def _within(planes: Plane) -> Plane:
    """A Gaussian mean around every place that has all of its surroundings, at every BAND_STEP-th column."""
    rows, columns = planes.shape[-2] - 2 * RADIUS, planes.shape[-1] - 2 * RADIUS
    down = planes[..., RADIUS : RADIUS + rows, :] * KERNEL[RADIUS]
    for place in range(RADIUS):
        mirror = 2 * RADIUS - place
        down += (planes[..., place : place + rows, :] + planes[..., mirror : mirror + rows, :]) * KERNEL[place]
    across = down[..., RADIUS : RADIUS + columns : BAND_STEP] * KERNEL[RADIUS]
    for place in range(RADIUS):
        mirror = 2 * RADIUS - place
        one, other = down[..., place : place + columns : BAND_STEP], down[..., mirror : mirror + columns : BAND_STEP]
        across += (one + other) * KERNEL[place]
    return across


def _compared(original: _Level, copy: _Level) -> list[float]:
    cross = original.blur(original.planes * copy.planes)
    one, two = np.float32(1), np.float32(2)
    apart = original.mean - copy.mean
    shared = two * (cross - original.mean * copy.mean) + CONTRAST
    own = (original.square - original.mean * original.mean) + (copy.square - copy.mean * copy.mean) + CONTRAST
    structure = np.maximum(one - (one - apart * apart) * shared / own, 0)
    edges = (one + np.abs(copy.seen - copy.mean)) / (one + np.abs(original.seen - original.mean)) - one
    kinds = (structure, np.maximum(edges, 0), np.maximum(-edges, 0))
    return [number for channel in range(len(cross)) for kind in kinds for number in _pooled(kind[channel])]


def _pooled(errors: Plane) -> tuple[float, float]:
    """Mean, and norm of order 4."""
    wide = np.minimum(errors.astype(np.float64), ERROR_MAX)
    squares = wide * wide
    return _mean(wide), _mean(squares * squares) ** 0.25


def _mean(values: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Whole numbers are summed, so that the order of the sum does not matter."""
    return int(np.rint(values * SUM_STEPS).astype(np.int64).sum()) / SUM_STEPS / values.size
