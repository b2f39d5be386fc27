"""What shapes a text layer: which of the parameters beside its `l_text` are about the letters, and not about the picture
of them.

    co, b                 the colour of the letters, and of the box behind them
    c_fit with w [and h]  where lines are broken, and how many there may be; other modes scale the finished text
    bo                    the outline of the letters, when the style says `stroke`; else a border as around any picture
    fl_text_no_trim       room around the letters stays
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from domicile.media.geometry import Side, rounded
from domicile.media.layers import Part
from domicile.media.text import TextBox, TextLayer
from domicile.media.transformation import Color, Component, Crop, Pixels, Size

NO_TRIM = "text_no_trim"


def boxed(
    text: TextLayer, parts: tuple[Part, ...], density: Fraction, measure: Callable[[Component], Side | None]
) -> tuple[TextBox, tuple[Part, ...]]:
    """The box, and the parts without what it takes. `measure`: what shares of a component are of, in finished pixels."""
    beside, *rest = parts
    assert isinstance(beside, Component)  # the first part is what stands beside the `l_`
    box = TextBox(is_trimmed=NO_TRIM not in beside.flags, density=density)
    if beside.color is not None:
        box = replace(box, color=beside.color)
    if isinstance(beside.background, Color):
        box = replace(box, background=beside.background)
        beside = replace(beside, background=None)
    if text.style.stroke:
        box = replace(box, outline=beside.border)
        beside = replace(beside, border=None)
    whole = measure(beside)
    width = _length(beside.width, whole and whole[0], density)
    if beside.crop is Crop.FIT and width is not None:
        box = replace(box, width=width, height=_length(beside.height, whole and whole[1], density))
        beside = replace(beside, crop=None, width=None, height=None)
    return box, (beside, *rest)


def _length(size: Size | None, whole: int | None, density: Fraction) -> int | None:
    """Pixels at density 1; None where there is none, or a share of nothing but the text itself."""
    if isinstance(size, Pixels):
        return size.value
    return None if size is None or whole is None else rounded(Fraction(str(size.value)) * whole / density)
