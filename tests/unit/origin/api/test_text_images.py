from __future__ import annotations

import pytest

from domicile.media.errors import MediaError
from origin.api.params import Params
from origin.api.text_images import transformation_of
from origin.renders import read_order
from tests.unit.origin.test_renders import LIMITS


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"text": "x"}, "l_text:Arial_12:x"),
        (
            {
                "text": "a, b/c",
                "font_family": "Open Sans",
                "font_size": "40",
                "font_weight": "bold",
                "font_style": "italic",
            },
            "l_text:Open%20Sans_40_bold_italic:a%252C%20b%252Fc",
        ),
        ({"text": "x", "font_color": "#ff0000", "background": "red"}, "l_text:Arial_12:x,co_rgb:ff0000,b_red"),
        (
            {"text": "x", "font_color": "beige", "opacity": "50", "font_weight": "normal"},
            "l_text:Arial_12:x,co_beige,o_50",
        ),
        ({"text": "x", "font_color": "0f08", "text_align": "center"}, "l_text:Arial_12_center:x,co_rgb:0f08"),
    ],
)
def test_a_text_is_a_layer_that_the_language_understands(given: dict[str, str], text: str) -> None:
    assert transformation_of(Params(given)) == text
    read_order(text, {}, LIMITS)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"text": "x", "font_family": "Arial:b"},
        {"text": "x", "font_size": "12,w_5"},
        {"text": "x", "font_color": "red/e_blur"},
        {"text": "x", "opacity": "101"},
        {"text": "x", "font_style": "slanted"},
        {"text": "x" * 5000},
    ],
)
def test_what_is_no_style_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(MediaError):
        read_order(transformation_of(Params(given)), {}, LIMITS)
