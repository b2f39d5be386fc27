"""Characters to pixels: shaped, broken into lines, drawn."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from PIL import Image

from domicile.media.text import TextLayer
from domicile.media.transformation import Border, Color


@dataclass(frozen=True, slots=True, kw_only=True)
class TextBox:
    """What the component says beside the text. Lengths are pixels at density 1."""

    width: int | None = None
    """Lines are broken at it (`c_fit,w_…`)."""
    height: int | None = None
    """Lines that do not fit are left out, and the last one ends in an ellipsis (`c_fit,w_…,h_…`)."""
    color: Color = Color(0, 0, 0)
    background: Color | None = None
    border: Border | None = None
    is_trimmed: bool = True
    """Without `fl_text_no_trim`: cut to the ink."""
    may_overflow: bool = True
    """Without `fl_text_disallow_overflow`: what does not fit is cut, and not refused."""
    density: Fraction = Fraction(1)


def drawn(layer: TextLayer, box: TextBox, *, pixels_max: int) -> Image.Image:
    """The text as an RGBA picture of its own size. Raises BadTransformation and LimitExceeded."""
    raise AssertionError(layer, box, pixels_max)


def measured(layer: TextLayer, box: TextBox, *, pixels_max: int) -> tuple[int, int]:
    """Width and height of what `drawn` gives, without drawing."""
    return drawn(layer, box, pixels_max=pixels_max).size
