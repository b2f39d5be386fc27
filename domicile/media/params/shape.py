"""Turning, mirroring and rounding.

    a     = turn *7("." turn)                  ; applied in order
    turn  = ["-"] integer / "hflip" / "vflip"             ; -360 to 360 degrees clockwise
          / "ignore" / "exif"                             ; about EXIF: as stored, or upright, which is the rule anyway
          / "auto_right" / "auto_left"                    ; a quarter turn before cropping, when that fits better
    r     = "max" / integer *3(":" integer)    ; CSS order and shorthand: all, or TL:TR:BR:BL

Degrees are written back as 0 to 359, radii in their shortest CSS form.
Not yet: `r_max` for single corners. Source: cloudinary-compat 3.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domicile.media.params.base import Malformed, Parameter, read_integer
from domicile.media.params.size import SIDE_MAX
from domicile.media.transformation import Component, Radii

TURNS_MAX = 8
DEGREES = 360
WORDS = frozenset({"hflip", "vflip", "ignore", "exif", "auto_right", "auto_left"})


def read_turn(text: str) -> int | str:
    if text in WORDS:
        return text
    sign = -1 if text.startswith("-") else 1
    return sign * read_integer(text.removeprefix("-"), low=0, high=DEGREES) % DEGREES


def read_radii(text: str) -> Radii:
    if text == "max":
        return Radii(is_max=True)
    match [read_integer(part, low=0, high=SIDE_MAX) for part in text.split(":", maxsplit=4)]:
        case [all_four]:
            return Radii((all_four, all_four, all_four, all_four))
        case [falling, rising]:
            return Radii((falling, rising, falling, rising))
        case [top_left, rising, bottom_right]:
            return Radii((top_left, rising, bottom_right, rising))
        case [top_left, top_right, bottom_right, bottom_left]:
            return Radii((top_left, top_right, bottom_right, bottom_left))
        case _:
            raise Malformed


def write_radii(radii: Radii) -> str:
    if radii.is_max:
        return "max"
    corners = list(radii.corners)
    if corners[3] == corners[1]:
        corners.pop()
        if corners[2] == corners[0]:
            corners.pop()
            if corners[1] == corners[0]:
                corners.pop()
    return ":".join(map(str, corners))


def _read_turns(text: str) -> Mapping[str, Any]:
    turns = text.split(".", maxsplit=TURNS_MAX)
    if len(turns) > TURNS_MAX:
        raise Malformed
    return {"angles": tuple(map(read_turn, turns))}


def _write_turns(component: Component) -> str | None:
    return ".".join(map(str, component.angles)) or None


def _read_radii(text: str) -> Mapping[str, Any]:
    return {"radii": read_radii(text)}


def _write_radii(component: Component) -> str | None:
    return None if component.radii is None else write_radii(component.radii)


PARAMETERS = (
    Parameter(key="a", read=_read_turns, write=_write_turns),
    Parameter(key="r", read=_read_radii, write=_write_radii),
)
