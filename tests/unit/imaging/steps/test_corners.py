"""Rounded corners against the area of a circle."""

from __future__ import annotations

import math

import numpy as np
import pytest

from domicile.imaging.steps.corners import corners, rounded_mask
from domicile.media.corners import Corner
from tests.pictures.stages import stage
from tests.pictures.synthetic import veiled


@pytest.mark.parametrize(("width", "height"), [(100, 100), (300, 100), (101, 51), (700, 900), (2, 2), (1, 1)])
def test_an_ellipse_has_its_area(width: int, height: int) -> None:
    corner = Corner(width / 2, height / 2)
    mask = rounded_mask((width, height), (corner, corner, corner, corner))
    covered = float(np.asarray(mask).astype(float).sum()) / 255
    assert mask.size == (width, height)
    assert covered == pytest.approx(math.pi * width * height / 4, rel=0.02, abs=1.5)


def test_a_mask_is_symmetric() -> None:
    corner = Corner(20, 20)
    mask = np.asarray(rounded_mask((60, 50), (corner, corner, corner, corner)))
    assert (mask == mask[::-1]).all()
    assert (mask == mask[:, ::-1]).all()


def test_transparency_and_corners_multiply() -> None:
    cut = corners(veiled(40, 40), stage("r_10", (40, 40), has_alpha=True))
    assert cut.getpixel((30, 10)) == (0, 255, 0, 0)
    assert cut.getpixel((15, 30)) == (0, 0, 255, 128)
    pixel = cut.getpixel((0, 0))
    assert isinstance(pixel, tuple)
    assert pixel[3] == 0
