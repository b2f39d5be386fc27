"""Characters to pixels: broken into lines, shaped, placed, drawn. The text's own colour and outline are here; whatever
else a component asks for (a background, a frame, a shadow) is done by the steps, as with any picture.

By default the picture is cut to the ink; with `fl_text_no_trim` it is the box of the lines, from the left end of the longest
to its right end and from ascender to descender. All sizes are known before a pixel is drawn (`measured`).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import uharfbuzz as hb
from PIL import Image

from domicile.imaging.shaping import UNITS, Fonts, Glyph, Line, cluster_widths, justified, shaped_line
from domicile.imaging.steps.halo import dilated
from domicile.media.bidi import base_level
from domicile.media.breaks import broken, clusters
from domicile.media.errors import BadTransformation, LimitExceeded
from domicile.media.geometry import Side, rounded
from domicile.media.text import TextLayer
from domicile.media.transformation import Border, Color

ELLIPSIS = "…"
OUTLINE_MAX = 64
"""Pixels of a text's outline: its work grows with the width."""
HALF = 128
OPAQUE = 255
Mask = np.ndarray
Rect = tuple[int, int, int, int]
"""Left, bottom, right, top in units, y upward from the first baseline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextBox:
    """What the component says beside the text. Lengths are pixels at density 1."""

    width: int | None = None
    """Lines are broken at it (`c_fit,w_…`)."""
    height: int | None = None
    """Lines that do not fit are left out, and the last one ends in an ellipsis (`c_fit,w_…,h_…`)."""
    color: Color = Color(0, 0, 0)
    outline: Border | None = None
    """`bo_`, around each letter, where the style says `stroke`."""
    is_trimmed: bool = True
    """False with `fl_text_no_trim`."""
    density: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Laid:
    """A text with everything at its place: glyphs and bars in units, y upward, and the box that is drawn, in pixels."""

    glyphs: tuple[Glyph, ...]
    bars: tuple[Rect, ...]
    box: Rect
    outline: int

    @property
    def size(self) -> Side:
        return self.box[2] - self.box[0], self.box[3] - self.box[1]


def measured(layer: TextLayer, box: TextBox, *, pixels_max: int) -> Side:
    """Width and height of what `drawn` gives. Raises BadTransformation and LimitExceeded."""
    return _laid(layer, box, pixels_max).size


def drawn(layer: TextLayer, box: TextBox, *, pixels_max: int) -> Image.Image:
    """The text as an RGBA picture of its own size. Raises BadTransformation and LimitExceeded."""
    laid = _laid(layer, box, pixels_max)
    mask = _mask(laid)
    if layer.style.antialias == "none":
        mask = np.where(mask >= HALF, np.uint8(OPAQUE), np.uint8(0))
    ink = _painted(mask, box.color)
    if not laid.outline or box.outline is None:
        return ink
    around = _painted(dilated(mask, laid.outline), box.outline.color)
    around.alpha_composite(ink)
    return around


def _painted(mask: Mask, color: Color) -> Image.Image:
    """One colour, as opaque as the mask and the colour say; nothing is left of it where it cannot be seen."""
    alpha = (mask.astype(np.uint16) * color.alpha + OPAQUE // 2) // OPAQUE
    pixels = np.zeros((*mask.shape, 4), np.uint8)
    pixels[alpha > 0, :3] = color.red, color.green, color.blue
    pixels[..., 3] = alpha
    return Image.fromarray(pixels)


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
    def line_height(self) -> int:
        extents = self.fonts.main.get_font_extents("ltr")
        return int(extents.ascender - extents.descender + extents.line_gap)


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


def _lines(characters: str, setting: _Setting) -> list[_Set]:
    lines: list[tuple[str, int, bool]] = []
    for paragraph in characters.split("\n"):
        base = base_level(paragraph)
        texts = [paragraph] if setting.width is None else _broken(paragraph, base, setting, setting.width)
        lines += [(text, base, n + 1 == len(texts)) for n, text in enumerate(texts)]
    lines = _that_fit(lines, setting)
    return [
        _Set(shaped_line(text, base, setting.fonts, setting.letter_spacing), base, is_last)
        for text, base, is_last in lines
    ]


def _broken(paragraph: str, base: int, setting: _Setting, width: int) -> list[str]:
    sums = [0]
    for one in cluster_widths(paragraph, base, setting.fonts, setting.letter_spacing):
        sums.append(sums[-1] + one)
    return broken(paragraph, width, lambda first, last: sums[last] - sums[first])


def _that_fit(lines: list[tuple[str, int, bool]], setting: _Setting) -> list[tuple[str, int, bool]]:
    """As many lines as the height has room for, at least one; the last of them says that there were more."""
    if setting.height is None:
        return lines
    step = max(setting.line_height + setting.line_spacing, 1)
    room = max((setting.height + setting.line_spacing) // step, 1)
    if room >= len(lines):
        return lines
    text, base, _ = lines[room - 1]
    return [*lines[: room - 1], (_shortened(text, base, setting), base, True)]


def _shortened(text: str, base: int, setting: _Setting) -> str:
    """With an ellipsis, and as much of the text before it as fits."""
    for _, end in reversed(clusters(text)):
        short = text[:end].rstrip() + ELLIPSIS
        width = shaped_line(short, base, setting.fonts, setting.letter_spacing).width
        if setting.width is None or width <= setting.width:
            return short
    return ELLIPSIS


# --- places -----------------------------------------------------------------------------------------------------------


def _laid(layer: TextLayer, box: TextBox, pixels_max: int) -> _Laid:
    setting = _setting(layer, box)
    lines = _lines(layer.characters, setting)
    outline = rounded(box.outline.width * box.density) if box.outline is not None and box.outline.width else 0
    if outline > OUTLINE_MAX:
        raise LimitExceeded(f"Maximum width of a text's outline is {OUTLINE_MAX} pixels. Requested {outline}")
    width = setting.width or max(one.line.width for one in lines)
    glyphs: list[Glyph] = []
    bars: list[Rect] = []
    baseline = 0
    for one in lines:
        line = justified(one.line, width) if layer.style.alignment == "justify" and not one.is_last else one.line
        x = _left(line.width, width, layer.style.alignment, one.base)
        glyphs += [Glyph(g.font, g.code, x + g.x, baseline + g.y, g.advance, g.cluster) for g in line.glyphs]
        if layer.style.decoration and line.width:
            bars.append(_bar(layer.style.decoration, setting.fonts.main, x, x + line.width, baseline))
        baseline -= setting.line_height + setting.line_spacing
    rect = _ink(glyphs, bars) if box.is_trimmed else _line_box(setting, width, len(lines))
    if rect is None:
        raise BadTransformation("Invalid text - there is nothing in it to draw")
    return _Laid(glyphs=tuple(glyphs), bars=tuple(bars), box=_in_pixels(rect, outline, pixels_max), outline=outline)


def _in_pixels(rect: Rect, outline: int, pixels_max: int) -> Rect:
    left, bottom, right, top = rect
    box = (left // UNITS - outline, bottom // UNITS - outline, -(-right // UNITS) + outline, -(-top // UNITS) + outline)
    width, height = box[2] - box[0], box[3] - box[1]
    if width * height > pixels_max:
        raise LimitExceeded(
            f"Maximum size of a text is {pixels_max} pixels (text_pixels_max). Requested {width}x{height}"
        )
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


def _line_box(setting: _Setting, width: int, lines: int) -> Rect:
    extents = setting.fonts.main.get_font_extents("ltr")
    last = -(setting.line_height + setting.line_spacing) * (lines - 1)
    return 0, min(int(extents.descender) + last, 0), max(width, UNITS), max(int(extents.ascender), UNITS)


# --- pixels -----------------------------------------------------------------------------------------------------------


def _mask(laid: _Laid) -> Mask:
    """Coverage, 0 to 255, of the box. Outlines that overlap are one (non-zero winding)."""
    width, height = laid.size
    raster = hb.RasterDraw()
    raster.scale_factor = (UNITS, UNITS)
    raster.extents = hb.RasterExtents(laid.box[0], laid.box[1], width, height, 0)
    for glyph in laid.glyphs:
        raster.transform = (1, 0, 0, 1, glyph.x, glyph.y)
        raster.draw_glyph(glyph.font, glyph.code)
    image = raster.render()
    if image is None or not image.buffer:
        mask = np.zeros((height, width), np.uint8)
    else:
        rows = np.frombuffer(image.buffer, np.uint8).reshape(image.extents.height, image.extents.stride)
        mask = rows[::-1, : image.extents.width].copy()
    for bar in laid.bars:
        _draw_bar(mask, bar, laid.box)
    return mask


def _draw_bar(mask: Mask, bar: Rect, box: Rect) -> None:
    """A rectangle, smooth at its edges."""
    across = _coverage(mask.shape[1], bar[0] - box[0] * UNITS, bar[2] - box[0] * UNITS)
    down = _coverage(mask.shape[0], box[3] * UNITS - bar[3], box[3] * UNITS - bar[1])
    rows = np.flatnonzero(down)
    covered = (down[rows, None] * across[None, :] * OPAQUE / (UNITS * UNITS)).round().astype(np.uint8)
    mask[rows] = np.maximum(mask[rows], covered)


def _coverage(pixels: int, start: int, end: int) -> np.ndarray:
    """How many units of each pixel lie between the two."""
    edges = np.arange(pixels, dtype=np.float64) * UNITS
    return np.clip(np.minimum(edges + UNITS, end) - np.maximum(edges, start), 0, UNITS)
