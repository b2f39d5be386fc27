"""Looking, as a step: sizes and modes are those of the plan."""

from __future__ import annotations

import pytest
from PIL import Image

from domicile.imaging.steps.look import look
from domicile.imaging.steps.reframe import reframe
from tests.pictures.stages import stage
from tests.pictures.synthetic import quadrants, spotted, veiled


@pytest.mark.parametrize("crop", ["crop", "fill", "lfill", "fill_pad", "thumb", "auto", "auto_pad"])
@pytest.mark.parametrize("size", ["h_1,w_1", "h_7,w_300", "h_500,w_9", "h_60,w_60"])
def test_the_result_has_the_planned_size_in_the_mode_of_the_picture(crop: str, size: str) -> None:
    image: Image.Image
    for image in (quadrants(200, 100), veiled(90, 90), spotted(33, 200, 5, 150, 20)):
        planned = stage(f"c_{crop},g_auto,{size}", image.size, has_alpha=image.mode == "RGBA")
        done = look(reframe(image, planned), planned)
        assert (done.size, done.mode) == (planned.size, image.mode)


def test_without_a_look_the_picture_is_left_alone() -> None:
    image = quadrants(20, 10)
    assert look(image, stage("c_fill,h_5,w_5", image.size)) is image
