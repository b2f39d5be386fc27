"""Colour space of the answer.

    cs = "srgb" / "no_cmyk" / "tinysrgb" / "cmyk" / "keep_cmyk"

Every picture is converted to sRGB and none is written in CMYK: the first two words are what happens anyway. `tinysrgb`
says so in the file, by a small profile, where the format is JPEG, PNG or WebP. `cmyk` writes a JPEG in CMYK, by arithmetic and
without a profile; `keep_cmyk` does so with an original in CMYK. Profiles by name are refused. Source: cloudinary-compat 3.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domicile.media.params.base import Malformed, Parameter

TINY, CMYK, KEEP_CMYK = "tinysrgb", "cmyk", "keep_cmyk"
SPACES = frozenset({"srgb", "no_cmyk", TINY, CMYK, KEEP_CMYK})


def _read(text: str) -> Mapping[str, Any]:
    if text not in SPACES:
        raise Malformed
    return {"color_space": text}


PARAMETERS = (Parameter(key="cs", read=_read, write=lambda c: c.color_space),)
