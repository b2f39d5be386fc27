"""Stored coordinates: how they are written, and what of them lies on the picture."""

from __future__ import annotations

import pytest

from domicile.media.coordinates import FACES_STORED_MAX, Coordinates, boxes_inside, read_rects


def test_boxes_are_read_as_sdks_write_them() -> None:
    assert read_rects("10,20,150,130", 1) == ((10, 20, 150, 130),)
    assert read_rects("10, 20,150 ,130|0,0,1,1", 2) == ((10, 20, 150, 130), (0, 0, 1, 1))
    assert read_rects("", 1) == ()


@pytest.mark.parametrize(
    "text",
    ["1,2,3", "1,2,3,4,5", "1,2,3,-4", "-1,2,3,4", "1.5,2,3,4", "a", "1,2,0,4", "1,2,3,0", "1,2,3,4|", "|", "１,2,3,4",
     "1,2,3,9999999", "1,2,3,4;5,6,7,8"],
)  # fmt: skip
def test_what_is_no_box_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        read_rects(text, 5)


def test_there_are_only_so_many() -> None:
    most = "|".join(["1,2,3,4"] * FACES_STORED_MAX)
    assert len(read_rects(most, FACES_STORED_MAX)) == FACES_STORED_MAX
    with pytest.raises(ValueError, match="at most"):
        read_rects(most + "|1,2,3,4", FACES_STORED_MAX)


def test_boxes_are_cut_to_the_picture() -> None:
    assert boxes_inside([(90, 0, 50, 10), (100, 0, 5, 5), (0, 49, 1, 1)], (100, 50)) == (
        (90.0, 0.0, 100.0, 10.0),
        (0.0, 49.0, 1.0, 50.0),
    )


def test_nothing_stored_is_nothing() -> None:
    assert not Coordinates()
    assert Coordinates(custom=((0, 0, 1, 1),))
