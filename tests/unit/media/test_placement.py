from __future__ import annotations

from fractions import Fraction

import pytest

from domicile.media.placement import Placement, placed
from domicile.media.transformation import Gravity

BASE, LAYER = (100, 80), (20, 10)
NOWHERE = (Fraction(0), Fraction(0))


def shift(x: float, y: float) -> tuple[Fraction, Fraction]:
    return Fraction(x), Fraction(y)


@pytest.mark.parametrize(
    "gravity, plain, pushed",
    [
        ("center", (40, 35), (43, 39)),
        ("north", (40, 0), (43, 4)),
        ("north_east", (80, 0), (77, 4)),
        ("east", (80, 35), (77, 39)),
        ("south_east", (80, 70), (77, 66)),
        ("south", (40, 70), (43, 66)),
        ("south_west", (0, 70), (3, 66)),
        ("west", (0, 35), (3, 39)),
        ("north_west", (0, 0), (3, 4)),
    ],
)
def test_offsets_push_inward_from_the_named_side(gravity: str, plain: tuple[int, int], pushed: tuple[int, int]) -> None:
    for by, at in ((NOWHERE, plain), (shift(3, 4), pushed)):
        assert placed(BASE, LAYER, Gravity(gravity), by) == Placement(canvas=BASE, base_at=(0, 0), layer_at=at)


def test_half_pixels_are_cut_off() -> None:
    assert placed((5, 5), (2, 2), Gravity.CENTER, NOWHERE).layer_at == (1, 1)
    assert placed((5, 5), (2, 2), Gravity.NORTH_WEST, shift(1.9, 0.5)).layer_at == (1, 0)


def test_a_layer_that_sticks_out_makes_the_picture_larger() -> None:
    found = placed(BASE, LAYER, Gravity.SOUTH_EAST, shift(-5, -6))
    assert found == Placement(canvas=(105, 86), base_at=(0, 0), layer_at=(85, 76))
    assert found.grows(BASE)
    found = placed(BASE, LAYER, Gravity.NORTH_WEST, shift(-5, -6))
    assert found == Placement(canvas=(105, 86), base_at=(5, 6), layer_at=(0, 0))
    assert placed((10, 10), (30, 10), Gravity.CENTER, NOWHERE) == Placement(
        canvas=(30, 10), base_at=(10, 0), layer_at=(0, 0)
    )


def test_no_overflow_keeps_the_canvas() -> None:
    found = placed(BASE, LAYER, Gravity.NORTH_WEST, shift(-5, -6), may_grow=False)
    assert found == Placement(canvas=BASE, base_at=(0, 0), layer_at=(-5, -6))
    assert not found.grows(BASE)


def test_tiles_keep_the_canvas_and_begin_where_the_layer_would_be() -> None:
    found = placed(BASE, LAYER, Gravity.CENTER, NOWHERE, is_tiled=True)
    assert found == Placement(canvas=BASE, base_at=(0, 0), layer_at=(40, 35), is_tiled=True)
    assert placed((10, 10), (30, 30), Gravity.CENTER, NOWHERE, is_tiled=True).canvas == (10, 10)


def test_a_region_is_what_gravity_looks_at() -> None:
    face = (50, 10, 70, 40)
    assert placed(BASE, LAYER, Gravity.CENTER, NOWHERE, region=face).layer_at == (50, 20)
    assert placed(BASE, LAYER, Gravity.NORTH, shift(0, 2), region=face).layer_at == (50, 12)
    assert placed(BASE, (40, 40), Gravity.CENTER, NOWHERE, region=face).layer_at == (40, 5)
