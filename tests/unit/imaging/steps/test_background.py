"""A colour behind transparency."""

from __future__ import annotations

from PIL import Image

from domicile.imaging.steps.background import background, on_color
from domicile.media.transformation import Color
from tests.pictures.stages import stage
from tests.pictures.synthetic import quadrants, veiled


def test_an_opaque_colour_makes_an_opaque_picture() -> None:
    filled = background(veiled(40, 20), stage("b_white", (40, 20)))
    assert filled.mode == "RGB"
    assert filled.getpixel((30, 5)) == (255, 255, 255)


def test_opaque_pictures_and_transparent_colours_are_left_alone() -> None:
    opaque, open_ = quadrants(40, 20), veiled(40, 20)
    assert background(opaque, stage("b_red", (40, 20))) is opaque
    assert on_color(open_, Color(1, 2, 3, 0)) is open_


def test_a_half_transparent_colour_adds_up() -> None:
    image = Image.new("RGBA", (1, 1), (255, 0, 0, 0))
    assert on_color(image, Color(0, 0, 255, 128)).getpixel((0, 0)) == (0, 0, 255, 128)
