"""The order of the steps is the documented one, and a stage without wishes changes nothing."""

from __future__ import annotations

from domicile.imaging.steps import STEPS, perform
from tests.pictures.stages import stage
from tests.pictures.synthetic import quadrants


def test_the_order_is_that_of_the_documentation() -> None:
    names = [step.__name__ for step in STEPS]
    assert names == ["reframe", "look", "pad", "turn", "redact", "effect", "corners", "border", "background", "opacity"]


def test_a_stage_without_wishes_gives_the_same_picture() -> None:
    image = quadrants(40, 20)
    assert perform(image, stage("", (40, 20))) is image
