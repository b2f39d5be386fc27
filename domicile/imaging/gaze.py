"""Which window of a picture to show: the one that holds most of what matters, and holds it away from its edges.

What is favoured goes before that: it is held whole where it fits, and as much of it as fits where it does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from domicile.imaging.saliency import Map
from domicile.media.geometry import Box, Side, WholeBox, area
from domicile.media.look import Look

KEPT_CLOSER = 0.90
"""A closer window must keep that much of what the widest one shows."""
KEPT_UNPADDED = 0.65
"""A crop that keeps less of the whole is a bad one: `fill_pad` then pads."""
STEPS_CLOSER = 8
CORE = 2
"""A window's middle, half as wide and as high, counts once more: things are shown with room around them."""
MARGIN = 0.25
"""Of a favoured box's sides, added where there is room for it: a face is boxed from brow to chin."""
Array = np.ndarray[Any, np.dtype[np.int64]]
Sums = Array


def best_box(found: Map, seen: Side, look: Look) -> WholeBox | None:
    """The box, in pixels of the picture of size `seen`, to show in `look.size`; None when padding is better."""
    sums = np.pad(found.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    box = _best(sums, seen, look.reach, look.favoured)
    widest, held = _inside(sums, seen, box), _held(box, look.favoured)
    is_bad = widest < KEPT_UNPADDED * int(sums[-1, -1]) or held < sum(map(area, look.favoured))
    if look.ground is not None and is_bad:
        return None
    for step in range(STEPS_CLOSER, 0, -1):
        closer = _between(look.size, look.reach, step)
        if closer == look.reach:
            continue
        candidate = _best(sums, seen, closer, look.favoured)
        if _held(candidate, look.favoured) < held:
            continue
        if widest and _inside(sums, seen, candidate) >= KEPT_CLOSER * widest:
            return candidate
    return box


def _held(window: WholeBox, favoured: Sequence[Box]) -> float:
    """The area of the favoured boxes that lie inside."""
    left, top, right, bottom = window
    whole = (box for box in favoured if left <= box[0] and top <= box[1] and box[2] <= right and box[3] <= bottom)
    return sum(map(area, whole))


def _between(size: Side, reach: Side, step: int) -> Side:
    """At STEPS_CLOSER the closest, at 0 the widest."""
    width, height = (
        (low * step + high * (STEPS_CLOSER - step)) // STEPS_CLOSER for low, high in zip(size, reach, strict=True)
    )
    return width, height


def _best(sums: Sums, seen: Side, size: Side, favoured: Sequence[Box]) -> WholeBox:
    """The window of that size that holds most of what is favoured; of those the one with the highest score, and of equals
    the one nearest to the middle of the picture.
    """
    scale_x, scale_y = (sums.shape[1] - 1) / seen[0], (sums.shape[0] - 1) / seen[1]
    lefts = _places(seen[0] - size[0], scale_x, [(box[0], box[2]) for box in favoured], size[0])
    tops = _places(seen[1] - size[1], scale_y, [(box[1], box[3]) for box in favoured], size[1])
    score = _box_sums(sums, lefts * scale_x, tops * scale_y, size[0] * scale_x, size[1] * scale_y)
    inset_x, inset_y = size[0] * (1 - 1 / CORE) / 2, size[1] * (1 - 1 / CORE) / 2
    score = score + _box_sums(
        sums,
        (lefts + inset_x) * scale_x,
        (tops + inset_y) * scale_y,
        size[0] * scale_x / CORE,
        size[1] * scale_y / CORE,
    )
    held, roomy = (_held_at(lefts, tops, size, favoured, margin) for margin in (0, MARGIN))
    middle = (seen[0] - size[0]) / 2, (seen[1] - size[1]) / 2
    away = np.abs(tops - middle[1])[:, None] + np.abs(lefts - middle[0])[None, :]
    best = np.lexsort((away.ravel(), -score.ravel(), -roomy.ravel(), -held.ravel()))[0]
    left, top = int(lefts[best % len(lefts)]), int(tops[best // len(lefts)])
    return left, top, left + size[0], top + size[1]


def _held_at(lefts: Array, tops: Array, size: Side, favoured: Sequence[Box], margin: float) -> np.ndarray:
    """The area of the favoured boxes, with a margin around them, that windows at all of those places hold."""
    held = np.zeros((len(tops), len(lefts)))
    for box in favoured:
        x, y = (box[2] - box[0]) * margin, (box[3] - box[1]) * margin
        across = (lefts <= box[0] - x) & (box[2] + x <= lefts + size[0])
        down = (tops <= box[1] - y) & (box[3] + y <= tops + size[1])
        held += area(box) * (down[:, None] & across[None, :])
    return held


def _places(free: int, scale: float, spans: Sequence[tuple[float, float]], side: int) -> Array:
    """Where a window of that side may begin: steps of a pixel of the map, flush with the far edge, and wherever a
    favoured span begins or ends with it.
    """
    count = max(1, min(free, int(free * scale)) + 1) if free else 1
    steps = np.floor(np.linspace(0, free, count) + 0.5).astype(np.int64)
    flush = [place for low, high in spans for place in (math.floor(low), math.ceil(high) - side)]
    places = {min(max(place, 0), free) for place in (*steps.tolist(), *flush)}
    return np.array(sorted(places), np.int64)


def _box_sums(sums: Sums, lefts: np.ndarray, tops: np.ndarray, width: float, height: float) -> Sums:
    """The sums of boxes at all of those places, in whole pixels of the map."""
    first_x, last_x = _rounded(lefts, sums.shape[1] - 1), _rounded(lefts + width, sums.shape[1] - 1)
    first_y, last_y = _rounded(tops, sums.shape[0] - 1), _rounded(tops + height, sums.shape[0] - 1)
    inner = sums[last_y][:, last_x] - sums[first_y][:, last_x] - sums[last_y][:, first_x] + sums[first_y][:, first_x]
    return np.asarray(inner)


def _rounded(values: np.ndarray, most: int) -> np.ndarray:
    return np.clip(np.floor(values + 0.5).astype(np.int64), 0, most)


def _inside(sums: Sums, seen: Side, box: WholeBox) -> int:
    scale_x, scale_y = (sums.shape[1] - 1) / seen[0], (sums.shape[0] - 1) / seen[1]
    left, top = np.array([box[0] * scale_x]), np.array([box[1] * scale_y])
    found = _box_sums(sums, left, top, (box[2] - box[0]) * scale_x, (box[3] - box[1]) * scale_y)
    return int(found[0, 0])
