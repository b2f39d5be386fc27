"""How near a crop by faces comes.

    z = integer / decimal                              ; 0.1 to 10, two places; 1 shows a face as it is usually shown

Written back with a decimal point. Source: cloudinary-compat 3.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domicile.media.params.base import Malformed, Parameter, read_decimal, read_integer, write_decimal
from domicile.media.transformation import Component

ZOOM_MIN, ZOOM_MAX = 0.1, 10.0
ZOOM_PLACES = 2


def read_zoom(text: str) -> float:
    zoom = (
        read_decimal(text, places=ZOOM_PLACES) if "." in text else float(read_integer(text, low=1, high=int(ZOOM_MAX)))
    )
    if not ZOOM_MIN <= zoom <= ZOOM_MAX:
        raise Malformed
    return zoom


def _read(text: str) -> Mapping[str, Any]:
    return {"zoom": read_zoom(text)}


def _write(component: Component) -> str | None:
    return None if component.zoom is None else write_decimal(component.zoom, places=ZOOM_PLACES)


PARAMETERS = (Parameter(key="z", read=_read, write=_write),)
