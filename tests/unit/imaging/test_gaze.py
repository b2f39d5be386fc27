"""The window that holds most, as near to the middle as that allows."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from domicile.imaging.gaze import best_box
from domicile.imaging.saliency import saliency
from domicile.media.geometry import Box, Side, WholeBox
from domicile.media.look import Look
from domicile.media.transformation import Color
from tests.pictures.synthetic import ramp, spotted

WHITE = Color(255, 255, 255)


def box_of(found: np.ndarray, seen: Side, look: Look) -> WholeBox:
    """A box there must be."""
    box = best_box(found, seen, look)
    assert box is not None
    return box


def test_flat_ground_is_cut_in_the_middle() -> None:
    nothing = np.zeros((64, 128), np.int64)
    assert box_of(nothing, (1000, 500), Look((500, 500), (500, 500))) == (250, 0, 750, 500)
    assert box_of(nothing, (1000, 500), Look((250, 250), (500, 500))) == (250, 0, 750, 500)


def test_a_window_as_large_as_the_picture_is_the_picture() -> None:
    found = saliency(ramp(100, 60))
    assert box_of(found, (100, 60), Look((100, 60), (100, 60))) == (0, 0, 100, 60)


@pytest.mark.parametrize("left", [0, 30, 200, 333, 460])
def test_the_object_is_held_wherever_it_stands(left: int) -> None:
    image = spotted(500, 100, left, 30, 40)
    box = box_of(saliency(image), image.size, Look((100, 100), (100, 100)))
    assert box[0] <= left
    assert left + 40 <= box[2]
    assert 0 <= box[0] < box[2] <= 500


def test_the_window_lies_inside_at_every_size() -> None:
    image = spotted(301, 97, 280, 80, 17)
    found = saliency(image)
    for width in (1, 2, 50, 300, 301):
        for height in (1, 33, 97):
            left, top, right, bottom = box_of(found, image.size, Look((width, height), (width, height)))
            assert (right - left, bottom - top) == (width, height)
            assert 0 <= left < right <= 301
            assert 0 <= top < bottom <= 97


def test_it_comes_closer_only_while_it_keeps_what_matters() -> None:
    small, wide = spotted(400, 400, 180, 180, 40), spotted(400, 400, 40, 40, 320)
    look = Look((200, 200), (400, 400))
    assert box_of(saliency(small), small.size, look) == (100, 100, 300, 300)
    left, top, right, bottom = box_of(saliency(wide), wide.size, look)
    assert (left, top) < (60, 60)
    assert (right, bottom) > (340, 340)


def test_a_crop_that_loses_much_is_none() -> None:
    image = ramp(256, 64)
    assert best_box(saliency(image), image.size, Look((30, 64), (30, 64), WHITE)) is None
    spot = spotted(256, 64, 200, 20, 20)
    assert best_box(saliency(spot), spot.size, Look((64, 64), (64, 64), WHITE)) is not None


def shares(image: Image.Image, boxes: tuple[Box, ...]) -> list[Box]:
    return [(b[0] / image.width, b[1] / image.height, b[2] / image.width, b[3] / image.height) for b in boxes]


@pytest.mark.parametrize("left", [0.0, 3.4, 150.6, 319.9])
def test_a_favoured_box_is_held_whole_where_it_fits(left: float) -> None:
    image = spotted(400, 100, 20, 20, 60)
    favoured = ((left, 10.0, left + 80, 90.0),)
    look = Look((90, 90), (90, 90), favoured=favoured)
    box = box_of(saliency(image, shares(image, favoured)), image.size, look)
    assert box[0] <= left
    assert left + 80 <= box[2]
    assert box[1] <= 10
    assert box[3] >= 90


def test_of_favoured_boxes_that_do_not_fit_together_whole_ones_are_held_and_a_pad_shows_all() -> None:
    image = ramp(400, 100)
    favoured = ((0.0, 20.0, 60.0, 80.0), (50.0, 30.0, 90.0, 70.0), (340.0, 20.0, 380.0, 60.0))
    found = saliency(image, shares(image, favoured))
    box = box_of(found, image.size, Look((100, 100), (100, 100), favoured=favoured))
    assert (box[0], box[2]) <= (0, 100)
    assert best_box(found, image.size, Look((100, 100), (100, 100), WHITE, favoured)) is None


def test_it_comes_closer_only_while_what_is_favoured_stays() -> None:
    image = spotted(400, 400, 180, 180, 40)
    favoured = ((10.0, 10.0, 30.0, 30.0), (180.0, 180.0, 220.0, 220.0))
    look = Look((200, 200), (400, 400), favoured=favoured)
    left, top, right, bottom = box_of(saliency(image, shares(image, favoured)), image.size, look)
    assert left <= 10
    assert top <= 10
    assert right >= 220
    assert bottom >= 220


def test_a_favoured_place_is_held() -> None:
    image = spotted(400, 100, 20, 20, 60)
    look = Look((100, 100), (100, 100))
    assert box_of(saliency(image), image.size, look)[0] < 30
    favoured = ((0.8, 0.3, 0.9, 0.6),)
    left, _, right, _ = box_of(saliency(image, favoured), image.size, look)
    assert left <= 320
    assert right >= 360
