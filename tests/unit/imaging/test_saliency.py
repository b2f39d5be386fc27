"""The map of what matters: on pictures where there is no doubt."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from domicile.imaging.saliency import FULL, PROXY_SIDE, saliency
from tests.pictures.synthetic import hidden, lettered, ramp, spotted


def test_the_map_is_small_whatever_the_picture() -> None:
    assert saliency(spotted(2000, 1000, 900, 200, 100)).shape == (PROXY_SIDE // 2, PROXY_SIDE)
    assert saliency(spotted(3, 2, 0, 0, 1)).shape == (2, 3)
    assert saliency(Image.new("RGB", (1, 3000))).shape == (PROXY_SIDE, 1)


def test_nothing_matters_on_flat_ground() -> None:
    assert saliency(Image.new("RGB", (100, 100), (3, 200, 90))).max() == 0


@pytest.mark.parametrize("at", [(20, 20), (300, 30), (180, 150), (370, 170)])
def test_the_object_matters_most(at: tuple[int, int]) -> None:
    found = saliency(spotted(400, 200, *at, 24))
    y, x = np.unravel_index(found.argmax(), found.shape)
    scale = 400 / found.shape[1]
    assert abs(int(x) * scale - at[0] - 12) <= 24
    assert abs(int(y) * scale - at[1] - 12) <= 24
    assert found.max() == FULL


def test_text_matters_more_than_paper() -> None:
    found = saliency(lettered(400, 200, 300, 50, 80))
    assert found[:, 90:].sum() > 0.95 * found.sum()


def test_colours_of_what_is_transparent_do_not_matter() -> None:
    assert saliency(hidden(100, 50))[:, 60:].max() == 0


def test_what_is_favoured_matters_more_than_what_shines() -> None:
    image = spotted(400, 200, 20, 20, 40)
    found = saliency(image, favoured=((0.75, 0.5, 0.8, 0.6),))
    y, x = np.unravel_index(found.argmax(), found.shape)
    assert 0.75 <= x / found.shape[1] <= 0.8
    assert 0.5 <= y / found.shape[0] <= 0.6


def test_a_favoured_box_may_stick_out_or_be_a_point() -> None:
    for box in ((-1.0, -1.0, 0.1, 0.1), (0.95, 0.95, 3.0, 3.0), (0.5, 0.5, 0.5, 0.5), (2.0, 2.0, 3.0, 3.0)):
        assert saliency(ramp(100, 100), favoured=(box,)).max() > FULL


def test_the_same_picture_has_the_same_map() -> None:
    assert (saliency(ramp(200, 100)) == saliency(ramp(200, 100))).all()
