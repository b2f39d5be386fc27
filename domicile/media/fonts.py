"""Which families a text may ask for, and which of the shipped ones each is drawn with.

A family that is not shipped is drawn with one of its class: of the same widths where there is one (Arial, Times New
Roman, Courier New), of the nearest look otherwise. A name that is not in the table is refused: a wrong face is a wrong
picture. The files lie in `domicile/imaging/fonts/`, whose README names their sources and licences.
"""

from __future__ import annotations

ARIMO, TINOS, COUSINE = "Arimo", "Tinos", "Cousine"
ROBOTO, OPEN_SANS, MONTSERRAT, OSWALD = "Roboto", "Open Sans", "Montserrat", "Oswald"
SHIPPED = (ARIMO, TINOS, COUSINE, ROBOTO, OPEN_SANS, MONTSERRAT, OSWALD)

_DRAWN_WITH = {
    ARIMO: "Arial, Helvetica, Helvetica Neue, Liberation Sans, FreeSans, Nimbus Sans, sans-serif",
    TINOS: (
        "Times, Times New Roman, Liberation Serif, FreeSerif, Georgia, Garamond, Palatino, Book Antiqua, Cambria,"
        " Merriweather, Noto Serif, PT Serif, serif"
    ),
    COUSINE: (
        "Courier, Courier New, Liberation Mono, FreeMono, Consolas, Menlo, Monaco, Lucida Console, Roboto Mono,"
        " Source Code Pro, monospace"
    ),
    ROBOTO: "Inter, Segoe UI, system-ui",
    OPEN_SANS: (
        "Noto Sans, Droid Sans, Verdana, Tahoma, Trebuchet MS, Lucida Sans, Lucida Grande, Geneva, Calibri, Carlito,"
        " Lato, Source Sans Pro, PT Sans, Ubuntu"
    ),
    MONTSERRAT: "Poppins, Raleway, Nunito, Century Gothic, Futura, Avenir",
    OSWALD: "Impact, Anton, Bebas Neue, League Gothic",
}

FAMILIES: dict[str, str] = {
    name: shipped for shipped, names in _DRAWN_WITH.items() for name in (shipped, *names.split(", "))
}
"""Every family, as it is written back, and the shipped one that it is drawn with."""


def _key(name: str) -> str:
    return name.replace(" ", "").replace("-", "").lower()


_BY_KEY = {_key(name): name for name in FAMILIES}


def family_named(text: str) -> str | None:
    """The key of FAMILIES that is meant; case, spaces and hyphens do not count. None when there is none."""
    return _BY_KEY.get(_key(text))
