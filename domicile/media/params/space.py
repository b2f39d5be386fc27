"""Colour space of the answer.

    cs = "srgb" / "no_cmyk"

Every picture is converted to sRGB and none is written in CMYK: both words are understood, and are what happens anyway.
Not yet: `tinysrgb`, `cmyk`, `keep_cmyk`, profiles by name. Source: cloudinary-compat 3.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domicile.media.params.base import Malformed, Parameter

SPACES = frozenset({"srgb", "no_cmyk"})


def _read(text: str) -> Mapping[str, Any]:
    if text not in SPACES:
        raise Malformed
    return {"color_space": text}


PARAMETERS = (Parameter(key="cs", read=_read, write=lambda c: c.color_space),)
