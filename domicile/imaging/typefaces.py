"""The shipped fonts, opened once: by the zygote of the decoders, before the walls close (`preload.py`).

A file whose hash is not the one in the table is not drawn with: two edges make the same picture. README.md beside the
files says where they come from, what was left out, and under which licences.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import uharfbuzz as hb

from domicile.media.fonts import FAMILIES

FONTS = Path(__file__).with_name("fonts")
HASHES = FONTS / "SHA256SUMS"
STYLES = {(False, False): "Regular", (True, False): "Bold", (False, True): "Italic", (True, True): "BoldItalic"}
"""File endings by (bold, italic)."""
FALLBACKS = (
    *("NotoSansArabic", "NotoSansHebrew", "NotoSansDevanagari", "NotoSansBengali", "NotoSansGurmukhi"),
    *("NotoSansGujarati", "NotoSansOriya", "NotoSansTamil", "NotoSansTelugu", "NotoSansKannada", "NotoSansMalayalam"),
    *("NotoSansSinhala", "NotoSansThai", "NotoSansLao", "NotoSansMyanmar", "NotoSansKhmer", "NotoSansEthiopic"),
    *("NotoSansGeorgian", "NotoSansArmenian", "NotoSansThaana", "DroidSansFallback", "NotoSansKR"),
    *("NotoSansSymbols2", "NotoSansSymbols", "NotoSansMath"),
    "NotoEmoji",
)
"""For what the font of a style lacks, in this order; each has a regular face only."""
EMOJI = "NotoEmoji"


class FontsUnavailable(RuntimeError):
    """A font is missing, or is not the file that this version was made with."""


@cache
def _hashes() -> dict[str, str]:
    try:
        rows = [line.split() for line in HASHES.read_text("utf-8").splitlines()]
    except OSError as missing:
        raise FontsUnavailable(f"{HASHES.name} cannot be read") from missing
    return {name: digest for digest, name in rows}


@cache
def typeface(name: str) -> hb.Face:
    """The face of the file `name`.ttf. Raises FontsUnavailable."""
    path = FONTS / f"{name}.ttf"
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        blob = hb.Blob.from_file_path(str(path))  # mapped: the kernel shares its pages among processes
    except (OSError, hb.HarfBuzzError) as missing:
        raise FontsUnavailable(f"{path.name} cannot be read") from missing
    if digest != _hashes().get(path.name):
        raise FontsUnavailable(f"{path.name} is not the file that this version was made with")
    return hb.Face(blob)


@cache
def covered(name: str) -> hb.Set:
    """The code points that the face has."""
    return typeface(name).unicodes


@cache
def names() -> tuple[str, ...]:
    """Every shipped face."""
    return tuple(sorted(name.removesuffix(".ttf") for name in _hashes()))


def face_named(family: str, *, bold: bool, italic: bool) -> tuple[str, bool, bool]:
    """The file for a family of FAMILIES, and whether it must be made bold and slanted to look like it."""
    stem = FAMILIES[family].replace(" ", "")
    wanted = [(bold, italic), (bold, False), (False, False)]
    has_bold, has_italic = next(pair for pair in wanted if f"{stem}-{STYLES[pair]}" in names())
    return f"{stem}-{STYLES[has_bold, has_italic]}", bold and not has_bold, italic and not has_italic


def load_typefaces() -> None:
    """Open all. Raises FontsUnavailable."""
    for name in names():
        covered(name)
