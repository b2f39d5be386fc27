"""Which page of a document, or which frame of an animation, is shown as a still.

    pg = integer                                        ; 1 to 10000; the first is 1

Not yet: ranges, several pages, layers by name. Source: cloudinary-compat 3.4.
"""

from __future__ import annotations

from domicile.media.params.base import Parameter, read_integer
from domicile.media.transformation import Component

PAGE_MAX = 10_000
"""Syntax only; what is there decides."""


def _write(component: Component) -> str | None:
    return None if component.page is None else str(component.page)


PARAMETERS = (Parameter(key="pg", read=lambda text: {"page": read_integer(text, low=1, high=PAGE_MAX)}, write=_write),)
