"""Compression quality.

    q = (level / auto) [":" chroma]
    level  = integer                                    ; 1 to 100
    auto   = "auto" [":" ("best" / "good" / "eco" / "low")]
    chroma = "420" / "444"

`q_auto` and `q_auto:good` are one request. Not yet: `:sensitive`. Source: cloudinary-compat 3.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domicile.media.params.base import Malformed, Parameter, read_integer
from domicile.media.transformation import Component, Quality

LEVEL_MAX = 100
AUTO_DEFAULT = "good"
AUTO = frozenset({"best", AUTO_DEFAULT, "eco", "low"})
SENSITIVE = "sensitive"
CHROMA = frozenset({"420", "444"})


def read_quality(text: str) -> Quality:
    parts = text.split(":")
    chroma = parts.pop() if len(parts) > 1 and parts[-1] in CHROMA else ""
    is_sensitive = len(parts) > 1 and parts[0] == "auto" and parts[-1] == SENSITIVE
    if is_sensitive:
        parts.pop()
    match parts:
        case ["auto"]:
            return Quality(None, AUTO_DEFAULT, chroma, is_sensitive)
        case ["auto", name] if name in AUTO:
            return Quality(None, name, chroma, is_sensitive)
        case [level]:
            return Quality(read_integer(level, low=1, high=LEVEL_MAX), "", chroma)
        case _:
            raise Malformed


def write_quality(quality: Quality) -> str:
    if quality.level is not None:
        text = str(quality.level)
    else:
        text = "auto" if quality.auto == AUTO_DEFAULT else f"auto:{quality.auto}"
        text += f":{SENSITIVE}" if quality.is_sensitive else ""
    return f"{text}:{quality.chroma}" if quality.chroma else text


def _read(text: str) -> Mapping[str, Any]:
    return {"quality": read_quality(text)}


def _write(component: Component) -> str | None:
    return None if component.quality is None else write_quality(component.quality)


PARAMETERS = (Parameter(key="q", read=_read, write=_write),)
