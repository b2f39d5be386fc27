"""How the box is filled, and which part of the picture matters.

    c = "scale" / "fit" / "limit" / "mfit" / "fill" / "lfill" / "pad" / "lpad" / "mpad" / "crop" / "thumb"
      / "fill_pad" / "auto" / "auto_pad"
    g = "center" / "north" / "north_east" / "east" / "south_east" / "south" / "south_west" / "west" / "north_west"
      / ("face" / "faces") [":center" / ":auto"] / "custom" [":face" / ":faces"]
      / "xy_center" / "auto" [":" ("subject" / "classic")] [":" focal] [":" aggressiveness] [":thirds_0"]
    focal          = "faces" / "face" / "none" / "custom_no_override"
    aggressiveness = integer                            ; 0 to 100

There is one way of looking, it favours faces unless told otherwise, and it does not place by thirds: words that say so
are understood and not written back. Not yet: other focal points. Source: cloudinary-compat 3.2, 3.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from domicile.media.params.base import Malformed, Parameter, read_integer
from domicile.media.transformation import Component, Crop, Focal, Gravity

AGGRESSIVENESS_MAX = 100
ALGORITHMS = frozenset({"subject", "classic"})
NO_THIRDS = "thirds_0"
DEFAULT_FOCAL = "faces"
FOCAL_WORDS = frozenset({DEFAULT_FOCAL, *Focal})
AUTO_PARTS_MAX = 4
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
    focal, aggressiveness = None, None
    if parts and parts[0] in FOCAL_WORDS:
        word = parts.pop(0)
        focal = None if word == DEFAULT_FOCAL else Focal(word)
    if parts and parts[0] != NO_THIRDS:
        aggressiveness = read_integer(parts.pop(0), low=0, high=AGGRESSIVENESS_MAX)
    if parts not in ([], [NO_THIRDS]):
        raise Malformed
    return {"gravity": Gravity.AUTO, "focal": focal, "aggressiveness": aggressiveness}


def _write_gravity(component: Component) -> str | None:
    if component.gravity is None:
        return None
    words = (component.gravity, component.focal, component.aggressiveness)
    return ":".join(str(word) for word in words if word is not None)


PARAMETERS = (
    Parameter(key="c", read=_crop, write=lambda c: c.crop),
    Parameter(key="g", read=_gravity, write=_write_gravity),
)
