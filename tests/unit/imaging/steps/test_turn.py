"""Turns and flips."""

from __future__ import annotations

import pytest
from PIL import Image

from domicile.imaging.steps.turn import turn
from tests.pictures.stages import stage
from tests.pictures.synthetic import quadrants


@pytest.mark.parametrize("angle", [1, 17, 45, 89, 91, 135, 200, 333])
def test_a_free_turn_has_the_planned_size_and_keeps_the_centre(angle: int) -> None:
    wanted = stage(f"a_{angle}", (60, 40))
    turned = turn(Image.new("RGB", (60, 40), (10, 20, 30)), wanted)
    assert turned.size == wanted.size
    assert turned.mode == "RGBA"
    assert turned.getpixel((turned.width // 2, turned.height // 2)) == (10, 20, 30, 255)


def test_four_quarter_turns_are_none() -> None:
    image = quadrants(40, 20)
    assert turn(image, stage("a_90.90.90.90", (40, 20))).tobytes() == image.tobytes()
    assert turn(image, stage("a_hflip.vflip", (40, 20))).tobytes() == turn(image, stage("a_180", (40, 20))).tobytes()
