from __future__ import annotations

import pytest

from domicile.media.errors import BadTransformation, LimitExceeded
from domicile.media.grammar import GrammarLimits
from domicile.media.params.base import Malformed
from domicile.media.text import (
    TextLayer,
    TextStyle,
    check_text,
    read_characters,
    read_style,
    read_text,
    write_text_layer,
)

ARIAL = TextStyle(family="Arial", size=40)


LIMITS = GrammarLimits(text_chars_max=5, font_size_max=100)


@pytest.mark.parametrize(
    "text, style, canonical",
    [
        ("Arial_40", ARIAL, "Arial_40"),
        ("arial_40_normal_none", ARIAL, "Arial_40"),
        ("Arial_40_normal_normal_none", ARIAL, "Arial_40"),
        (
            "Arial_40_bold_italic_underline_center_stroke_letter_spacing_5_line_spacing_-3",
            TextStyle(
                family="Arial",
                size=40,
                weight="bold",
                italic=True,
                decoration="underline",
                alignment="center",
                stroke=True,
                letter_spacing=5,
                line_spacing=-3,
            ),
            "Arial_40_bold_italic_underline_center_stroke_letter_spacing_5_line_spacing_-3",
        ),
        (
            "Times%20New%20Roman_18_line_spacing_2.5_strikethrough",
            TextStyle(family="Times New Roman", size=18, decoration="strikethrough", line_spacing=2.5),
            "Times%20New%20Roman_18_strikethrough_line_spacing_2.5",
        ),
        (
            "open-sans_9_antialias_best_hinting_medium",
            TextStyle(family="Open Sans", size=9, antialias="best", hinting="medium"),
            "Open%20Sans_9_antialias_best_hinting_medium",
        ),
        ("Arial_40_letter_spacing_0_line_spacing_-0", ARIAL, "Arial_40"),
        ("Arial_40_antialiasing_none", TextStyle(family="Arial", size=40, antialias="none"), "Arial_40_antialias_none"),
    ],
)
def test_a_style_is_read_and_written_canonically(text: str, style: TextStyle, canonical: str) -> None:
    assert read_style(text) == style
    layer = TextLayer(style=style, characters="x")
    assert write_text_layer(layer) == f"{canonical}:x"
    assert read_text(write_text_layer(layer)) == layer


@pytest.mark.parametrize(
    "text",
    [
        *(
            "Arial",
            "Arial_",
            "Arial_x",
            "Arial_0",
            "Arial_-4",
            "Arial_4.5",
            "_40",
            "Arial_40_fat",
            "Arial_40_bold_bold",
        ),
        *(
            "Arial_40_bold_light",
            "Arial_40_letter_spacing",
            "Arial_40_letter_spacing_x",
            "Arial_40_letter_spacing_9999",
        ),
        *("Arial_40_antialias_pretty", "Arial_40__bold", "Arial_1000000", "Arial_40_left_right"),
    ],
)
def test_what_is_no_style_is_refused(text: str) -> None:
    with pytest.raises((Malformed, BadTransformation)):
        read_style(text)


@pytest.mark.parametrize("family", ["Wingdings", "..%2F..%2Fetc%2Fpasswd", "%FF", "x" * 5000, "%3Cscript%3E"])
def test_an_unknown_font_is_named_beside_those_that_are_there(family: str) -> None:
    with pytest.raises(
        BadTransformation, match=r"Unknown font - [A-Za-z0-9.% ]{1,300}\. Fonts: Arimo, Tinos, "
    ) as caught:
        read_style(f"{family}_20")
    assert caught.value.message.isascii()


@pytest.mark.parametrize(
    "encoded, characters",
    [
        ("Hello%20World", "Hello World"),
        ("a%252Cb%252Fc", "a,b/c"),
        ("a%2Cb%2Fc", "a,b/c"),
        ("one%0Atwo%0D%0Athree", "one\ntwo\nthree"),
        ("100%25", "100%"),
        ("100%2525", "100%"),
        ("%D7%A9%F0%9F%8E%89", "ש🎉"),
        ("a%09b", "a b"),
        ("a:b_c", "a:b_c"),
    ],
)
def test_characters_are_decoded_twice(encoded: str, characters: str) -> None:
    assert read_characters(encoded) == characters
    again = write_text_layer(TextLayer(style=ARIAL, characters=characters))
    assert read_text(again).characters == characters
    assert not set(again) & set(",/ ")


@pytest.mark.parametrize("encoded", ["", "%20", "%0A%20", "%FF", "%00", "a%1Bb", "%E2%80%A8", "%25FF"])
def test_what_is_no_text_is_refused(encoded: str) -> None:
    with pytest.raises(Malformed):
        read_characters(encoded)


def test_a_style_without_text_is_refused() -> None:
    with pytest.raises(Malformed):
        read_text("Arial_40")


@pytest.mark.parametrize("value, name", [("Arial_40:abcdef", "text_chars_max"), ("Arial_101:a", "font_size_max")])
def test_texts_have_limits(value: str, name: str) -> None:
    with pytest.raises(LimitExceeded, match=name):
        check_text(read_text(value), LIMITS)
    check_text(read_text("Arial_100:abcde"), LIMITS)
