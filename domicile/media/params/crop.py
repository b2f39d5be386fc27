"""How the box is filled, and which part of the picture matters.

    c = "scale" / "fit" / "limit" / "mfit" / "fill" / "lfill" / "pad" / "lpad" / "crop" / "thumb"
    g = "face" / "faces" / "face:center" / "faces:center"
      / "center" / "north" / "north_east" / "east" / "south_east" / "south" / "south_west" / "west" / "north_west"

Not yet: `c_auto`, `c_mpad`, `c_fill_pad`; `g_auto`, `g_face:auto`, `g_custom`, `g_xy_center`. Source: cloudinary-compat 3.2, 3.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from domicile.media.params.base import Malformed, Parameter
from domicile.media.transformation import Crop, Gravity

Word = TypeVar("Word", bound=StrEnum)


def _word(words: type[Word], text: str) -> Word:
    try:
        return words(text)
    except ValueError:
        raise Malformed from None


def _crop(text: str) -> Mapping[str, Any]:
    return {"crop": _word(Crop, text)}


def _gravity(text: str) -> Mapping[str, Any]:
    return {"gravity": _word(Gravity, text)}


PARAMETERS = (
    Parameter(key="c", read=_crop, write=lambda c: c.crop),
    Parameter(key="g", read=_gravity, write=lambda c: c.gravity),
)
