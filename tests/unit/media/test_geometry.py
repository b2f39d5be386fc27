"""Boxes, rounding, gravity and orientation hold for every size."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.media.geometry import (
    Side,
    Window,
    clamped,
    composed,
    contained,
    covering,
    crop_window,
    fill_window,
    offset,
    rounded,
    stored_window,
    upright_size,
)
from domicile.media.transformation import Gravity

SIDES = st.integers(1, 40_000)
SIZES = st.tuples(SIDES, SIDES)
SHIFTS = st.tuples(st.integers(-50_000, 50_000).map(Fraction), st.integers(-50_000, 50_000).map(Fraction))
GRAVITIES = st.sampled_from(Gravity)
NOWHERE = (Fraction(0), Fraction(0))


def _is_inside(window: Window, source: Side) -> bool:
    left, top, right, bottom = window.box
    return 0 <= left < right <= source[0] and 0 <= top < bottom <= source[1]


@given(SIZES, SIZES, GRAVITIES, SHIFTS)
def test_a_fill_has_the_size_asked_for_and_shows_only_the_source(
    source: Side, size: Side, gravity: Gravity, shift: tuple[Fraction, Fraction]
) -> None:
    window = fill_window(source, size, gravity, shift)
    assert window.size == size
    assert _is_inside(window, source)


@given(SIZES, SIZES, GRAVITIES)
def test_a_fill_shows_all_of_one_side_but_for_rounding(source: Side, size: Side, gravity: Gravity) -> None:
    left, top, right, bottom = fill_window(source, size, gravity, NOWHERE).box
    pixel = (source[0] / size[0], source[1] / size[1])
    assert right - left >= source[0] - pixel[0] or bottom - top >= source[1] - pixel[1]


@given(SIZES, SIZES, GRAVITIES, SHIFTS)
def test_a_crop_lies_inside_the_source_or_is_nothing(
    source: Side, size: Side, gravity: Gravity, shift: tuple[Fraction, Fraction]
) -> None:
    window = crop_window(source, size, gravity, shift)
    if window is not None:
        assert _is_inside(window, source)
        assert window.is_pure_crop
        assert 1 <= window.size[0] <= size[0]
        assert 1 <= window.size[1] <= size[1]


@given(SIZES, SIZES, GRAVITIES)
def test_a_crop_without_offset_always_shows_something(source: Side, size: Side, gravity: Gravity) -> None:
    window = crop_window(source, size, gravity, NOWHERE)
    assert window is not None
    assert window.size == (min(source[0], size[0]), min(source[1], size[1]))


@given(SIZES, SIZES)
def test_contained_fits_and_covering_covers(source: Side, box: Side) -> None:
    exact = (Fraction(box[0]), Fraction(box[1]))
    inside, around = contained(source, exact), covering(source, exact)
    assert inside[0] <= box[0]
    assert inside[1] <= box[1]
    assert around[0] >= box[0]
    assert around[1] >= box[1]
    assert inside[0] * source[1] == inside[1] * source[0]
    assert contained(source, exact, at_most=Fraction(1))[0] <= source[0]
    assert contained(source, exact, at_least=Fraction(1))[0] >= source[0]


@given(SIZES, SIZES, st.integers(1, 8), GRAVITIES)
def test_a_window_in_stored_coordinates_stays_inside_the_stored_pixels(
    shown: Side, size: Side, orientation: int, gravity: Gravity
) -> None:
    stored = upright_size(shown, orientation)
    window = stored_window(fill_window(shown, size, gravity, NOWHERE), orientation, stored)
    assert _is_inside(window, stored)
    assert upright_size(window.size, orientation) == size


@given(SIZES, st.integers(1, 8))
def test_the_whole_picture_is_whole_in_stored_coordinates(shown: Side, orientation: int) -> None:
    stored = upright_size(shown, orientation)
    whole = stored_window(Window((0, 0, *shown), shown), orientation, stored)
    assert not whole.changes(stored)


@given(st.fractions(min_value=0, max_value=10**6))
def test_rounding_is_half_up_and_at_least_one(value: Fraction) -> None:
    result = rounded(value)
    assert result >= 1
    assert result == 1 or abs(result - value) <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Fraction(1, 3), 1),
        (Fraction(3, 2), 2),
        (Fraction(5, 2), 3),
        (Fraction(49, 10), 5),
        (Fraction(449, 100), 4),
    ],
)
def test_halves_go_up(value: Fraction, expected: int) -> None:
    assert rounded(value) == expected


@pytest.mark.parametrize(
    ("gravity", "expected"),
    [
        (Gravity.NORTH_WEST, (3, 2)),
        (Gravity.NORTH, (48, 2)),
        (Gravity.NORTH_EAST, (87, 2)),
        (Gravity.WEST, (3, 22)),
        (Gravity.CENTER, (48, 22)),
        (Gravity.EAST, (87, 22)),
        (Gravity.SOUTH_WEST, (3, 38)),
        (Gravity.SOUTH, (48, 38)),
        (Gravity.SOUTH_EAST, (87, 38)),
    ],
)
def test_offsets_push_away_from_the_named_edge(gravity: Gravity, expected: tuple[int, int]) -> None:
    outer, inner = (Fraction(100), Fraction(50)), (Fraction(10), Fraction(10))
    left, top = offset(outer, inner, gravity, (Fraction(3), Fraction(2)))
    assert (int(left), int(top)) == expected


def test_a_position_is_moved_the_least() -> None:
    outer, inner = (Fraction(100), Fraction(50)), (Fraction(10), Fraction(10))
    assert clamped((Fraction(-5), Fraction(70)), outer, inner) == (Fraction(0), Fraction(40))
    assert clamped((Fraction(5), Fraction(7)), outer, inner) == (Fraction(5), Fraction(7))


def test_two_windows_become_one() -> None:
    crop = Window((10, 20, 60, 50), (50, 30))
    resized = composed(crop, Window((5, 5, 25, 15), (200, 100)), (100, 80))
    assert resized == Window((15, 25, 35, 35), (200, 100), cut=(10, 20, 60, 50))


def test_a_second_crop_needs_no_memory_of_the_first() -> None:
    crop = Window((10, 20, 60, 50), (50, 30))
    assert composed(crop, Window((5, 5, 25, 15), (20, 10)), (100, 80)) == Window((15, 25, 35, 35), (20, 10))


def test_a_crop_that_takes_nothing_away_leaves_no_cut() -> None:
    whole = Window((0, 0, 100, 80), (100, 80))
    assert composed(whole, Window((5, 5, 25, 15), (200, 100)), (100, 80)).cut is None


def test_only_whole_pixels_inside_a_cut_may_be_looked_at() -> None:
    window = Window((2.5, 2.5, 7.5, 7.5), (50, 50), cut=(2.25, 2.0, 7.75, 8.0))
    assert window.alone == (3, 2, 7, 8)
    assert window.seen_from((3, 2, 7, 8)) == Window((0, 0.5, 4, 5.5), (50, 50))
    assert Window((0, 0, 10, 10), (5, 5)).alone is None
    assert Window((1, 2, 4, 6), (3, 4)).alone == (1, 2, 4, 6)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_cut_is_stored_where_its_box_is(orientation: int) -> None:
    box = (10.0, 20.0, 60.0, 50.0)
    stored = stored_window(Window(box, (25, 15), cut=box), orientation, (200, 100))
    assert stored.cut == stored.box


def test_a_crop_that_shows_nothing_is_none() -> None:
    assert crop_window((100, 50), (10, 10), Gravity.NORTH_WEST, (Fraction(100), Fraction(0))) is None
    assert crop_window((100, 50), (10, 10), Gravity.NORTH_WEST, (Fraction(-10), Fraction(0))) is None
    assert crop_window((100, 50), (10, 10), Gravity.NORTH_WEST, (Fraction(-9), Fraction(0))) is not None
