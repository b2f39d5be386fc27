"""What is behind a picture, and around it.

    b      = color / "auto" [":" ("border" / "predominant")] / "blurred" [":" 1-2000 [":" brightness]]
    bo     = width "px_solid_" color                    ; params/color.py
    width  = integer                                    ; pixels
    brightness = ["-"] integer                          ; -300 to 100

`b_auto` and `b_auto:border` are one request. A blurred ground is for padding alone (frame.py refuses the rest by name).
Not yet: gradients and contrasts of `b_auto`, `b_gen_fill`. Source: cloudinary-compat 3.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domicile.media.params.base import Malformed, Parameter, read_integer, read_signed
from domicile.media.params.color import read_color, write_color
from domicile.media.params.size import SIDE_MAX
from domicile.media.transformation import AutoColor, Background, Blurred, Border, Component

AUTO_DEFAULT = "border"
AUTO = frozenset({AUTO_DEFAULT, "predominant"})
INTENSITY_MAX = 2000
BRIGHTNESS_MIN, BRIGHTNESS_MAX = -300, 100
STYLE = "px_solid_"


def read_background(text: str) -> Background:
    match text.split(":"):
        case ["auto"]:
            return AutoColor(AUTO_DEFAULT)
        case ["auto", kind] if kind in AUTO:
            return AutoColor(kind)
        case ["blurred"]:
            return Blurred()
        case ["blurred", intensity]:
            return Blurred(read_integer(intensity, low=1, high=INTENSITY_MAX))
        case ["blurred", intensity, brightness]:
            return Blurred(
                read_integer(intensity, low=1, high=INTENSITY_MAX),
                read_signed(brightness, low=BRIGHTNESS_MIN, high=BRIGHTNESS_MAX),
            )
        case _:
            return read_color(text)


def write_background(background: Background) -> str:
    match background:
        case AutoColor(kind):
            return "auto" if kind == AUTO_DEFAULT else f"auto:{kind}"
        case Blurred(intensity, brightness):
            return ":".join(["blurred", *(str(number) for number in (intensity, brightness) if number is not None)])
        case color:
            return write_color(color)


def read_border(text: str) -> Border:
    width, style, color = text.partition(STYLE)
    if not style:
        raise Malformed
    return Border(read_integer(width, low=0, high=SIDE_MAX), read_color(color))


def _background(text: str) -> Mapping[str, Any]:
    return {"background": read_background(text)}


def _write_background(component: Component) -> str | None:
    return None if component.background is None else write_background(component.background)


def _border(text: str) -> Mapping[str, Any]:
    return {"border": read_border(text)}


def _write_border(component: Component) -> str | None:
    border = component.border
    return None if border is None else f"{border.width}{STYLE}{write_color(border.color)}"


PARAMETERS = (
    Parameter(key="b", read=_background, write=_write_background),
    Parameter(key="bo", read=_border, write=_write_border),
)
