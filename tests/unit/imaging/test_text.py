from __future__ import annotations

import numpy as np
import pytest

from domicile.imaging.text import drawn, measured
from domicile.media.text import TextBox, TextLayer, TextStyle
from domicile.media.transformation import Border, Color

PIXELS_MAX = 1_000_000
PLAIN = TextBox()
RED, GREEN = Color(200, 10, 20), Color(0, 180, 90)


def layer(characters: str, **style) -> TextLayer:
    return TextLayer(style=TextStyle(**{"family": "Arial", "size": 40, **style}), characters=characters)


def pixels(characters: str, box: TextBox = PLAIN, **style) -> np.ndarray:
    return np.asarray(drawn(layer(characters, **style), box, pixels_max=PIXELS_MAX))


@pytest.mark.parametrize(
    "characters, box, style",
    [
        ("Hello", TextBox(), {}),
        ("gÅ\n日本", TextBox(width=70), {"italic": True, "decoration": "underline"}),
        ("שלום", TextBox(outline=Border(5, GREEN)), {"weight": "bold", "decoration": "strikethrough"}),
        ("abc", TextBox(is_trimmed=False), {"line_spacing": 12, "letter_spacing": -2}),
        ("日本🎉", TextBox(), {"weight": "bold", "italic": True}),
    ],
)
def test_the_size_is_known_before_anything_is_drawn(characters: str, box: TextBox, style: dict) -> None:
    one = layer(characters, **style)
    picture = drawn(one, box, pixels_max=PIXELS_MAX)
    assert picture.mode == "RGBA"
    assert picture.size == measured(one, box, pixels_max=PIXELS_MAX)


@pytest.mark.parametrize("characters", ["Hello", "gjÅ", "日本", "क्षत्रिय", "مرحبا", "🎉"])
@pytest.mark.parametrize("style", [{}, {"weight": "bold", "italic": True}])
def test_ink_touches_every_side_and_none_is_cut_off(characters: str, style: dict) -> None:
    alpha = pixels(characters, **style)[..., 3]
    wide = pixels(characters, TextBox(is_trimmed=False, outline=Border(20, Color(0, 0, 0, 0))), **style)
    assert (wide[..., 3] > 0).sum() in range(int((alpha > 0).sum()) - 3, int((alpha > 0).sum()) + 4)
    for side in (alpha[:2], alpha[-2:], alpha[:, :3], alpha[:, -3:]):
        assert side.max() > 0


def test_a_bar_of_a_letter_is_solid_and_smooth_at_its_edges() -> None:
    alpha = pixels("l", size=100)[..., 3]
    # Arial's l: 180/2048 em wide, 1484/2048 em high
    assert alpha.shape[0] in (72, 73)
    assert alpha.shape[1] in (9, 10)
    assert (alpha[2:-2, 2:-2] == 255).all()
    assert abs(alpha.sum() / 255 - 8.79 * 72.5) < 20


def test_the_colour_is_that_of_the_component_and_nothing_else() -> None:
    found = pixels("Hello", TextBox(color=RED))
    assert {tuple(color) for color in found[found[..., 3] > 0][:, :3]} == {(200, 10, 20)}
    assert {tuple(color) for color in found[found[..., 3] == 0]} == {(0, 0, 0, 0)}
    half = pixels("Hello", TextBox(color=Color(200, 10, 20, 128)))
    assert half[..., 3].max() == 128


def test_without_antialiasing_edges_are_hard() -> None:
    assert set(np.unique(pixels("Hello", antialias="none")[..., 3])) == {0, 255}
    assert len(np.unique(pixels("Hello")[..., 3])) > 20
    assert np.array_equal(pixels("Hello", antialias="best", hinting="full"), pixels("Hello"))


def test_an_outline_goes_around_the_letters_and_leaves_them() -> None:
    found = pixels("I", TextBox(color=RED, outline=Border(4, GREEN)), size=100)
    middle = found[found.shape[0] // 2]
    assert tuple(middle[middle.shape[0] // 2]) == (200, 10, 20, 255)
    assert tuple(middle[2]) == tuple(middle[-3]) == (0, 180, 90, 255)
    assert found[..., 3].sum() > pixels("I", size=100)[..., 3].sum() * 1.5


def test_a_background_fills_the_box_behind_letters_and_outline() -> None:
    yellow = Color(250, 240, 0, 128)
    plain = pixels("I I", TextBox(color=RED), size=100)
    found = pixels("I I", TextBox(color=RED, background=yellow), size=100)
    assert found.shape == plain.shape
    assert tuple(found[40, found.shape[1] // 2]) == (250, 240, 0, 128)
    assert tuple(found[40, 5]) == (200, 10, 20, 255)
    outlined = pixels("I", TextBox(color=RED, background=yellow, outline=Border(4, GREEN)), size=100)
    assert tuple(outlined[40, 2]) == (0, 180, 90, 255)
    assert np.array_equal(pixels("I I", TextBox(color=RED, background=Color(9, 9, 9, 0)), size=100), plain)


def test_an_underline_crosses_the_space_between_words() -> None:
    found = pixels("a a", decoration="underline")[..., 3]
    assert (found[:, 1:-1] == 255).all(axis=1).any()
    assert not (pixels("a a")[..., 3] > 0).all(axis=1).any()


def test_overlapping_outlines_do_not_cancel_out() -> None:
    """Non-zero winding: Arabic and Devanagari letters overlap where they join."""
    tight = pixels("OO", letter_spacing=-20)[..., 3]
    assert tight.max() == 255
    one, two = pixels("I")[..., 3], pixels("II", letter_spacing=-11)[..., 3]
    assert (two == 255).sum() >= (one == 255).sum()


def test_bold_is_bolder_also_where_it_is_made() -> None:
    for characters in ("Hello", "日本", "नमस्ते"):
        assert pixels(characters, weight="bold")[..., 3].sum() > 1.08 * pixels(characters)[..., 3].sum()
    assert np.array_equal(pixels("Hello", weight="light"), pixels("Hello"))
    assert np.array_equal(pixels("Hello", weight="black"), pixels("Hello", weight="bold"))


def test_the_same_text_gives_the_same_pixels() -> None:
    assert np.array_equal(pixels("日本 שלום abc"), pixels("日本 שלום abc"))


def test_a_great_letter_fills_its_picture() -> None:
    """The rasteriser's numbers do not run over at the largest size."""
    found = drawn(layer("I", size=2000), TextBox(), pixels_max=10_000_000)
    assert found.height == 1376  # 1409/2048 em
    assert np.asarray(found)[10:-10, 10:-10, 3].min() == 255
