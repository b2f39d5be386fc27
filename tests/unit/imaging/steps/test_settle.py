"""Grounds that are taken from the picture."""

from __future__ import annotations

import pytest
from PIL import Image

from domicile.imaging.steps.settle import blurred_ground, predominant_color, settled
from domicile.media.transformation import Blurred, Color
from tests.pictures.stages import stage
from tests.pictures.synthetic import framed, hidden, spotted, veiled


def test_what_is_transparent_has_no_colour() -> None:
    assert predominant_color(hidden(100, 20)) == Color(255, 0, 0)
    assert predominant_color(Image.new("RGBA", (3, 3), (9, 8, 7, 0))) == Color(9, 8, 7)


def test_a_large_picture_is_sampled() -> None:
    assert predominant_color(spotted(3000, 1000, 0, 0, 100)) == Color(128, 128, 128)


def test_a_stage_without_an_automatic_colour_is_settled() -> None:
    planned = stage("b_red,c_pad,h_50,w_10", (40, 20))
    assert settled(framed(40, 20), planned) is planned


def test_the_colour_is_the_grounds_too() -> None:
    planned = settled(framed(40, 20), stage("b_auto,c_pad,h_50,w_10", (40, 20)))
    assert planned.background == Color(0, 0, 255)
    assert planned.canvas is not None
    assert planned.canvas.color == Color(0, 0, 255)


@pytest.mark.parametrize("size", [(1, 1), (100, 3), (3, 100)])
def test_a_blurred_ground_covers_all(size: tuple[int, int]) -> None:
    for image in (framed(40, 20), veiled(40, 20)):
        ground = blurred_ground(image, size, Blurred())
        assert (ground.size, ground.mode) == (size, "RGB")


def test_brightness_stops_at_black_and_white() -> None:
    assert blurred_ground(framed(10, 10), (5, 5), Blurred(1, 100)).getextrema() == ((255, 255),) * 3
    assert blurred_ground(framed(10, 10), (5, 5), Blurred(1, -300)).getextrema() == ((0, 0),) * 3
