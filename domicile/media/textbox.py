"""What shapes a text layer: which of the parameters beside its `l_text` are about the letters, and not about the picture
of them.

    co, b                 the colour of the letters (and not of an effect beside them), and of the box behind them
    c_fit with w [and h]  in pixels: where lines are broken, and how many there may be; other modes, and shares of something,
                          scale the finished text ("Auto-line breaks" of Cloudinary's text layer options)
    bo                    the outline of the letters, when the style says `stroke`; else a border as around any picture
    fl_text_no_trim       room around the letters stays
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from domicile.media.geometry import Side
from domicile.media.layers import Part
from domicile.media.text import TextBox, TextLayer
from domicile.media.transformation import Color, Component, Crop, Pixels

NO_TRIM = "text_no_trim"


def boxed(
    text: TextLayer, parts: tuple[Part, ...], density: Fraction, measure: Callable[[Component], Side | None]
) -> tuple[TextBox, tuple[Part, ...]]:
    """The box, and the parts without what it takes. `measure`: what sizes of a component are of, if they are relative."""
    beside, *rest = parts
    assert isinstance(beside, Component)  # the first part is what stands beside the `l_`
    box = TextBox(is_trimmed=NO_TRIM not in beside.flags, density=density)
    if beside.color is not None:
        box = replace(box, color=beside.color)
        beside = replace(beside, color=None)
    if isinstance(beside.background, Color):
        box = replace(box, background=beside.background)
        beside = replace(beside, background=None)
    if text.style.stroke:
        box = replace(box, outline=beside.border)
        beside = replace(beside, border=None)
    if beside.crop is Crop.FIT and isinstance(beside.width, Pixels) and measure(beside) is None:
        height = beside.height.value if isinstance(beside.height, Pixels) else None
        box = replace(box, width=beside.width.value, height=height)
        beside = replace(beside, crop=None, width=None, height=None)
    return box, (beside, *rest)
