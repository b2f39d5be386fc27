"""Faces are found once, in the original; each step of a chain says where they are after it."""

from __future__ import annotations

import pytest

from domicile.media.faces import (
    Faces,
    favours_faces,
    names_faces,
    needs_covering,
    through_canvas,
    through_turn,
    through_window,
)
from domicile.media.geometry import Window
from domicile.media.grammar import parse_transformation
from domicile.media.transformation import Gravity
from domicile.media.turns import Turn

SMALL, LARGE = (10.0, 10.0, 20.0, 20.0), (50.0, 5.0, 90.0, 65.0)
TWO = Faces(framing=(SMALL, LARGE), covering=(SMALL,))


@pytest.mark.parametrize("gravity", [Gravity.FACE, Gravity.FACE_CENTER])
def test_one_face_is_the_largest_one(gravity: Gravity) -> None:
    assert TWO.focus(gravity) == LARGE


@pytest.mark.parametrize("gravity", [Gravity.FACES, Gravity.FACES_CENTER])
def test_all_faces_are_the_box_around_them(gravity: Gravity) -> None:
    assert TWO.focus(gravity) == (10.0, 5.0, 90.0, 65.0)


def test_of_two_equal_faces_it_is_always_the_same_one() -> None:
    left, right = (0.0, 0.0, 10.0, 10.0), (30.0, 0.0, 40.0, 10.0)
    assert Faces(framing=(left, right)).focus(Gravity.FACE) == Faces(framing=(right, left)).focus(Gravity.FACE)


def test_without_a_face_the_top_counts_or_the_middle_when_that_is_asked_for() -> None:
    nobody = Faces()
    assert nobody.focus(Gravity.FACE) is None
    assert nobody.fallback(Gravity.FACE) is nobody.fallback(Gravity.FACES) is Gravity.NORTH
    assert nobody.fallback(Gravity.FACE_CENTER) is nobody.fallback(Gravity.FACES_CENTER) is Gravity.CENTER
    assert nobody.fallback(Gravity.SOUTH_EAST) is Gravity.SOUTH_EAST


def test_an_animation_is_shown_from_its_middle() -> None:
    moving = Faces(framing=(LARGE,), is_moving=True)
    assert moving.focus(Gravity.FACE) is None
    assert moving.fallback(Gravity.FACE) is Gravity.CENTER


BOX = (30.0, 30.0, 40.0, 40.0)
KEPT = Faces(framing=(SMALL, LARGE), custom=(BOX,))


@pytest.mark.parametrize("gravity", [Gravity.CUSTOM, Gravity.CUSTOM_FACE, Gravity.CUSTOM_FACES])
def test_what_is_custom_is_looked_at_before_faces_and_the_middle_where_there_is_neither(gravity: Gravity) -> None:
    assert KEPT.focus(gravity) == BOX
    faces = {Gravity.CUSTOM: None, Gravity.CUSTOM_FACE: LARGE, Gravity.CUSTOM_FACES: (10.0, 5.0, 90.0, 65.0)}
    assert TWO.focus(gravity) == faces[gravity]
    assert Faces().fallback(gravity) is (Gravity.CENTER if gravity is Gravity.CUSTOM else Gravity.NORTH)


@pytest.mark.parametrize(
    "text, settled, favoured",
    [
        ("c_fill,g_auto,w_9", Gravity.CUSTOM, (BOX,)),
        ("c_fill,g_auto:face,w_9", Gravity.CUSTOM, (BOX,)),
        ("c_fill_pad,g_auto,h_9,w_9", Gravity.AUTO, (BOX,)),
        ("c_fill,g_auto:custom_no_override,w_9", Gravity.AUTO, (BOX, SMALL, LARGE)),
        ("c_fill,g_auto:none,w_9", Gravity.AUTO, ()),
        ("c_fill,g_north,w_9", Gravity.NORTH, (BOX,)),
    ],
)
def test_stored_coordinates_override_automatic_gravity_unless_told_otherwise(
    text: str, settled: Gravity, favoured: tuple[tuple[float, ...], ...]
) -> None:
    [component] = parse_transformation(text).components
    assert (KEPT.settled(component), KEPT.favoured(component)) == (settled, favoured)


@pytest.mark.parametrize("focal, favoured", [("", (SMALL, LARGE)), (":face", (LARGE,)), (":none", ())])
def test_automatic_gravity_favours_faces(focal: str, favoured: tuple[tuple[float, ...], ...]) -> None:
    transformation = parse_transformation(f"c_fill,g_auto{focal},w_9")
    assert TWO.favoured(transformation.components[0]) == favoured
    assert favours_faces(transformation) is (focal != ":none")
    assert Faces(framing=(SMALL,), is_moving=True).favoured(transformation.components[0]) == ()


def test_without_a_face_the_eye_decides_where_that_is_asked_for() -> None:
    assert Faces().fallback(Gravity.FACE_AUTO) is Faces().fallback(Gravity.FACES_AUTO) is Gravity.AUTO
    assert Faces(is_moving=True).fallback(Gravity.FACE_AUTO) is Gravity.CENTER


def test_other_gravities_look_at_no_face() -> None:
    assert TWO.focus(Gravity.NORTH) is None


@pytest.mark.parametrize(
    "text, framing, covering",
    [
        ("w_100", False, False),
        ("c_fill,g_north,h_10,w_10", False, False),
        ("w_100/c_thumb,g_faces:center,h_10,w_10", True, False),
        ("c_crop,g_face/e_blur_faces", True, True),
        ("e_pixelate_faces:20", False, True),
        ("e_pixelate_region,h_10,w_10", False, False),
    ],
)
def test_faces_are_looked_for_when_the_chain_asks_for_them(text: str, framing: bool, covering: bool) -> None:
    transformation = parse_transformation(text)
    assert (names_faces(transformation), needs_covering(transformation)) == (framing, covering)


def test_a_window_moves_scales_and_cuts_them() -> None:
    seen = through_window(TWO, Window((40, 0, 80, 40), (20, 20)))
    assert seen.framing == ((5.0, 2.5, 20.0, 20.0),)
    assert seen.covering == (), "it was cropped away"


def test_a_canvas_moves_them() -> None:
    assert through_canvas(TWO, (5, -15), (200, 200)).covering == ((15.0, 0.0, 25.0, 5.0),)
    assert through_canvas(KEPT, (5, 5), (200, 200)).custom == ((35.0, 35.0, 45.0, 45.0),)


@pytest.mark.parametrize(
    "turn, box",
    [
        (Turn("hflip", 0, (100, 80)), (80.0, 10.0, 90.0, 20.0)),
        (Turn("vflip", 0, (100, 80)), (10.0, 60.0, 20.0, 70.0)),
        (Turn("rotate", 90, (80, 100)), (60.0, 10.0, 70.0, 20.0)),
        (Turn("rotate", 180, (100, 80)), (80.0, 60.0, 90.0, 70.0)),
        (Turn("rotate", 270, (80, 100)), (10.0, 80.0, 20.0, 90.0)),
    ],
)
def test_turns_and_flips_move_them(turn: Turn, box: tuple[float, ...]) -> None:
    assert through_turn(TWO, turn, (100, 80)).covering[0] == pytest.approx(box)


def test_a_free_angle_leaves_the_box_around_the_turned_one() -> None:
    middle = Faces(covering=((40.0, 40.0, 60.0, 60.0),))
    [box] = through_turn(middle, Turn("rotate", 45, (142, 142)), (100, 100)).covering
    assert box == pytest.approx((71 - 14.142, 71 - 14.142, 71 + 14.142, 71 + 14.142), abs=0.001)
