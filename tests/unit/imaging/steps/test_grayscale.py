"""Grayscale."""

from __future__ import annotations

from domicile.imaging.steps.grayscale import grayscale
from tests.pictures.synthetic import veiled


def test_luma_replaces_colour_and_alpha_stays() -> None:
    grey = grayscale(veiled(40, 20), None)
    assert grey.getpixel((5, 5)) == (76, 76, 76, 255)
    assert grey.getpixel((5, 15)) == (29, 29, 29, 128)
