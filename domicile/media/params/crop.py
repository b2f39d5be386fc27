"""How the box is filled, and which part of the picture matters.

    c = "scale" / "fit" / "limit" / "mfit" / "fill" / "lfill" / "pad" / "lpad" / "mpad" / "crop" / "thumb"
      / "fill_pad" / "auto" / "auto_pad"
    g = "center" / "north" / "north_east" / "east" / "south_east" / "south" / "south_west" / "west" / "north_west"
      / "face" / "faces" / "face:center" / "faces:center"
      / "xy_center" / "auto" [":" ("subject" / "classic")] [":" aggressiveness] [":thirds_0"]
    aggressiveness = integer                            ; 0 to 100

There is one way of looking, and it does not place by thirds: those words are understood and not written back.
Not yet: `g_face:auto`, `g_custom`, other focal points of `g_auto`. Source: cloudinary-compat 3.2, 3.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from domicile.media.params.base import Malformed, Parameter, read_integer
from domicile.media.transformation import Component, Crop, Gravity

AGGRESSIVENESS_MAX = 100
ALGORITHMS = frozenset({"subject", "classic"})
NO_THIRDS = "thirds_0"
AUTO_PARTS_MAX = 3
Word = TypeVar("Word", bound=StrEnum)


def _word(words: type[Word], text: str) -> Word:
    try:
        return words(text)
    except ValueError:
        raise Malformed from None


def _crop(text: str) -> Mapping[str, Any]:
    return {"crop": _word(Crop, text)}


def _gravity(text: str) -> Mapping[str, Any]:
    name, _, rest = text.partition(":")
    if name != Gravity.AUTO or not rest:
        return {"gravity": _word(Gravity, text)}
    parts = rest.split(":", maxsplit=AUTO_PARTS_MAX)
    if parts[0] in ALGORITHMS:
        parts.pop(0)
    aggressiveness = None
    if parts and parts[0] != NO_THIRDS:
        aggressiveness = read_integer(parts.pop(0), low=0, high=AGGRESSIVENESS_MAX)
    if parts not in ([], [NO_THIRDS]):
        raise Malformed
    return {"gravity": Gravity.AUTO, "aggressiveness": aggressiveness}


def _write_gravity(component: Component) -> str | None:
    if component.gravity is None or component.aggressiveness is None:
        return component.gravity
    return f"{component.gravity}:{component.aggressiveness}"


PARAMETERS = (
    Parameter(key="c", read=_crop, write=lambda c: c.crop),
    Parameter(key="g", read=_gravity, write=_write_gravity),
)
