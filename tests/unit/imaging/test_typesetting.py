from __future__ import annotations

from fractions import Fraction

import pytest

from domicile.imaging import typefaces
from domicile.imaging.shaping import UNITS
from domicile.imaging.typesetting import Laid, laid_out
from domicile.media import halo
from domicile.media.errors import BadTransformation, LimitExceeded
from domicile.media.text import TextBox, TextLayer, TextStyle
from domicile.media.transformation import Border, Color

PIXELS_MAX = 1_000_000
PLAIN = TextBox()
PANGRAM = "The quick brown fox jumps over the lazy dog"


def laid(characters: str, box: TextBox = PLAIN, pixels_max: int = PIXELS_MAX, **style) -> Laid:
    style = {"family": "Arial", "size": 32, **style}
    return laid_out(TextLayer(style=TextStyle(**style), characters=characters), box, pixels_max)


def baselines(found: Laid) -> list[int]:
    return sorted({glyph.y for glyph in found.glyphs}, reverse=True)


def lefts(found: Laid) -> list[float]:
    """Where each line begins, in pixels, from the first line on."""
    return [min(g.x for g in found.glyphs if g.y == y) / UNITS for y in baselines(found)]


def rights(found: Laid) -> list[float]:
    return [max(g.x + g.advance for g in found.glyphs if g.y == y) / UNITS for y in baselines(found)]


def test_a_word_is_as_large_as_its_ink() -> None:
    width, height = laid("Hxg").size
    # Arial's widths in 2048ths: H 1479, x 1024, g 1139; H is 1466 high, g reaches 431 below.
    assert width in range(52, 58)
    assert height in range(29, 32)
    double = laid("Hxg", size=64).size
    assert double[0] in range(2 * width - 3, 2 * width + 2)
    assert double[1] in range(2 * height - 3, 2 * height + 2)


def test_density_multiplies_every_length() -> None:
    box = TextBox(width=100, density=Fraction(2))
    plain = laid(PANGRAM, TextBox(width=200), size=64, letter_spacing=4, line_spacing=6)
    assert laid(PANGRAM, box, letter_spacing=2, line_spacing=3).size == plain.size


def test_untrimmed_text_is_the_box_of_its_lines() -> None:
    found = laid("xx\nx", TextBox(is_trimmed=False))
    line = 32 * (1854 + 434 + 67) / 2048  # ascender, descender and gap of Arial
    assert found.size[1] in range(int(2 * line) - 3, int(2 * line) + 2)
    assert found.size[0] in (32, 33)
    assert laid("xx", TextBox(is_trimmed=False, width=100)).size[0] == 100
    assert laid("xx", TextBox(width=100)).size[0] < 33


def test_lines_are_a_line_height_apart_and_spacing_is_added() -> None:
    first, second = baselines(laid("a\nb"))
    assert first - second in range(int(36.5 * UNITS), int(37 * UNITS))
    assert first - second + 10 * UNITS == -baselines(laid("a\nb", line_spacing=10))[1]
    assert baselines(laid("a\n\nb"))[1] == 2 * second


def test_a_script_that_needs_more_room_gets_it() -> None:
    plain = baselines(laid("a\nb\nc"))
    tall = baselines(laid("a\nမြို့ခြုံ\nc"))
    assert tall[0] - tall[2] > plain[0] - plain[2]
    assert baselines(laid("a\n日\nc")) == plain
    untrimmed = laid("မြို့ခြုံ", TextBox(is_trimmed=False))
    inked = laid("မြို့ခြုံ")
    assert untrimmed.box[1] <= inked.box[1]
    assert untrimmed.box[3] >= inked.box[3]


def test_no_line_is_wider_than_the_box() -> None:
    for width in (60, 100, 160, 250):
        found = laid(PANGRAM, TextBox(width=width))
        assert max(rights(found)) <= width
        assert found.size[0] <= width
    assert len(baselines(laid(PANGRAM, TextBox(width=160)))) > 3


@pytest.mark.parametrize(
    "alignment, characters, expected",
    [
        ("", "mmm\ni", "left"),
        ("left", "mmm\ni", "left"),
        ("start", "mmm\ni", "left"),
        ("start", "שששש\nן", "right"),
        ("", "שששש\nן", "right"),
        ("left", "שששש\nן", "left"),
        ("end", "mmm\ni", "right"),
        ("right", "mmm\ni", "right"),
        ("center", "mmm\ni", "center"),
    ],
)
def test_lines_are_aligned(alignment: str, characters: str, expected: str) -> None:
    found = laid(characters, alignment=alignment)
    (left, right), (far_left, far_right) = zip(lefts(found), rights(found), strict=True)
    assert left != right
    if expected == "left":
        assert lefts(found)[0] == lefts(found)[1]
    elif expected == "right":
        assert rights(found)[0] == rights(found)[1]
    else:
        assert abs((lefts(found)[0] + rights(found)[0]) - (lefts(found)[1] + rights(found)[1])) < 0.1
    assert far_left != far_right


def test_justified_lines_reach_both_sides_but_for_the_last() -> None:
    found = laid(PANGRAM, TextBox(width=160), alignment="justify")
    assert all(abs(right - 160) < 0.1 for right in rights(found)[:-1])
    assert rights(found)[-1] < 150
    assert lefts(found) == [0] * len(lefts(found))


def test_what_has_no_room_ends_in_an_ellipsis() -> None:
    ellipsis = laid("…").glyphs[0].code
    found = laid(PANGRAM, TextBox(width=160, height=80))
    assert len(baselines(found)) == 2
    assert max(rights(found)) <= 160
    last = [glyph.code for glyph in sorted(found.glyphs, key=lambda g: g.x) if glyph.y == baselines(found)[1]]
    assert last[-1] == ellipsis
    assert ellipsis not in [glyph.code for glyph in laid(PANGRAM, TextBox(width=160, height=400)).glyphs]
    assert len(baselines(laid(PANGRAM, TextBox(width=160, height=1)))) == 1


def test_a_bar_lies_under_or_through_the_line() -> None:
    plain, under, through = (laid("xxx", decoration=name) for name in ("", "underline", "strikethrough"))
    assert plain.bars == ()
    [(left, bottom, right, top)] = under.bars
    assert (left, right) == (0, under.glyphs[-1].x + under.glyphs[-1].advance)
    assert bottom < top < 0
    [(_, bottom, _, top)] = through.bars
    assert 0 < bottom < top < 0.6 * 32 * UNITS
    assert under.size[1] > plain.size[1]


def test_an_outline_adds_its_width_on_every_side() -> None:
    plain = laid("Hxg").size
    outlined = laid("Hxg", TextBox(outline=Border(3, Color(0, 0, 0)))).size
    assert outlined == (plain[0] + 6, plain[1] + 6)


def test_a_text_has_a_limit_of_pixels() -> None:
    size = laid("Hxg").size
    assert laid("Hxg", pixels_max=size[0] * size[1]).size == size
    with pytest.raises(LimitExceeded, match="text_pixels_max"):
        laid("Hxg", pixels_max=size[0] * size[1] - 1)
    with pytest.raises(LimitExceeded, match="text_pixels_max"):
        laid("W" * 1000, size=2000)
    with pytest.raises(LimitExceeded, match="text_pixels_max"):
        laid("a\n" * 400 + "a", line_spacing=1000, size=100)


def test_an_outline_has_a_limit_of_work() -> None:
    with pytest.raises(LimitExceeded, match="outline"):
        laid("x", TextBox(outline=Border(1100, Color(0, 0, 0))), pixels_max=10_000_000)
    assert halo.OUTLINE_WORK_MAX < 2200 * 2200 * 1100


def test_negative_spacing_may_turn_a_text_upon_itself() -> None:
    assert laid("abc\ndef", line_spacing=-100, letter_spacing=-100).size[0] > 0


def test_characters_that_show_nothing_are_refused() -> None:
    with pytest.raises(BadTransformation, match="nothing"):
        laid("\u200b\u200d")


def test_without_its_fonts_no_text_is_drawn(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(typefaces, "FONTS", tmp_path)
    typefaces.typeface.cache_clear()
    try:
        with pytest.raises(BadTransformation, match="a font is missing"):
            laid("x")
    finally:
        typefaces.typeface.cache_clear()
