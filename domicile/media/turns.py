"""Angles: which turns and flips a component asks for, and the size after each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from domicile.media.errors import BadTransformation
from domicile.media.geometry import Side, rounded
from domicile.media.transformation import Component


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
        elif angle != "ignore":
            raise BadTransformation.component(f"a_{angle}")
    return tuple(turns)


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
