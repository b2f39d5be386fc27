"""Text layers as the official SDK writes them into URLs."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from cloudinary.utils import cloudinary_url

from domicile.media.layer import Layer
from domicile.media.text import TextLayer, TextStyle
from domicile.media.url import parse


def layer_of(**overlay) -> Layer:
    url, _ = cloudinary_url(
        "pic.jpg",
        cloud_name="demo",
        transformation=[{"overlay": {"font_family": "Arial", "font_size": 40, **overlay}, "color": "#ff0000"}],
    )
    path = urlsplit(url).path.replace(" ", "%20")  # as clients send it
    [candidate, *_] = parse(path).candidates
    layer = candidate.transformation.components[0].layer
    assert layer is not None
    return layer


@pytest.mark.parametrize(
    "text",
    [
        "Hello",
        "Hello, World",
        "a/b",
        "50 % off, really",
        "one\ntwo",
        "שלום, 日本/🎉",
        "a:b_c-d.e",
        "what? #1 & more",
        "(x)",
    ],
)
def test_characters_arrive(text: str) -> None:
    assert layer_of(text=text).content == TextLayer(style=TextStyle(family="Arial", size=40), characters=text)


def test_styles_arrive() -> None:
    content = layer_of(
        text="x",
        font_family="Times New Roman",
        font_size=18,
        font_weight="bold",
        font_style="italic",
        text_decoration="underline",
        text_align="center",
        stroke="stroke",
        letter_spacing=4,
        line_spacing=-2,
        font_antialiasing="best",
        font_hinting="medium",
    ).content
    assert isinstance(content, TextLayer)
    assert content.style == TextStyle(
        family="Times New Roman",
        size=18,
        weight="bold",
        italic=True,
        decoration="underline",
        alignment="center",
        stroke=True,
        letter_spacing=4,
        line_spacing=-2,
        antialias="best",
        hinting="medium",
    )
