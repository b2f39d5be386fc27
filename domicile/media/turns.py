"""Angles: which turns and flips a component asks for, and the size after each."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

from domicile.media.errors import BadTransformation
from domicile.media.geometry import Side, rounded
from domicile.media.transformation import Component, Pixels, Size

ABOUT_EXIF = frozenset({"ignore", "exif"})
QUARTERS = {"auto_right": 90, "auto_left": 270}
"""Turns that are made before cropping, when the picture then fits better what is asked for."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn or flip, and the size after it. `name` is "hflip", "vflip" or "rotate"; degrees are clockwise."""

    name: str
    degrees: int
    size: Side


def turns_of(component: Component, size: Side) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    for angle in component.angles:
        if isinstance(angle, int):
            degrees = angle % 360
            if degrees == 0:
                continue
            size = rotated_size(size, degrees)
            turns.append(Turn("rotate", degrees, size))
        elif angle in {"hflip", "vflip"}:
            turns.append(Turn(angle, 0, size))
        elif angle not in ABOUT_EXIF:
            raise BadTransformation.component(f"a_{angle}")
    return tuple(turns)


def turned_first(component: Component, source: Side) -> tuple[Component, ...]:
    """The component without its automatic turns, after a component that makes those that are due.

    A turn is due when the picture is wider than high and the box is not, or the other way round. Raises BadTransformation
    when nothing says how wide the result is to be.
    """
    asked = [angle for angle in component.angles if angle in QUARTERS]
    if not asked:
        return (component,)
    rest = replace(component, angles=tuple(angle for angle in component.angles if angle not in QUARTERS))
    ratio = _asked_ratio(component, source)
    if ratio is None:
        raise BadTransformation.component(f"a_{asked[0]} (needs a width and a height, or an aspect ratio)")
    if not (source[0] > source[1] and ratio < 1) and not (source[0] < source[1] and ratio > 1):
        return (rest,)
    return Component(angles=(QUARTERS[str(asked[-1])],)), rest


def _asked_ratio(component: Component, source: Side) -> float | None:
    if component.width is not None and component.height is not None:
        return _pixels(component.width, source[0]) / _pixels(component.height, source[1])
    return component.aspect


def _pixels(size: Size, side: int) -> float:
    return size.value if isinstance(size, Pixels) else size.value * side


def rotated_size(size: Side, degrees: int) -> Side:
    """The canvas that holds the turned picture."""
    if degrees % 180 == 0:
        return size
    if degrees % 90 == 0:
        return size[1], size[0]
    cosine, sine = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
    return (
        rounded(Fraction(size[0] * cosine + size[1] * sine)),
        rounded(Fraction(size[0] * sine + size[1] * cosine)),
    )
