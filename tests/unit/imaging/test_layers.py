from __future__ import annotations

from typing import Any

from domicile.imaging.job import MediaLimits
from domicile.imaging.layers import open_layers
from domicile.media.grammar import parse_transformation
from domicile.media.text import TextBox, TextLayer, TextStyle


def test_a_text_is_laid_out_once_however_many_plans_ask() -> None:
    layers = open_layers(parse_transformation("l_text:Arial_20:Hello"), (), (), MediaLimits())
    text = TextLayer(style=TextStyle(family="Arial", size=20), characters="Hello")
    measure: Any = layers.inputs.measure
    assert measure(text, TextBox()) == measure(text, TextBox()) != measure(text, TextBox(width=20))
    assert (measure.cache_info().hits, measure.cache_info().misses) == (1, 2)
