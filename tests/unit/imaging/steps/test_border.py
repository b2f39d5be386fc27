"""Borders: the size is the planned one, whatever the corners."""

from __future__ import annotations

import numpy as np
import pytest

from domicile.imaging.steps.border import border
from domicile.imaging.steps.corners import corners
from tests.pictures.stages import stage
from tests.pictures.synthetic import quadrants, veiled


@pytest.mark.parametrize("text", ["bo_3px_solid_red", "bo_3px_solid_red,r_max", "bo_30px_solid_rgb:00000040,r_5:0"])
def test_the_result_has_the_planned_size(text: str) -> None:
    for image in (quadrants(40, 20), veiled(41, 19)):
        planned = stage(text, image.size)
        assert border(corners(image, planned), planned).size == planned.size


def test_an_opaque_picture_with_sharp_corners_stays_opaque() -> None:
    assert border(quadrants(40, 20), stage("bo_3px_solid_red", (40, 20))).mode == "RGB"


def test_colours_behind_transparency_do_not_mix_into_the_line() -> None:
    image = veiled(60, 60)
    image.paste((0, 255, 0, 0), (0, 0, 60, 60))
    planned = stage("bo_5px_solid_red,r_max", image.size)
    pixels = np.asarray(border(corners(image, planned), planned))
    assert pixels[pixels[..., 3] > 0][:, 1].max() == 0


def test_without_a_border_the_picture_is_left_alone() -> None:
    image = quadrants(20, 10)
    assert border(image, stage("bo_0px_solid_red", image.size)) is image
