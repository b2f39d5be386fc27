"""How finely the pages of a document are drawn.

    dn = integer                                        ; 50 to 300 pixels an inch; 150 where nothing is said

Pictures that have pixels of their own, and drawings, which have a size, are not changed by it. Source: cloudinary-compat 3.4.
"""

from __future__ import annotations

from domicile.media.params.base import Parameter, read_integer
from domicile.media.transformation import Component

DENSITY, DENSITY_MIN, DENSITY_MAX = 150, 50, 300


def _write(component: Component) -> str | None:
    return None if component.density is None else str(component.density)


PARAMETERS = (
    Parameter(
        key="dn",
        read=lambda text: {"density": read_integer(text, low=DENSITY_MIN, high=DENSITY_MAX)},
        write=_write,
    ),
)
