"""Rounded corners: how large each is on a picture of a size."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from domicile.media.geometry import Side
from domicile.media.transformation import Radii


@dataclass(frozen=True, slots=True)
class Corner:
    """The radii of one corner; different for an ellipse."""

    x: float
    y: float


Corners = tuple[Corner, Corner, Corner, Corner]
"""Top-left, top-right, bottom-right, bottom-left."""


def corners_of(radii: Radii | None, size: Side, density: Fraction) -> Corners | None:
    """CSS Backgrounds 3, 5.5: radii that would overlap shrink together."""
    width, height = size
    if radii is None:
        return None
    if radii.is_max:
        corner = Corner(width / 2, height / 2)
        return corner, corner, corner, corner
    top_left, top_right, bottom_right, bottom_left = (float(radius * density) for radius in radii.corners)
    if not (top_left or top_right or bottom_right or bottom_left):
        return None
    sums = (
        (width, top_left + top_right),
        (width, bottom_left + bottom_right),
        (height, top_left + bottom_left),
        (height, top_right + bottom_right),
    )
    factor = min([1.0, *(side / total for side, total in sums if total > 0)])
    a, b, c, d = (Corner(r * factor, r * factor) for r in (top_left, top_right, bottom_right, bottom_left))
    return a, b, c, d
