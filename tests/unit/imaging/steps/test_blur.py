"""Blur."""

from __future__ import annotations

from domicile.imaging.steps.blur import blur
from tests.pictures.synthetic import halves, hidden


def test_more_strength_reaches_further() -> None:
    weak, strong = blur(halves(200, 20), 50).getpixel((90, 10)), blur(halves(200, 20), 1000).getpixel((90, 10))
    assert isinstance(weak, tuple)
    assert isinstance(strong, tuple)
    assert weak[0] == 0 < strong[0]


def test_hidden_colours_stay_hidden() -> None:
    soft = blur(hidden(100, 20), 400)
    shown = [soft.getpixel((x, 10)) for x in range(100)]
    assert all(isinstance(pixel, tuple) and (pixel[1] == 0 or pixel[3] == 0) for pixel in shown)
