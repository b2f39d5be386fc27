"""Shapes that only a shaper gives: joined letters, conjuncts, marks, order. Glyph numbers are compared, not pinned."""

from __future__ import annotations

import locale

import pytest

from domicile.imaging.shaping import UNITS, Fonts, Line, cluster_widths, justified, shaped_line
from domicile.media.bidi import base_level


@pytest.fixture
def fonts() -> Fonts:
    return Fonts("Arial", 40 * UNITS, bold=False, italic=False)


def line(fonts: Fonts, text: str, spacing: int = 0) -> Line:
    return shaped_line(text, base_level(text), fonts, spacing)


def codes(fonts: Fonts, text: str) -> list[int]:
    return [glyph.code for glyph in line(fonts, text).glyphs]


def test_arabic_letters_join(fonts: Fonts) -> None:
    alone = [codes(fonts, char)[0] for char in "بيت"]
    joined = codes(fonts, "بيت")
    assert len(joined) >= 3
    assert not set(alone) & set(joined)


def test_lam_and_alef_are_one(fonts: Fonts) -> None:
    assert len(codes(fonts, "لا")) == 1


def test_hebrew_runs_right_to_left(fonts: Fonts) -> None:
    assert codes(fonts, "שלום") == [codes(fonts, char)[0] for char in "םולש"]
    clusters = [glyph.cluster for glyph in line(fonts, "ab שלום").glyphs]
    assert clusters == [0, 1, 2, 6, 5, 4, 3]


def test_brackets_are_mirrored(fonts: Fonts) -> None:
    assert codes(fonts, "(א)") == [codes(fonts, "(")[0], codes(fonts, "א")[0], codes(fonts, ")")[0]]


def test_devanagari_has_conjuncts_and_moves_its_vowels(fonts: Fonts) -> None:
    assert len(codes(fonts, "क्ष")) == 1
    before = [glyph.cluster for glyph in line(fonts, "कि").glyphs]
    assert before == [0, 0]
    assert codes(fonts, "कि")[1] == codes(fonts, "क")[0]


def test_marks_stand_on_their_letters(fonts: Fonts) -> None:
    assert codes(fonts, "e\u0301") == codes(fonts, "é")
    [letter, mark] = line(fonts, "x\u0301").glyphs
    assert letter.x <= mark.x + mark.advance <= letter.x + letter.advance
    assert mark.advance == 0


def test_what_the_font_lacks_comes_from_another(fonts: Fonts) -> None:
    assert 0 not in codes(fonts, "Aب한日ไ🎉न★")
    assert len({id(glyph.font) for glyph in line(fonts, "A日한").glyphs}) == 3
    assert codes(fonts, "\U0001d800") == [0]


def test_bold_and_slant_are_made_where_a_script_has_no_face(fonts: Fonts) -> None:
    bold = Fonts("Arial", 40 * UNITS, bold=True, italic=True)
    [glyph] = line(bold, "日").glyphs
    assert glyph.font.synthetic_bold[0] > 0
    assert glyph.font.synthetic_slant > 0
    assert bold.main.synthetic_bold[0] == bold.main.synthetic_slant == 0


def test_letter_spacing_comes_after_letters_and_not_within_joined_ones(fonts: Fonts) -> None:
    assert line(fonts, "abc", 64).width == line(fonts, "abc").width + 3 * 64
    assert line(fonts, "e\u0301", 64).width == line(fonts, "e\u0301").width + 64
    assert line(fonts, "بيت", 64).width == line(fonts, "بيت").width
    assert line(fonts, "fi", 64).width == line(fonts, "f").width + line(fonts, "i").width + 2 * 64


def test_cluster_widths_add_up_to_the_line(fonts: Fonts) -> None:
    for text in ("The quick", "שלום abc 12", "क्षत्रिय हिन्दी", "مرحبا", "👨‍👩‍👧 日本"):
        assert sum(cluster_widths(text, base_level(text), fonts, 7)) == line(fonts, text, 7).width


def test_a_line_is_stretched_at_its_spaces(fonts: Fonts) -> None:
    plain = line(fonts, "a b c")
    wide = justified(plain, plain.width + 100)
    assert wide.width == plain.width + 100
    assert [w.x - p.x for w, p in zip(wide.glyphs, plain.glyphs, strict=True)] == [0, 0, 50, 50, 100]
    assert justified(line(fonts, "abc"), 10_000) == line(fonts, "abc")


def test_the_locale_has_no_say(fonts: Fonts) -> None:
    before = codes(fonts, "şiİ бг")
    old = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
        assert codes(fonts, "şiİ бг") == before
    finally:
        locale.setlocale(locale.LC_CTYPE, old)
