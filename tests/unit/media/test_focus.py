"""A crop stands where the face is, inside the picture."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.media.errors import BadTransformation
from domicile.media.faces import Faces
from domicile.media.frame import Frame, framed
from domicile.media.geometry import Box
from domicile.media.grammar import parse_component

FACE = (300.0, 100.0, 360.0, 180.0)
BOTH = Faces(framing=(FACE, (500.0, 120.0, 530.0, 150.0)))
SOURCE = (800, 400)


def frame(text: str, faces: Faces = BOTH, source: tuple[int, int] = SOURCE) -> Frame:
    return framed(parse_component(text), source, Fraction(1), has_alpha=False, faces=faces)


def box_of(text: str, faces: Faces = BOTH) -> Box:
    window = frame(text, faces).window
    assert window is not None
    return window.box


def test_a_fill_has_the_face_in_its_middle() -> None:
    left, top, right, bottom = box_of("c_fill,g_face,h_200,w_200")
    assert (left + right) / 2 == 330
    assert (top, bottom) == (0, 400)


def test_a_fill_stays_inside_the_picture() -> None:
    assert box_of("c_fill,g_face,h_200,w_200", Faces(framing=((0.0, 0.0, 50.0, 50.0),)))[0] == 0
    assert box_of("c_fill,g_face,h_200,w_200", Faces(framing=((780.0, 0.0, 800.0, 50.0),)))[2] == 800


def test_faces_are_framed_together() -> None:
    left, _, right, _ = box_of("c_fill,g_faces,h_200,w_200")
    assert (left + right) / 2 == pytest.approx(415, abs=2), "a whole pixel of the result"


def test_an_offset_moves_the_fill_off_the_face() -> None:
    assert box_of("c_fill,g_face,h_200,w_200,x_10")[0] == box_of("c_fill,g_face,h_200,w_200")[0] + 20


def test_lfill_frames_a_face_without_enlarging() -> None:
    assert frame("c_lfill,g_face,h_100,w_100").size == (100, 100)
    assert frame("c_lfill,g_face,h_4000,w_100").size == (100, 400)


def test_a_crop_of_a_size_is_cut_around_the_face_unscaled() -> None:
    window = frame("c_crop,g_face,h_100,w_120").window
    assert window is not None
    assert window.box == (270, 90, 390, 190)
    assert window.is_pure_crop


def test_a_crop_larger_than_the_picture_is_all_of_it() -> None:
    assert frame("c_crop,g_face,h_1000,w_1000").size == SOURCE


def test_a_crop_without_a_size_is_the_face_itself() -> None:
    assert box_of("c_crop,g_face") == FACE
    assert box_of("c_thumb,g_faces") == (300, 100, 530, 180)


def test_zoom_shows_more_or_less_around_the_face() -> None:
    assert box_of("c_crop,g_face,z_0.5") == (270, 60, 390, 220)
    assert box_of("c_crop,g_face,z_2") == (315, 120, 345, 160)
    assert box_of("c_crop,g_face,z_0.1") == (30, 0, 630, 400)


def test_without_a_face_a_crop_without_a_size_is_all_of_the_picture() -> None:
    assert frame("c_crop,g_face", Faces()).window is None
    assert frame("c_thumb,g_faces,z_0.7", Faces()).size == SOURCE


def test_a_thumb_shows_the_face_with_room_around_it() -> None:
    left, top, right, bottom = box_of("c_thumb,g_face,h_100,w_100")
    assert (left, top, right, bottom) == (270, 80, 390, 200), "one and a half times its height, square"


def test_a_thumb_zooms() -> None:
    near, far = box_of("c_thumb,g_face,h_100,w_100,z_1.5"), box_of("c_thumb,g_face,h_100,w_100,z_0.75")
    assert near[3] - near[1] == 80
    assert far[3] - far[1] == 160


def test_a_thumb_without_a_face_is_a_fill_from_the_top() -> None:
    tall = frame("c_thumb,g_face,h_100,w_100", Faces(), (100, 300)).window
    assert tall is not None
    assert tall.box == (0, 0, 100, 100)
    middle = frame("c_thumb,g_face:center,h_100,w_100", Faces(), (100, 300)).window
    assert middle is not None
    assert middle.box == (0, 100, 100, 200)


@pytest.mark.parametrize(
    "text",
    [
        "c_fill,g_face,h_10,w_10,z_0.5",
        "c_thumb,g_north,h_10,w_10,z_0.5",
        "c_thumb,h_10,w_10,z_2",
        "w_10,z_2",
        "z_2",
        "c_crop,g_face,h_10,w_10,z_2",
        "c_crop,g_face,x_5",
        "c_thumb,g_north",
    ],
)
def test_what_zoom_or_a_cut_cannot_mean_is_refused_with_and_without_faces(text: str) -> None:
    for faces in (BOTH, Faces()):
        with pytest.raises(BadTransformation, match="needs"):
            frame(text, faces)


@given(
    st.integers(1, 2000),
    st.integers(1, 2000),
    st.floats(0, 0.9),
    st.floats(0, 0.9),
    st.floats(0.01, 0.1),
    st.sampled_from(["c_thumb,g_face,h_100,w_100", "c_thumb,g_face,h_50,w_200,z_0.4", "c_fill,g_faces,h_33,w_77"]),
)
def test_the_window_is_inside_the_picture_and_so_large_as_was_asked(
    width: int, height: int, x: float, y: float, size: float, text: str
) -> None:
    face = (x * width, y * height, (x + size) * width, (y + size) * height)
    found = frame(text, Faces(framing=(face,)), (width, height))
    component = parse_component(text)
    assert found.size == (getattr(component.width, "value", 0), getattr(component.height, "value", 0))
    if found.window is not None:
        left, top, right, bottom = found.window.box
        assert -1e-6 <= left < right <= width + 1e-6
        assert -1e-6 <= top < bottom <= height + 1e-6


@given(st.floats(0, 0.8), st.floats(0, 0.8), st.floats(0.02, 0.2), st.sampled_from([1.0, 0.75, 0.3]))
def test_a_square_thumb_of_a_square_picture_holds_the_whole_face(x: float, y: float, size: float, zoom: float) -> None:
    face = (x * 1000, y * 1000, (x + size) * 1000, (y + size) * 1000)
    found = frame(f"c_thumb,g_face,h_90,w_90,z_{zoom}", Faces(framing=(face,)), (1000, 1000)).window
    assert found is not None
    assert found.box[0] <= face[0] + 1e-6
    assert found.box[1] <= face[1] + 1e-6
    assert found.box[2] >= face[2] - 1e-6
    assert found.box[3] >= face[3] - 1e-6
