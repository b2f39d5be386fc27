"""Shadow and outline: the planned size, and a disc that grows as a disc does."""

from __future__ import annotations

import numpy as np
import pytest

from domicile.imaging.steps.effect import effect
from domicile.imaging.steps.halo import dilated
from tests.pictures.stages import stage
from tests.pictures.synthetic import quadrants, veiled


@pytest.mark.parametrize(
    "text",
    [
        "e_shadow",
        "e_shadow:0,x_-300,y_0",
        "e_shadow:100,x_0,y_0",
        "e_outline",
        "e_outline:100:2000",
        "e_outline:inner:100:9",
    ],
)
def test_the_result_has_the_planned_size(text: str) -> None:
    for image in (quadrants(40, 20), veiled(41, 19), quadrants(2, 2)):
        planned = stage(text, image.size)
        assert effect(image, planned).size == planned.size


@pytest.mark.parametrize("radius", [1, 2, 3, 7, 8, 31, 100])
def test_a_dot_becomes_a_disc(radius: int) -> None:
    side = 2 * radius + 5
    dot = np.zeros((side, side), np.uint8)
    dot[radius + 2, radius + 2] = 200
    y, x = np.mgrid[0:side, 0:side] - (radius + 2)
    assert (dilated(dot, radius) == np.where(x * x + y * y <= radius * radius, 200, 0)).all()


def test_the_greater_of_two_wins_and_edges_cut() -> None:
    row = np.array([[10, 0, 0, 200]], np.uint8)
    assert dilated(row, 1).tolist() == [[10, 10, 200, 200]]
    assert dilated(row, 100).tolist() == [[200, 200, 200, 200]]
