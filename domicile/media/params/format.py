"""The format of the answer.

    f = "jpg" / "jpeg" / "png" / "webp" / "avif" / "gif" / "auto"

`jpeg` is written back as `jpg`. Source: cloudinary-compat 3.4; what `auto` gives is decided in negotiate.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domicile.media.params.base import Malformed, Parameter

FORMATS = {name: name for name in ("jpg", "png", "webp", "avif", "gif", "auto")} | {"jpeg": "jpg"}


def _read(text: str) -> Mapping[str, Any]:
    if text not in FORMATS:
        raise Malformed
    return {"format": FORMATS[text]}


PARAMETERS = (Parameter(key="f", read=_read, write=lambda c: c.format),)
