"""Opacity."""

from __future__ import annotations

import pytest
from PIL import Image

from domicile.imaging.steps.opacity import opacity
from tests.pictures.stages import stage


@pytest.mark.parametrize(("percent", "alpha"), [(0, 0), (1, 2), (50, 100), (99, 198)])
def test_alpha_is_multiplied(percent: int, alpha: int) -> None:
    faded = opacity(Image.new("RGBA", (1, 1), (1, 2, 3, 200)), stage(f"o_{percent}", (1, 1)))
    assert faded.getpixel((0, 0)) == (1, 2, 3, alpha)


def test_full_opacity_changes_nothing() -> None:
    image = Image.new("RGB", (1, 1))
    assert opacity(image, stage("o_100", (1, 1))) is image


def test_the_picture_given_is_not_changed() -> None:
    image = Image.new("RGBA", (1, 1), (1, 2, 3, 200))
    opacity(image, stage("o_10", (1, 1)))
    assert image.getpixel((0, 0)) == (1, 2, 3, 200)
