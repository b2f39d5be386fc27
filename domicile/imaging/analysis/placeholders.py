"""Placeholders of a few bytes, that browsers paint before the picture is there: BlurHash and ThumbHash.

Both are sums of cosines, written small. BlurHash (blurha.sh): text in base 83, mean colour and 4 x 3 components in linear
light, without transparency. ThumbHash (evanw.github.io/thumbhash): at most 25 bytes, here in base64, with proportions and
transparency. Both are told as their authors publish them.
"""

from __future__ import annotations

import base64
import math

import numpy as np
from PIL import Image

from domicile.imaging.analysis.phash import opaque

DECIMALS = 9
SIDE = 64
"""Of the copy that is summed up, for both: neither keeps more detail."""
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
LONG, SHORT = 4, 3
"""Components of a BlurHash along the longer and the shorter side."""
LUMA_CELLS, LUMA_CELLS_BESIDE_ALPHA, ALPHA_CELLS, CHROMA_CELLS = 7, 5, 5, 3


def blurhash_of(picture: Image.Image) -> str:
    """4 x 3 components, or 3 x 4 of an upright picture."""
    small = _small(opaque(picture).convert("RGB"))
    across, down = (LONG, SHORT) if small.width >= small.height else (SHORT, LONG)
    linear = _linear(np.asarray(small, dtype=np.float64) / 255)
    columns, rows = _basis(across, small.width, at=0.0), _basis(down, small.height, at=0.0)
    factors = [
        (linear * (rows[y][:, None] * columns[x][None, :])[..., None]).mean(axis=(0, 1)) * (1 if x == y == 0 else 2)
        for y in range(down)
        for x in range(across)
    ]
    mean, rest = factors[0], factors[1:]
    most = max(float(np.abs(factor).max()) for factor in rest)
    scale = max(0, min(82, math.floor(most * 166 - 0.5)))
    largest = (scale + 1) / 166
    text = _digits((across - 1) + (down - 1) * 9, 1) + _digits(scale, 1)
    red, green, blue = (_coded(float(value)) for value in mean)
    text += _digits((red << 16) + (green << 8) + blue, 4)
    for factor in rest:
        red, green, blue = (_step(float(value) / largest) for value in factor)
        text += _digits(red * 19 * 19 + green * 19 + blue, 2)
    return text


def thumbhash_of(picture: Image.Image) -> str:
    """Base64 of the hash."""
    small = _small(picture).convert("RGBA")
    width, height = small.size
    pixels = np.asarray(small, dtype=np.float64) / 255
    alpha = pixels[..., 3]
    weight = float(alpha.sum())
    mean = (pixels[..., :3] * alpha[..., None]).sum(axis=(0, 1)) / weight if weight else np.zeros(3)
    colors = mean * (1 - alpha[..., None]) + pixels[..., :3] * alpha[..., None]
    red, green, blue = colors[..., 0], colors[..., 1], colors[..., 2]
    has_alpha = weight < width * height
    cells = LUMA_CELLS_BESIDE_ALPHA if has_alpha else LUMA_CELLS
    across, down = (max(1, _half_up(cells * side / max(width, height))) for side in (width, height))
    luma = _channel((red + green + blue) / 3, max(3, across), max(3, down))
    yellow = _channel((red + green) / 2 - blue, CHROMA_CELLS, CHROMA_CELLS)
    crimson = _channel(red - green, CHROMA_CELLS, CHROMA_CELLS)
    is_wide = width > height
    head = _half_up(63 * luma[0]) | _half_up(31.5 + 31.5 * yellow[0]) << 6 | _half_up(31.5 + 31.5 * crimson[0]) << 12
    head |= _half_up(31 * luma[2]) << 18 | has_alpha << 23
    tail = (
        (down if is_wide else across) | _half_up(63 * yellow[2]) << 3 | _half_up(63 * crimson[2]) << 9 | is_wide << 15
    )
    body = [*head.to_bytes(3, "little"), *tail.to_bytes(2, "little")]
    parts = [luma, yellow, crimson]
    if has_alpha:
        seen = _channel(alpha, ALPHA_CELLS, ALPHA_CELLS)
        body.append(_half_up(15 * seen[0]) | _half_up(15 * seen[2]) << 4)
        parts.append(seen)
    nibbles = [_half_up(15 * value) for part in parts for value in part[1]]
    nibbles += [0] * (len(nibbles) % 2)
    body += [low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True)]
    return base64.b64encode(bytes(body)).decode("ascii")


def _channel(values: np.ndarray, across: int, down: int) -> tuple[float, list[float], float]:
    """Mean, the other components from 0 to 1 (a triangle of them, row by row), and their scale."""
    rows, columns = _basis(down, values.shape[0]), _basis(across, values.shape[1])
    mean, others = 0.0, list[float]()
    for y in range(down):
        for x in range(across):
            if x * down >= across * (down - y):
                break
            found = float((values * rows[y][:, None] * columns[x][None, :]).mean())
            if x or y:
                others.append(found)
            else:
                mean = found
    scale = max(map(abs, others), default=0.0)
    return mean, [0.5 + 0.5 / scale * other if scale else 0.0 for other in others], scale


def _small(picture: Image.Image) -> Image.Image:
    factor = min(1.0, SIDE / max(picture.size))
    size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
    return picture.resize(size, Image.Resampling.BOX)


def _basis(count: int, side: int, at: float = 0.5) -> list[np.ndarray]:
    """Cosines over pixels; `at` is the place inside each: its middle for a ThumbHash, its edge for a BlurHash."""
    places = (np.arange(side) + at) / side
    return [np.cos(np.pi * number * places) for number in range(count)]


def _linear(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _coded(value: float) -> int:
    value = min(max(value, 0.0), 1.0)
    coded = value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return math.floor(coded * 255 + 0.5)


def _step(value: float) -> int:
    """The sign-preserving root, in 19 steps."""
    return max(0, min(18, math.floor(math.copysign(abs(value) ** 0.5, value) * 9 + 9.5)))


def _half_up(value: float) -> int:
    """Halves are halves, whatever the last bits of a sum say."""
    return math.floor(round(value, DECIMALS) + 0.5)


def _digits(number: int, length: int) -> str:
    return "".join(DIGITS[number // 83**place % 83] for place in reversed(range(length)))
