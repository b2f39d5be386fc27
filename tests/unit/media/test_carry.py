"""A component's window, canvas and turns, one after the other; and the picture as it is stored."""

from __future__ import annotations

import pytest

from domicile.media.carry import as_stored, carried
from domicile.media.faces import Faces
from domicile.media.frame import WHITE, Canvas
from domicile.media.geometry import Window
from domicile.media.turns import Turn

FACE = Faces(framing=((10.0, 20.0, 30.0, 40.0),), covering=((10.0, 20.0, 30.0, 40.0),))


def test_nothing_done_moves_nothing() -> None:
    assert carried(FACE, (100, 100), None, None, ()) == FACE


def test_the_steps_of_a_component_follow_each_other() -> None:
    window, canvas = Window((0, 0, 100, 100), (50, 50)), Canvas((100, 60), (25, 5), WHITE)
    turned = carried(FACE, (100, 100), window, canvas, (Turn("rotate", 90, (60, 100)), Turn("hflip", 0, (60, 100))))
    # halved: 5 10 15 20; on its ground: 30 15 40 25; turned: 35 30 45 40; mirrored: 15 30 25 40
    assert turned.covering[0] == pytest.approx((15.0, 30.0, 25.0, 40.0))
    assert turned.framing == turned.covering


@pytest.mark.parametrize(
    "orientation, box",
    [(1, (10, 20, 30, 40)), (3, (170, 60, 190, 80)), (6, (20, 70, 40, 90)), (8, (160, 10, 180, 30))],
)
def test_a_picture_seen_as_it_is_stored_has_them_elsewhere(orientation: int, box: tuple[int, ...]) -> None:
    seen = as_stored(FACE, orientation, (200, 100))
    assert seen.covering == seen.framing == (box,)
