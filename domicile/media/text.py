"""A text that is laid over a picture: its style and its characters, as `l_text:style:characters` writes them.

    text      = style ":" characters
    style     = family "_" size *("_" word)            ; words in any order, each kind once
    word      = weight / "normal" / "italic" / decoration / alignment / "stroke" / "letter_spacing_" number
              / "line_spacing_" number / ("antialias_" / "font_antialias_") smoothing / ("hinting_" / "font_hinting_") hinting
    family    = a name of fonts.py, percent-encoded
    characters = percent-encoded UTF-8, in which the percent signs of what was encoded before are encoded once more:
                 SDKs write a comma as %252C and a slash as %252F

Canonical: the words in the order of the grammar, defaults left out; characters by `write_characters`. What the words mean
for pixels is decided in `imaging/text.py`. Source: cloudinary-compat 3.1, "Styling parameters" of the transformation reference.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from domicile.media.errors import BadTransformation, LimitExceeded
from domicile.media.fonts import SHIPPED, family_named
from domicile.media.params.base import INTEGER, Malformed, read_integer
from domicile.media.percent import percent_decode, percent_encode
from domicile.media.transformation import Border, Color

WEIGHTS = ("thin", "extralight", "light", "medium", "semibold", "bold", "extrabold", "black")
BOLD = frozenset({"semibold", "bold", "extrabold", "black"})
"""Weights that are drawn with the bold face; the others with the regular one."""
DECORATIONS = ("underline", "strikethrough")
ALIGNMENTS = ("left", "center", "right", "start", "end", "justify")
SMOOTHING = ("none", "gray", "subpixel", "fast", "good", "best")
HINTING = ("none", "slight", "medium", "full")
SPACING_MAX = 1000
"""Pixels, either way."""
SPACING_PLACES = 2
SIZE_MAX = 100_000
"""Syntax only; what may be drawn is `font_size_max`."""
FAMILY_CHARS_MAX = 64
BLACK = Color(0, 0, 0)
DRAWING_BYTES = 12
"""A pixel, beside the finished picture, while a text is drawn: the most that was measured, with an outline."""


class TextLimits(Protocol):
    """What is asked of a tier's limits; `imaging.job.MediaLimits` has it."""

    @property
    def text_chars_max(self) -> int: ...

    @property
    def font_size_max(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TextStyle:
    """How characters look. Lengths are pixels at density 1."""

    family: str
    """A key of fonts.FAMILIES."""
    size: int
    """Of the em square."""
    weight: str = ""
    """One of WEIGHTS, or none."""
    italic: bool = False
    decoration: str = ""
    """One of DECORATIONS, or none."""
    alignment: str = ""
    """One of ALIGNMENTS, or none: "start", the side where its first line begins."""
    stroke: bool = False
    """Is `bo_` the outline of the letters, and not a frame around the text?"""
    letter_spacing: float = 0.0
    """Added after each letter."""
    line_spacing: float = 0.0
    """Added between lines."""
    antialias: str = ""
    """One of SMOOTHING, or none: the default. "none" is hard-edged, everything else smooth."""
    hinting: str = ""
    """One of HINTING, or none. Accepted; letters are never fitted to the grid."""

    @property
    def is_bold(self) -> bool:
        return self.weight in BOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLayer:
    """What `l_text:` shows."""

    style: TextStyle
    characters: str
    """Decoded; lines end in "\\n"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextBox:
    """What the component says beside the text. Lengths are pixels at density 1."""

    width: int | None = None
    """Lines are broken at it (`c_fit,w_…`)."""
    height: int | None = None
    """Lines that do not fit are left out, and the last one ends in an ellipsis (`c_fit,w_…,h_…`)."""
    color: Color = BLACK
    background: Color | None = None
    """Behind the letters, in all of the box."""
    outline: Border | None = None
    """`bo_`, around each letter, where the style says `stroke`."""
    is_trimmed: bool = True
    """False with `fl_text_no_trim`."""
    density: Fraction = Fraction(1)


def read_text(value: str) -> TextLayer:
    """What stands after `l_text:`, as it came in the URL. Raises Malformed, and BadTransformation for an unknown font."""
    style, colon, characters = value.partition(":")
    if not colon:
        raise Malformed
    return TextLayer(style=read_style(style), characters=read_characters(characters))


def check_text(layer: TextLayer, limits: TextLimits) -> None:
    """Raises LimitExceeded."""
    if layer.style.size > limits.font_size_max:
        raise LimitExceeded(
            f"Maximum size of a font is {limits.font_size_max} pixels (font_size_max). Requested {layer.style.size}"
        )
    if len(layer.characters) > limits.text_chars_max:
        raise LimitExceeded(f"Maximum length of a text is {limits.text_chars_max} characters (text_chars_max)")


def write_text_layer(layer: TextLayer) -> str:
    """The canonical text: `read_text` gives the same layer."""
    return f"{write_style(layer.style)}:{write_characters(layer.characters)}"


def read_style(text: str) -> TextStyle:
    """`Arial_40_bold_italic`. Raises Malformed, and BadTransformation for a font that nobody knows."""
    family, underscore, rest = text.partition("_")
    size, _, words = rest.partition("_")
    if not underscore or INTEGER.fullmatch(size) is None:
        raise Malformed
    fields: dict[str, Any] = {}
    while words:
        word, value, words = _next_word(words)
        if word in fields:
            raise Malformed
        fields[word] = value
    fields = {name: value for name, value in fields.items() if value not in {"", "normal"}}
    return TextStyle(family=_family(family), size=read_integer(size, low=1, high=SIZE_MAX), **fields)


def _family(text: str) -> str:
    name = percent_decode(text).decode("utf-8", "replace").replace("%20", " ")
    family = family_named(name) if len(name) <= FAMILY_CHARS_MAX else None
    if family is None:
        asked = percent_encode(name[:FAMILY_CHARS_MAX], safe=" ")
        raise BadTransformation(f"Unknown font - {asked}. Fonts: {', '.join(SHIPPED)}, and those drawn with them")
    return family


_NUMBER = re.compile(r"-?[0-9]{1,4}(\.[0-9]{1,6})?", re.ASCII)
_WITH_VALUE = {
    "letter_spacing": "letter_spacing",
    "line_spacing": "line_spacing",
    "font_antialias": "antialias",
    "antialiasing": "antialias",
    "antialias": "antialias",
    "font_hinting": "hinting",
    "hinting": "hinting",
}
_WORDS: dict[str, tuple[str, Any]] = {
    "italic": ("italic", True),
    "stroke": ("stroke", True),
    **{word: ("weight", word) for word in WEIGHTS},
    **{word: ("decoration", word) for word in DECORATIONS},
    **{word: ("alignment", word) for word in ALIGNMENTS},
}
_DEFAULTS = frozenset({"normal", "none"})
"""Words that SDKs may write and that change nothing."""


def _next_word(words: str) -> tuple[str, Any, str]:
    """The field that the first word sets, its value, and the words after it."""
    for start, field in _WITH_VALUE.items():
        if words.startswith(f"{start}_"):
            value, _, rest = words.removeprefix(f"{start}_").partition("_")
            return field, _value(field, value), rest
    word, _, rest = words.partition("_")
    if word in _DEFAULTS:
        return f"{word} {len(rest)}", "", rest
    if word not in _WORDS:
        raise Malformed
    return *_WORDS[word], rest


def _value(field: str, text: str) -> Any:
    if field.endswith("spacing"):
        if _NUMBER.fullmatch(text) is None or not -SPACING_MAX <= float(text) <= SPACING_MAX:
            raise Malformed
        return round(float(text), SPACING_PLACES) or 0.0
    if text not in (SMOOTHING if field == "antialias" else HINTING):
        raise Malformed
    return text


def write_style(style: TextStyle) -> str:
    """The canonical text."""
    words = [
        percent_encode(style.family),
        str(style.size),
        style.weight,
        "italic" if style.italic else "",
        style.decoration,
        style.alignment,
        "stroke" if style.stroke else "",
        f"letter_spacing_{style.letter_spacing:g}" if style.letter_spacing else "",
        f"line_spacing_{style.line_spacing:g}" if style.line_spacing else "",
        f"antialias_{style.antialias}" if style.antialias else "",
        f"hinting_{style.hinting}" if style.hinting else "",
    ]
    return "_".join(filter(None, words))


def read_characters(text: str) -> str:
    """The characters, twice decoded. Raises Malformed for none at all, for bad UTF-8 and for control characters."""
    try:
        characters = percent_decode(percent_decode(text).decode()).decode()
    except UnicodeDecodeError:
        raise Malformed from None
    characters = characters.replace("\r\n", "\n").replace("\t", " ")
    if not characters.strip() or any(_is_control(char) for char in characters):
        raise Malformed
    return characters


def _is_control(char: str) -> bool:
    return char != "\n" and unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}


def write_characters(characters: str) -> str:
    """Percent-encoded once, and the percent signs of what must not be taken for grammar once more."""
    once = "".join(percent_encode(char) if char in "%,/" else char for char in characters)
    return percent_encode(once)
