"""A text laid out: broken into lines, each line shaped and put at its place. Nothing is drawn here (`text.py` draws).

The box is that of the ink, or with `fl_text_no_trim` that of the lines: from the left end of the longest to its right end,
and from ascender to descender.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import uharfbuzz as hb

from domicile.imaging.shaping import UNITS, Fonts, Glyph, Line, cluster_widths, justified, shaped_line
from domicile.imaging.typefaces import FontsUnavailable
from domicile.media.bidi import base_level
from domicile.media.breaks import broken, clusters
from domicile.media.errors import BadTransformation, LimitExceeded
from domicile.media.geometry import Side, rounded
from domicile.media.halo import OUTLINE_WORK_MAX
from domicile.media.text import TextBox, TextLayer

ELLIPSIS = "…"
Rect = tuple[int, int, int, int]
"""Left, bottom, right, top; y upward from the first baseline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """A text with everything at its place: glyphs and bars in units, y upward, and the box that is drawn, in pixels."""

    glyphs: tuple[Glyph, ...]
    bars: tuple[Rect, ...]
    box: Rect
    outline: int

    @property
    def size(self) -> Side:
        return self.box[2] - self.box[0], self.box[3] - self.box[1]


def laid_out(layer: TextLayer, box: TextBox, pixels_max: int) -> Laid:
    """Raises BadTransformation, when there is nothing to draw or no font to draw it with, and LimitExceeded."""
    try:
        return _laid(layer, box, pixels_max)
    except FontsUnavailable:
        raise BadTransformation("Text cannot be drawn here: a font is missing") from None


# --- lines ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """How the lines of one text are set."""

    fonts: Fonts
    letter_spacing: int
    line_spacing: int
    width: int | None
    height: int | None

    @property
    def extents(self) -> tuple[int, int, int]:
        """Ascender, descender (negative) and gap of the style's font."""
        found = self.fonts.main.get_font_extents("ltr")
        return int(found.ascender), int(found.descender), int(found.line_gap)


def _setting(layer: TextLayer, box: TextBox) -> _Setting:
    style, density = layer.style, box.density

    def units(pixels: float) -> int:
        return round(Fraction(pixels) * density * UNITS)

    return _Setting(
        fonts=Fonts(style.family, units(style.size), bold=style.is_bold, italic=style.italic),
        letter_spacing=units(style.letter_spacing),
        line_spacing=units(style.line_spacing),
        width=None if box.width is None else units(box.width),
        height=None if box.height is None else units(box.height),
    )


@dataclass(frozen=True, slots=True)
class _Set:
    """A line, the level of its paragraph, and whether it is the last of it."""

    line: Line
    base: int
    is_last: bool
    above: int
    """How far it reaches over its baseline: the ascender of the style's font, or more where another font needs it."""
    below: int
    """Negative, likewise."""


def _set(text: str, base: int, setting: _Setting, *, is_last: bool) -> _Set:
    line = shaped_line(text, base, setting.fonts, setting.letter_spacing)
    ascender, descender, _ = setting.extents
    _, bottom, _, top = _ink([g for g in line.glyphs if g.font is not setting.fonts.main], []) or (0, 0, 0, 0)
    return _Set(line, base, is_last, max(ascender, top), min(descender, bottom))


def _lines(characters: str, setting: _Setting) -> list[_Set]:
    lines: list[_Set] = []
    for paragraph in characters.split("\n"):
        base = base_level(paragraph)
        texts = [paragraph] if setting.width is None else _broken(paragraph, base, setting, setting.width)
        lines += [_set(text, base, setting, is_last=n + 1 == len(texts)) for n, text in enumerate(texts)]
    return _that_fit(lines, setting)


def _baselines(lines: list[_Set], setting: _Setting) -> list[int]:
    """Of each line; the first is 0."""
    found = [0]
    for before, after in pairwise(lines):
        found.append(found[-1] + before.below - setting.extents[2] - after.above - setting.line_spacing)
    return found


def _broken(paragraph: str, base: int, setting: _Setting, width: int) -> list[str]:
    sums = [0]
    for one in cluster_widths(paragraph, base, setting.fonts, setting.letter_spacing):
        sums.append(sums[-1] + one)
    return broken(paragraph, width, lambda first, last: sums[last] - sums[first])


def _that_fit(lines: list[_Set], setting: _Setting) -> list[_Set]:
    """As many lines as the height has room for, at least one; the last of them says that there were more."""
    if setting.height is None:
        return lines
    room = 0
    for line, baseline in zip(lines, _baselines(lines, setting), strict=True):
        if lines[0].above - baseline - line.below > setting.height:
            break
        room += 1
    room = max(room, 1)
    if room >= len(lines):
        return lines
    last = lines[room - 1]
    return [*lines[: room - 1], _set(_shortened(last.line.text, last.base, setting), last.base, setting, is_last=True)]


def _shortened(text: str, base: int, setting: _Setting) -> str:
    """With an ellipsis, and as much of the text before it as fits."""
    for _, end in reversed(clusters(text)):
        short = text[:end].rstrip() + ELLIPSIS
        width = shaped_line(short, base, setting.fonts, setting.letter_spacing).width
        if setting.width is None or width <= setting.width:
            return short
    return ELLIPSIS


# --- places -----------------------------------------------------------------------------------------------------------


def _laid(layer: TextLayer, box: TextBox, pixels_max: int) -> Laid:
    setting = _setting(layer, box)
    lines = _lines(layer.characters, setting)
    outline = rounded(box.outline.width * box.density) if box.outline is not None and box.outline.width else 0
    width = setting.width or max(one.line.width for one in lines)
    glyphs: list[Glyph] = []
    bars: list[Rect] = []
    baselines = _baselines(lines, setting)
    for one, baseline in zip(lines, baselines, strict=True):
        line = justified(one.line, width) if layer.style.alignment == "justify" and not one.is_last else one.line
        x = _left(line.width, width, layer.style.alignment, one.base)
        glyphs += [Glyph(g.font, g.code, x + g.x, baseline + g.y, g.advance, g.cluster) for g in line.glyphs]
        if layer.style.decoration and line.width:
            bars.append(_bar(layer.style.decoration, setting.fonts.main, x, x + line.width, baseline))
    rect = _ink(glyphs, bars)
    if rect is not None and not box.is_trimmed:
        rect = _around(rect, (0, baselines[-1] + lines[-1].below, width, lines[0].above))
    if rect is None:
        raise BadTransformation("Invalid text - there is nothing in it to draw")
    pixels = _in_pixels(rect, outline, pixels_max)
    return Laid(glyphs=tuple(glyphs), bars=tuple(bars), box=pixels, outline=outline)


def _in_pixels(rect: Rect, outline: int, pixels_max: int) -> Rect:
    left, bottom, right, top = rect
    box = (left // UNITS - outline, bottom // UNITS - outline, -(-right // UNITS) + outline, -(-top // UNITS) + outline)
    width, height = box[2] - box[0], box[3] - box[1]
    if width * height > pixels_max:
        raise LimitExceeded(
            f"Maximum size of a text is {pixels_max} pixels (text_pixels_max). Requested {width}x{height}"
        )
    if width * height * outline > OUTLINE_WORK_MAX:
        raise LimitExceeded(f"Text is too large for an outline of {outline} pixels")
    return box


def _left(width: int, room: int, alignment: str, base: int) -> int:
    """Where a line begins."""
    side = {"start": ("left", "right"), "": ("left", "right"), "justify": ("left", "right"), "end": ("right", "left")}
    side_of_line = side[alignment][base] if alignment in side else alignment
    if side_of_line == "left":
        return 0
    return room - width if side_of_line == "right" else (room - width) // 2


def _bar(decoration: str, font: hb.Font, left: int, right: int, baseline: int) -> Rect:
    tags = hb.OTMetricsTag
    under = decoration == "underline"
    middle = font.get_metric_position_with_fallback(tags.UNDERLINE_OFFSET if under else tags.STRIKEOUT_OFFSET)
    thick = max(font.get_metric_position_with_fallback(tags.UNDERLINE_SIZE if under else tags.STRIKEOUT_SIZE), UNITS)
    return left, baseline + middle - thick, right, baseline + middle


def _ink(glyphs: list[Glyph], bars: list[Rect]) -> Rect | None:
    """The smallest rectangle with all outlines; None without any."""
    rects = list(bars)
    for glyph in glyphs:
        extents = glyph.font.get_glyph_extents(glyph.code)
        if extents is not None and extents.width and extents.height:
            left, top = glyph.x + extents.x_bearing, glyph.y + extents.y_bearing
            rects.append((left, top + extents.height, left + extents.width, top))
    if not rects:
        return None
    lefts, bottoms, rights, tops = zip(*rects, strict=True)
    return min(lefts), min(bottoms), max(rights), max(tops)


def _around(one: Rect, other: Rect) -> Rect:
    """The smallest rectangle with both."""
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])
