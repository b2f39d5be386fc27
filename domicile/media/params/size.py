"""Sizes, offsets, aspect ratio and device pixel ratio.

    w = h = size           size   = integer / decimal           ; 1.. pixels, or a share of the side
    x = y = offset         offset = ["-"] (integer / decimal)
    ar    = integer ":" integer / decimal                       ; written back as the reduced fraction
    dpr   = integer / decimal                                   ; 0.1 to 10; multiplies the whole chain's pixel sizes

`w_auto` and `dpr_auto` (hinted.py), names and arithmetic (program.py) are put in before. Source: cloudinary-compat 3.2 and 3.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from domicile.media.params.base import (
    INTEGER,
    Malformed,
    Parameter,
    read_decimal,
    read_integer,
    write_decimal,
)
from domicile.media.params.hinted import write_widths
from domicile.media.transformation import Component, Pixels, Share, Size

SIDE_MAX = 100_000
"""Syntax only; what may be rendered is the imaging side's `output_side_max`. `c_limit,w_50000` is a fair request."""
SHARE_MAX = 100.0
SHARE_PLACES = 6
ASPECT_MAX = 1000
ASPECT_DENOMINATOR_MAX = 10_000
"""Wide enough for pixel sizes as ratios; small enough that a float names exactly one fraction."""
DPR_MIN = 0.1
DPR_MAX = 10.0
DPR_PLACES = 4


def read_size(text: str) -> Size:
    """A side's length; zero is not one, nor what rounds to zero."""
    if "." not in text:
        return Pixels(read_integer(text, low=1, high=SIDE_MAX))
    share = read_decimal(text, places=SHARE_PLACES)
    if not 0.0 < share <= SHARE_MAX:
        raise Malformed
    return Share(share)


def read_offset(text: str) -> Size:
    """A distance from the edge that gravity names; negative ones point outward. Minus zero is zero."""
    sign = -1 if text.startswith("-") else 1
    digits = text.removeprefix("-")
    if "." not in digits:
        return Pixels(sign * read_integer(digits, low=0, high=SIDE_MAX))
    share = read_decimal(digits, places=SHARE_PLACES)
    if share > SHARE_MAX:
        raise Malformed
    return Share(sign * share if share else 0.0)


def write_size(size: Size | None) -> str | None:
    match size:
        case None:
            return None
        case Pixels(value):
            return str(value)
        case Share(value):
            return write_decimal(value, places=SHARE_PLACES)


def read_aspect(text: str) -> float:
    """Width over height. Decimals are taken as the nearest fraction, so that 1.3333333 and 4:3 are the same request."""
    if ":" in text:
        width, _, height = text.partition(":")
        ratio = Fraction(
            read_integer(width, low=1, high=SIDE_MAX),
            read_integer(height, low=1, high=SIDE_MAX),
        )
    elif INTEGER.fullmatch(text):
        ratio = Fraction(read_integer(text, low=1, high=ASPECT_MAX))
    else:
        read_decimal(text, places=SHARE_PLACES)
        ratio = Fraction(text)
    ratio = ratio.limit_denominator(ASPECT_DENOMINATOR_MAX)
    if not Fraction(1, ASPECT_MAX) <= ratio <= ASPECT_MAX:
        raise Malformed
    return float(ratio)


def write_aspect(aspect: float | None) -> str | None:
    if aspect is None:
        return None
    ratio = Fraction(aspect).limit_denominator(ASPECT_DENOMINATOR_MAX)
    return f"{ratio.numerator}:{ratio.denominator}"


def read_dpr(text: str) -> float:
    dpr = (
        float(read_integer(text, low=1, high=int(DPR_MAX)))
        if "." not in text
        else read_decimal(text, places=DPR_PLACES)
    )
    if not DPR_MIN <= dpr <= DPR_MAX:
        raise Malformed
    return dpr


def _width(component: Component) -> str | None:
    return write_size(component.width) if component.widths is None else write_widths(component.widths)


def _ar(text: str) -> Mapping[str, Any]:
    return {"aspect": read_aspect(text)}


def _dpr(component: Component) -> str | None:
    return None if component.dpr is None else write_decimal(component.dpr, places=DPR_PLACES)


PARAMETERS = (
    Parameter(key="w", read=lambda text: {"width": read_size(text)}, write=_width),
    Parameter(key="h", read=lambda text: {"height": read_size(text)}, write=lambda c: write_size(c.height)),
    Parameter(key="x", read=lambda text: {"x": read_offset(text)}, write=lambda c: write_size(c.x)),
    Parameter(key="y", read=lambda text: {"y": read_offset(text)}, write=lambda c: write_size(c.y)),
    Parameter(key="ar", read=_ar, write=lambda c: write_aspect(c.aspect)),
    Parameter(key="dpr", read=lambda text: {"dpr": read_dpr(text)}, write=_dpr),
)
