"""Characters of one line to glyphs with places: direction, font for each script, ligatures and marks (HarfBuzz).

Lengths here are units of 1/64 pixel, with y upward from the baseline. Rules of the file: nothing is asked of the
locale, of the system's fonts or of a grid, so that two machines place every letter the same.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import uharfbuzz as hb

from domicile.imaging.typefaces import EMOJI, FALLBACKS, covered, face_named, typeface
from domicile.media.bidi import levels, visual_order
from domicile.media.breaks import clusters

UNITS = 64
"""Of one pixel."""
EMBOLDENED = 0.03
SLANT = 0.2
EMOJI_SELECTOR = "\ufe0f"
IGNORED = frozenset({"Cf", "Mn", "Me", "Zs"})
"""Categories of which a font may lack a character without lacking the text."""
CURSIVE = frozenset({"ARABIC", "SYRIAC", "MONGOLIAN", "NKO"})
"""Scripts whose letters join: no space comes between them."""
SCRIPTS = frozenset(
    "LATIN GREEK CYRILLIC ARMENIAN GEORGIAN HEBREW ARABIC SYRIAC THAANA DEVANAGARI BENGALI GURMUKHI GUJARATI ORIYA TAMIL"
    " TELUGU KANNADA MALAYALAM SINHALA THAI LAO MYANMAR KHMER ETHIOPIC HANGUL HIRAGANA KATAKANA CJK MONGOLIAN NKO".split()
)
"""First words of Unicode names that tell a script."""


@dataclass(frozen=True, slots=True)
class Glyph:
    """One outline at its place in a line."""

    font: hb.Font
    code: int
    x: int
    y: int
    advance: int
    cluster: int
    """Index in the line's text."""


@dataclass(frozen=True, slots=True)
class Line:
    """From left to right."""

    text: str
    glyphs: tuple[Glyph, ...]
    width: int


class Fonts:
    """The faces of one style at one size."""

    def __init__(self, family: str, units: int, *, bold: bool, italic: bool) -> None:
        name, lacks_bold, lacks_italic = face_named(family, bold=bold, italic=italic)
        self._units = units
        self._wanted = bold, italic
        self._opened: dict[str, hb.Font] = {}
        self._chosen: dict[str, str] = {}
        self._names = (name, *FALLBACKS)
        self.main = self._open(name, emboldened=lacks_bold, slanted=lacks_italic)

    def _open(self, name: str, *, emboldened: bool, slanted: bool) -> hb.Font:
        font = hb.Font(typeface(name))
        font.scale = (self._units, self._units)
        if emboldened:
            font.synthetic_bold = EMBOLDENED
        if slanted and name != EMOJI:
            font.synthetic_slant = SLANT
        self._opened[name] = font
        return font

    def named(self, name: str) -> hb.Font:
        """The font of that face; a face for a single script is made bold and slanted where the style is."""
        bold, italic = self._wanted
        return self._opened.get(name) or self._open(name, emboldened=bold, slanted=italic)

    def name_for(self, cluster: str) -> str:
        """The first face that has all of the cluster; the style's own, with its sign for a missing letter, if none has."""
        if cluster not in self._chosen:
            self._chosen[cluster] = self._choose(cluster)
        return self._chosen[cluster]

    def _choose(self, cluster: str) -> str:
        wanted = [ord(char) for char in cluster if unicodedata.category(char) not in IGNORED] or [ord(cluster[0])]
        order = (EMOJI, *self._names) if EMOJI_SELECTOR in cluster else self._names
        whole = [ord(char) for char in cluster if unicodedata.category(char) != "Cf"]
        for codes in (whole, wanted):
            found = next((name for name in order if all(code in covered(name) for code in codes)), None)
            if found is not None:
                return found
        return self._names[0]


@lru_cache(maxsize=4096)
def script_of(char: str) -> str:
    """A word for the script of a letter, and "" for what is at home in all of them."""
    word = unicodedata.name(char, "").split(" ", 1)[0]
    return word if word in SCRIPTS else ""


@dataclass(frozen=True, slots=True)
class _Run:
    start: int
    end: int
    level: int
    face: str
    script: str


def _runs(text: str, base: int, fonts: Fonts) -> list[_Run]:
    """Stretches of one direction, face and script, in logical order."""
    directions = levels(text, base)
    runs: list[_Run] = []
    for start, end in clusters(text):
        face, script = fonts.name_for(text[start:end]), script_of(text[start])
        before = runs[-1] if runs else None
        if (
            before is not None
            and (before.level, before.face) == (directions[start], face)
            and (not script or not before.script or script == before.script)
        ):
            runs[-1] = _Run(before.start, end, before.level, face, before.script or script)
        else:
            runs.append(_Run(start, end, directions[start], face, script))
    return runs


def _shaped(text: str, run: _Run, fonts: Fonts, letter_spacing: int) -> list[Glyph]:
    """The glyphs of one run from left to right, from x = 0."""
    buffer = hb.Buffer()
    buffer.add_str(text, run.start, run.end - run.start)
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if run.level % 2 else "ltr"
    buffer.language = "en"  # the guess would be the locale of the process
    font = fonts.named(run.face)
    spacing = 0 if run.script in CURSIVE else letter_spacing
    hb.shape(font, buffer, {"liga": False, "clig": False} if spacing else {})
    glyphs, x = [], 0
    infos, positions = buffer.glyph_infos, buffer.glyph_positions
    for n, (info, position) in enumerate(zip(infos, positions, strict=True)):
        is_last = n + 1 == len(infos) or infos[n + 1].cluster != info.cluster
        advance = position.x_advance + (spacing if is_last else 0)
        glyphs.append(Glyph(font, info.codepoint, x + position.x_offset, position.y_offset, advance, info.cluster))
        x += advance
    return glyphs


def shaped_line(text: str, base: int, fonts: Fonts, letter_spacing: int) -> Line:
    """A line of a paragraph whose level is `base`."""
    runs = _runs(text, base, fonts)
    glyphs: list[Glyph] = []
    x = 0
    for n in visual_order([run.level for run in runs]):
        shaped = _shaped(text, runs[n], fonts, letter_spacing)
        glyphs += [Glyph(g.font, g.code, x + g.x, g.y, g.advance, g.cluster) for g in shaped]
        x += sum(glyph.advance for glyph in shaped)
    return Line(text, tuple(glyphs), x)


def cluster_widths(text: str, base: int, fonts: Fonts, letter_spacing: int) -> list[int]:
    """What each cluster of `breaks.clusters` adds to a line, in order."""
    line = shaped_line(text, base, fonts, letter_spacing)
    parts = clusters(text)
    number = {n: which for which, (start, end) in enumerate(parts) for n in range(start, end)}
    widths = [0] * len(parts)
    for glyph in line.glyphs:
        widths[number[glyph.cluster]] += glyph.advance
    return widths


def justified(line: Line, width: int) -> Line:
    """The line stretched to that width at its spaces; as it is when it has none or is wider."""
    spaces = sum(1 for glyph in line.glyphs if line.text[glyph.cluster] == " ")
    missing = width - line.width
    if not spaces or missing <= 0:
        return line
    glyphs, seen = [], 0
    for glyph in line.glyphs:
        glyphs.append(
            Glyph(glyph.font, glyph.code, glyph.x + missing * seen // spaces, glyph.y, glyph.advance, glyph.cluster)
        )
        seen += line.text[glyph.cluster] == " "
    return Line(line.text, tuple(glyphs), width)
