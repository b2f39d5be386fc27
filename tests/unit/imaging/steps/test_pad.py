"""The ground."""

from __future__ import annotations

from PIL import Image

from domicile.imaging.steps.pad import pad
from tests.pictures.stages import stage
from tests.pictures.synthetic import veiled


def test_an_opaque_picture_on_an_opaque_ground_stays_opaque() -> None:
    padded = pad(Image.new("RGB", (40, 20)), stage("b_red,c_lpad,h_40,w_40", (40, 20)))
    assert (padded.mode, padded.size) == ("RGB", (40, 40))
    assert padded.getpixel((0, 0)) == (255, 0, 0)


def test_the_transparency_of_the_picture_is_left_to_the_background_step() -> None:
    padded = pad(veiled(40, 20), stage("b_red,c_lpad,h_40,w_40", (40, 20), has_alpha=True))
    assert padded.getpixel((30, 12)) == (0, 255, 0, 0)
    assert padded.getpixel((0, 0)) == (255, 0, 0, 255)


def test_a_picture_that_hangs_over_is_cut() -> None:
    padded = pad(Image.new("RGB", (40, 20), (0, 255, 0)), stage("b_red,c_lpad,g_west,h_20,w_40,x_30", (40, 20)))
    assert padded.size == (40, 20)
    assert padded.getpixel((29, 5)) == (255, 0, 0)
    assert padded.getpixel((39, 5)) == (0, 255, 0)
