"""Pixelate."""

from __future__ import annotations

from domicile.imaging.steps.pixelate import pixelate
from tests.pictures.synthetic import hidden, ramp


def test_a_square_has_one_colour() -> None:
    squares = pixelate(ramp(33, 21), 8)
    assert squares.size == (33, 21)
    assert len(squares.crop((8, 8, 16, 16)).getcolors() or []) == 1


def test_hidden_colours_do_not_enter_the_mean() -> None:
    pixel = pixelate(hidden(20, 20), 8).getpixel((10, 0))
    assert isinstance(pixel, tuple)
    assert pixel[1] == 0
    assert 0 < pixel[3] < 255
