"""Where the eye goes: a map of contrasts on a small copy of the picture. `gaze.py` chooses a window by it.

A map is the sum of four things, each of which alone misses what others see: how far a colour is from the picture's mean
(Achanta et al., frequency-tuned saliency, 2009), how far from its surroundings at two scales, how strong the edges are;
with a mild preference for the middle. It is kept in integers, so that every node chooses the same window. The copy has a
bounded number of pixels: looking costs the same for every picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

PROXY_SIDE = 128
Map = np.ndarray[Any, np.dtype[np.int64]]
"""0 to FULL, one number a pixel of the small copy."""
FULL = 1000
MEAN_SHARE, NEAR_SHARE, FAR_SHARE, EDGE_SHARE = 0.35, 0.15, 0.35, 0.15
NEAR_RADIUS, FAR_RADIUS = 4, 16
CENTRE_PULL = 0.6
SPREAD_RADIUS = 3
"""Things matter as a whole, not their outlines alone."""
"""How much less a corner counts than the middle."""
NOTHING = 0.02
"""Sums of contrasts below which a picture is flat, whatever rounding left of it."""
GROUND = (128, 128, 128)
NOISE = 4.0
"""Differences of colour, of 255, below which nothing is there to be seen."""
FAVOUR = 4 * FULL
"""What a pixel counts that somebody named, a face for one: more than anything that is merely bright."""
Share = tuple[float, float, float, float]
"""A box in shares of the picture."""


def saliency(image: Image.Image, favoured: Sequence[Share] = ()) -> Map:
    """How much each pixel of the small copy matters. `favoured`: boxes that matter most, whatever they look like."""
    colors, seen = _proxy(image)
    channels = _opponents(colors)
    parts = (
        (MEAN_SHARE, _distance(_blurred(channels, 1), channels.mean(axis=(0, 1)))),
        (NEAR_SHARE, _distance(channels, _blurred(channels, NEAR_RADIUS))),
        (FAR_SHARE, _distance(_blurred(channels, 1), _blurred(channels, FAR_RADIUS))),
        (EDGE_SHARE, _edges(channels)),
    )
    total = np.zeros(seen.shape)
    for share, part in parts:
        total += share * _normal(part)
    total = _blurred(total[..., None], SPREAD_RADIUS)[..., 0]
    total = np.clip(total - total.mean(), 0, None) * _centre(total.shape) * seen
    found: Map = np.floor(_normal(total, floor=NOTHING) * FULL + 0.5).astype(np.int64)
    height, width = found.shape
    for left, top, right, bottom in favoured:
        rows, columns = _span(top, bottom, height), _span(left, right, width)
        found[rows, columns] += FAVOUR
    return found


def _span(low: float, high: float, side: int) -> slice:
    first = min(max(round(low * side), 0), side - 1)
    return slice(first, max(round(high * side), first + 1))


def _proxy(image: Image.Image) -> tuple[Image.Image, np.ndarray]:
    """The small copy on grey, and how visible each of its pixels is."""
    factor = min(1.0, PROXY_SIDE / max(image.size))
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    small = image.resize(size, Image.Resampling.BOX)
    if small.mode != "RGBA":
        return small, np.ones((size[1], size[0]))
    ground = Image.new("RGB", size, GROUND)
    alpha = small.getchannel("A")
    ground.paste(small, mask=alpha)
    return ground, np.asarray(alpha, dtype=np.float64) / 255


def _opponents(colors: Image.Image) -> np.ndarray:
    """Lightness, red against green, blue against yellow."""
    rgb = np.asarray(colors, dtype=np.float64)
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    return np.stack(((red + green + blue) / 3, (red - green) / 2, (2 * blue - red - green) / 4), axis=-1)


def _blurred(channels: np.ndarray, radius: int) -> np.ndarray:
    """The mean of a square of 2 * radius + 1, cut at the picture's edges."""
    sums = np.pad(channels.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0), (0, 0)))
    height, width = channels.shape[:2]
    rows, columns = np.arange(height), np.arange(width)
    top, bottom = np.clip(rows - radius, 0, None), np.clip(rows + radius + 1, None, height)
    left, right = np.clip(columns - radius, 0, None), np.clip(columns + radius + 1, None, width)
    inner = sums[bottom][:, right] - sums[top][:, right] - sums[bottom][:, left] + sums[top][:, left]
    area = (bottom - top)[:, None] * (right - left)[None, :]
    return np.asarray(inner / area[..., None])


def _distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(((one - other) ** 2).sum(axis=-1)))


def _edges(channels: np.ndarray) -> np.ndarray:
    """The strength of gradients, spread over their neighbourhood."""
    across = np.abs(np.diff(channels, axis=1, append=channels[:, -1:])).sum(axis=-1)
    down = np.abs(np.diff(channels, axis=0, append=channels[-1:])).sum(axis=-1)
    return _blurred((across + down)[..., None], 2)[..., 0]


def _normal(part: np.ndarray, floor: float = NOISE) -> np.ndarray:
    """From 0 to 1; what is weaker than noise stays weak."""
    return np.asarray(part / max(float(part.max()), floor, 1e-9))


def _centre(shape: tuple[int, ...]) -> np.ndarray:
    height, width = shape
    down = ((np.arange(height) + 0.5) / height * 2 - 1) ** 2
    across = ((np.arange(width) + 0.5) / width * 2 - 1) ** 2
    return np.asarray(1 - CENTRE_PULL * (down[:, None] + across[None, :]) / 2)
