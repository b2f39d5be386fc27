"""The window of a stage."""

from __future__ import annotations

from domicile.imaging.steps.reframe import reframe
from tests.pictures.stages import stage
from tests.pictures.synthetic import ramp


def test_a_window_is_shown_at_its_size() -> None:
    assert reframe(ramp(40, 20), stage("c_crop,h_5,w_6,x_7,y_8", (40, 20))).getpixel((0, 0)) == (7, 8, 128)
    assert reframe(ramp(40, 20), stage("w_10", (40, 20))).size == (10, 5)


def test_no_window_is_no_work() -> None:
    image = ramp(40, 20)
    assert reframe(image, stage("e_blur", (40, 20))) is image
