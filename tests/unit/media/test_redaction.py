"""What is hidden, and how coarsely: never finer than the bounds, whatever a URL asks for."""

from __future__ import annotations

import msgspec
import pytest

from domicile.media.errors import BadTransformation
from domicile.media.faces import Faces
from domicile.media.grammar import parse_transformation
from domicile.media.plan import Plan, make_plan
from domicile.media.redaction import CELL_SIDE_MIN, CELLS_MAX, Area, Redaction
from domicile.media.stage import Stage
from tests.unit.media.plans import FACTS, LIMITS

FACE = (100.0, 40.0, 180.0, 140.0)
PADDED = (80, 15, 200, 165)


def plan(text: str, *boxes: tuple[float, float, float, float], orientation: int = 1) -> Plan:
    """Of a picture of 400 x 200, as displayed."""
    facts = msgspec.structs.replace(FACTS, orientation=orientation)
    return make_plan(parse_transformation(text), facts, "png", LIMITS, Faces(covering=boxes))


def hidden(text: str, *boxes: tuple[float, float, float, float], orientation: int = 1) -> Redaction:
    stages = plan(text, *boxes, orientation=orientation).stages
    [redaction] = [one.redaction for one in stages if isinstance(one, Stage) and one.redaction]
    return redaction


def test_a_face_is_hidden_with_a_margin_on_each_side() -> None:
    assert hidden("e_pixelate_faces", FACE) == Redaction((Area(PADDED, 19),), soft=False)
    assert hidden("e_blur_faces", FACE).soft


def test_the_margin_ends_at_the_edge_of_the_picture() -> None:
    assert hidden("e_pixelate_faces", (0.0, 0.0, 40.0, 40.0)).areas[0].box == (0, 0, 50, 50)
    assert hidden("e_pixelate_faces", (380.0, 180.0, 400.0, 200.0)).areas[0].box == (375, 175, 400, 200)


def test_without_faces_nothing_is_done() -> None:
    assert plan("e_blur_faces").stages == ()


@pytest.mark.parametrize("text", ["e_pixelate_faces:1", "e_blur_faces:1", "e_blur_faces:2"])
def test_no_url_makes_cells_finer_than_the_bounds(text: str) -> None:
    for box in (FACE, (10.0, 10.0, 14.0, 14.0), (0.0, 0.0, 400.0, 200.0)):
        for area in hidden(text, box).areas:
            left, top, right, bottom = area.box
            assert area.cell >= CELL_SIDE_MIN
            assert max(right - left, bottom - top) / area.cell <= CELLS_MAX


def test_coarser_cells_may_be_asked_for() -> None:
    assert hidden("e_pixelate_faces:60", FACE).areas[0].cell == 60
    assert hidden("e_blur_faces:600", FACE).areas[0].cell == 60
    assert hidden("dpr_2.0,e_pixelate_faces:60/w_400", FACE).areas[0].cell == 60, "of the original, whatever dpr says"


def test_faces_are_hidden_where_the_chain_has_put_them() -> None:
    assert hidden("a_hflip/e_pixelate_faces", FACE).areas[0].box == (200, 15, 320, 165)
    assert hidden("w_0.5/e_pixelate_faces", FACE).areas[0].box == (40, 7, 100, 83)
    assert hidden("w_0.5,e_pixelate_faces", FACE).areas[0].box == (40, 7, 100, 83)


def test_a_picture_shown_as_it_is_stored_hides_them_too() -> None:
    assert hidden("a_ignore,e_pixelate_faces", FACE, orientation=3).areas[0].box == (200, 35, 320, 185)


def test_a_region_is_where_the_url_says() -> None:
    assert hidden("e_pixelate_region,h_20,w_40,x_10,y_5").areas == (Area((10, 5, 50, 25), 8),)
    assert hidden("e_blur_region,h_0.5,w_0.25,x_0.5,y_0.25").areas[0].box == (200, 50, 300, 150)


def test_a_region_reaches_as_far_as_the_picture_by_default_and_at_most() -> None:
    assert hidden("e_pixelate_region").areas[0].box == (0, 0, 400, 200)
    assert hidden("e_pixelate_region,w_1000,x_300").areas[0].box == (300, 0, 400, 200)


def test_a_region_is_no_size() -> None:
    assert plan("e_pixelate_region,h_20,w_40").size == (400, 200)


@pytest.mark.parametrize("where", ["x_400", "y_200", "w_10,x_-10"])
def test_a_region_outside_is_refused(where: str) -> None:
    with pytest.raises(BadTransformation, match="outside the image"):
        plan(f"e_blur_region,{where}")


@pytest.mark.parametrize("more", ["c_fill", "g_north", "ar_1:1", "g_face"])
def test_a_region_and_a_crop_in_one_component_are_refused(more: str) -> None:
    with pytest.raises(BadTransformation, match="e_blur_region"):
        plan(f"e_blur_region,h_10,w_10,{more}")


@pytest.mark.parametrize(
    "text, box",
    [
        ("e_pixelate_region,h_20,w_40,x_10,y_5/dpr_2.0,w_100", (10, 5, 50, 25)),
        ("w_100/dpr_2.0,e_pixelate_region,h_20,w_40,x_10,y_5", (20, 10, 100, 50)),
        ("w_100/a_90/dpr_2.0,e_pixelate_region,h_20,w_40,x_5,y_5", (10, 10, 90, 50)),
        ("w_100/a_90,e_pixelate_region,h_20,w_40,x_5,y_5/dpr_2.0", (10, 10, 90, 50)),
    ],
)
def test_density_hides_the_same_part_of_what_is_shown(text: str, box: tuple[int, ...]) -> None:
    assert hidden(text).areas[0].box == box


def test_hiding_comes_before_the_steps_after_it() -> None:
    first, *_ = plan("e_pixelate_faces/w_100", FACE).stages
    assert isinstance(first, Stage)
    assert first.redaction is not None
    assert plan("e_pixelate_faces/w_100", FACE).window.size == (400, 200), "all pixels are decoded to be hidden"
    assert plan("e_pixelate_faces/w_100").window.size == (100, 50), "with nobody in it, only those that are shown"


@pytest.mark.parametrize(
    "text",
    [
        "c_fill,g_auto,h_50,w_50/e_pixelate_faces",
        "c_fill,e_blur_faces,g_auto,h_50,w_50",
        "c_thumb,g_auto,h_50,w_50/w_20/c_fill,g_face,h_10,w_10",
    ],
)
def test_faces_behind_automatic_gravity_are_refused_because_nobody_knows_where_they_are(text: str) -> None:
    with pytest.raises(BadTransformation, match="faces go before g_auto"):
        plan(text, FACE)


def test_faces_before_automatic_gravity_are_hidden() -> None:
    assert hidden("e_pixelate_faces/c_fill,g_auto,h_50,w_50", FACE).areas == hidden("e_pixelate_faces", FACE).areas


def test_a_region_is_no_box_to_turn_for() -> None:
    with pytest.raises(BadTransformation, match="turn in another one"):
        plan("a_auto_right,e_blur_region,h_20,w_10")


@pytest.mark.parametrize(
    "text, by",
    [("bo_7px_solid_red", (7, 7)), ("e_outline:9", (9, 9)), ("e_shadow,x_-40,y_5", (48, 3))],
)
def test_what_is_drawn_around_a_picture_moves_its_faces(text: str, by: tuple[int, int]) -> None:
    left, top, right, bottom = hidden("e_pixelate_faces", FACE).areas[0].box
    moved = hidden(f"{text}/e_pixelate_faces", FACE).areas[0].box
    assert moved == (left + by[0], top + by[1], right + by[0], bottom + by[1])
