"""The port to the resampler."""

from __future__ import annotations

import pytest
from PIL import Image

from domicile.imaging.resample import gap_for, resample
from domicile.media.geometry import Window
from tests.pictures.synthetic import hidden, quadrants, ramp


def test_the_whole_picture_at_its_size_is_the_same_object() -> None:
    image = quadrants(40, 20)
    assert resample(image, Window((0, 0, 40, 20), (40, 20))) is image


def test_a_pure_crop_moves_pixels_unchanged() -> None:
    assert resample(ramp(40, 20), Window((5, 6, 15, 16), (10, 10))).getpixel((0, 0)) == (5, 6, 128)


def test_hidden_colours_do_not_bleed() -> None:
    small = resample(hidden(100, 100), Window((0, 0, 100, 100), (7, 7)))
    for x in range(7):
        pixel = small.getpixel((x, 3))
        assert isinstance(pixel, tuple)
        assert pixel[1] == 0 or pixel[3] == 0


@pytest.mark.parametrize(("size", "gap"), [((399, 10), 3.0), ((10, 399), 3.0), ((400, 10), 1.75), ((800, 800), 1.75)])
def test_thumbnails_keep_more_pixels_for_the_precise_step(size: tuple[int, int], gap: float) -> None:
    assert gap_for(*size) == gap


def test_a_flat_picture_stays_flat() -> None:
    flat = Image.new("RGB", (333, 77), (10, 20, 30))
    assert resample(flat, Window((1.5, 2.5, 300.25, 70), (50, 20))).getextrema() == ((10, 10), (20, 20), (30, 30))
