"""Which families a text may ask for, and which of the shipped faces each is drawn with.

A family that is not shipped is drawn with one of its class: the same metrics where there is one, the nearest look
otherwise. A name that is not in the table is refused: a wrong face is a wrong picture. The files lie in
`domicile/imaging/fonts/`, which has their sources and licences.
"""

from __future__ import annotations

SANS, SERIF, MONO, ROBOTO, OPEN = "Liberation Sans", "Liberation Serif", "Liberation Mono", "Roboto", "Open Sans"
SHIPPED = (SANS, SERIF, MONO, ROBOTO, OPEN)

_DRAWN_WITH = {
    SANS: "Arial, Helvetica, Helvetica Neue, Liberation Sans, Arimo, FreeSans, Nimbus Sans, sans-serif",
    SERIF: (
        "Times, Times New Roman, Liberation Serif, Tinos, FreeSerif, Georgia, Garamond, Palatino, Book Antiqua,"
        " Cambria, serif"
    ),
    MONO: "Courier, Courier New, Liberation Mono, Cousine, FreeMono, Consolas, Menlo, Monaco, Lucida Console, monospace",
    ROBOTO: "Roboto, Inter, San Francisco, Segoe UI, system-ui",
    OPEN: (
        "Open Sans, Noto Sans, Droid Sans, Verdana, Tahoma, Trebuchet MS, Lucida Sans, Lucida Grande, Geneva, Calibri,"
        " Source Sans Pro, Ubuntu"
    ),
}

FAMILIES: dict[str, str] = {
    name: shipped for shipped, names in _DRAWN_WITH.items() for name in sorted(names.split(", "))
}
"""Every family, as it is written back, and the shipped one that it is drawn with."""

_BY_KEY = {name.replace(" ", "").lower(): name for name in FAMILIES}


def family_named(text: str) -> str | None:
    """The family of FAMILIES that is meant; case, spaces and hyphens do not count. None when there is none."""
    return _BY_KEY.get(text.replace(" ", "").replace("-", "").lower()) or _BY_KEY.get(text.replace(" ", "").lower())
