"""Effects that draw around a picture: how much room they need, and where they draw. Pixels are made in imaging/steps/halo.py."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from domicile.media.errors import LimitExceeded
from domicile.media.geometry import Side
from domicile.media.transformation import Component, Pixels, Size

SHADOW, OUTLINE = "shadow", "outline"
AROUND = frozenset({SHADOW, OUTLINE})
SHADOW_OFFSET_PIXELS = 10
SHADOW_SIGMA_PIXELS = 4
OUTLINE_WIDTH_DEFAULT = 5
STRENGTH_PER_SIGMA_PIXEL = 50
"""As for `e_blur`."""
SIGMAS_OF_ROOM = 2
OUTLINE_WORK_MAX = 1_000_000_000
"""Pixels times width of an outline: what bounds the time it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Halo:
    """`left`, `top`, `right`, `bottom` are added to the picture, whose drawing is moved by `shift` and softened."""

    left: int
    top: int
    right: int
    bottom: int
    shift: tuple[int, int] = (0, 0)
    width: int = 0
    sigma: float = 0.0

    def around(self, size: Side) -> Side:
        return size[0] + self.left + self.right, size[1] + self.top + self.bottom


def halo_of(component: Component, size: Side, density: Fraction) -> Halo | None:
    """Of the component's effect, on a picture of that size. Raises LimitExceeded for an outline that takes too long."""
    effect = component.effect
    if effect is None or effect.name not in AROUND:
        return None
    if effect.name == SHADOW:
        return _shadow(component, size, density)
    width = round((effect.strength or OUTLINE_WIDTH_DEFAULT) * density) or 1
    if size[0] * size[1] * width > OUTLINE_WORK_MAX:
        raise LimitExceeded(f"Image is too large for an outline of {width} pixels")
    sigma = float((effect.blur or 0) * density / STRENGTH_PER_SIGMA_PIXEL)
    room = 0 if effect.mode == "inner" else width + math.ceil(SIGMAS_OF_ROOM * sigma)
    return Halo(left=room, top=room, right=room, bottom=room, width=width, sigma=sigma)


def _shadow(component: Component, size: Side, density: Fraction) -> Halo:
    x, y = _pixels(component.x, size[0], density), _pixels(component.y, size[1], density)
    sigma = float(SHADOW_SIGMA_PIXELS * density)
    room = math.ceil(SIGMAS_OF_ROOM * sigma)
    return Halo(
        left=max(0, room - x),
        top=max(0, room - y),
        right=max(0, room + x),
        bottom=max(0, room + y),
        shift=(x, y),
        sigma=sigma,
    )


def _pixels(offset: Size | None, side: int, density: Fraction) -> int:
    match offset:
        case None:
            return round(SHADOW_OFFSET_PIXELS * density)
        case Pixels(value):
            return round(value * density)
        case share:
            return round(share.value * side)
