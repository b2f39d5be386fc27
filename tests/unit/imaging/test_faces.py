"""When faces are looked for, in which pictures, and what becomes of the boxes. What is found: tests/integration/test_faces.py."""

from __future__ import annotations

import io

import msgspec
import pytest
from PIL import Image

from domicile.imaging import faces
from domicile.imaging.centerface import FacesUnavailable, Found
from domicile.imaging.job import MediaLimits
from domicile.imaging.source import open_source
from domicile.media.coordinates import NOWHERE, Coordinates
from domicile.media.errors import BadTransformation, LimitExceeded
from domicile.media.faces import NOBODY, Faces
from domicile.media.grammar import parse_transformation
from tests.pictures.synthetic import animation, hidden, moving, ramp, saved, turned

LIMITS = MediaLimits()


@pytest.fixture
def looked(monkeypatch) -> list[Image.Image]:
    """The pictures that the model gets; it sees a sure face at the top left of each, and a doubtful one beside it."""
    pictures: list[Image.Image] = []

    def detect(picture: Image.Image, score_min: int) -> list[Found]:
        pictures.append(picture)
        seen = [Found(900, (0, 0, 10, 20)), Found(300, (30, 0, 40, 20))]
        return [one for one in seen if one.score >= score_min]

    monkeypatch.setattr(faces, "detect", detect)
    return pictures


def found(
    body: bytes, text: str, *, animated: bool = False, coordinates: Coordinates = NOWHERE, **limits: int
) -> Faces:
    bounds = msgspec.structs.replace(LIMITS, **limits)
    source = open_source(body, bounds)
    return faces.faces_of(source, parse_transformation(text), bounds, animated=animated, coordinates=coordinates)


@pytest.mark.parametrize("text", ["", "w_10", "c_fill,g_north,h_10,w_10", "e_pixelate_region,h_5,w_5", "e_pixelate"])
def test_nobody_is_looked_for_who_is_not_asked_for(text: str, looked: list[Image.Image]) -> None:
    assert found(saved(ramp(64, 64)), text) == NOBODY
    assert looked == []


STORED = Coordinates(faces=((300, 100, 50, 60),), custom=((5, 6, 7, 8),))
STORED_FACE, STORED_CUSTOM = (300.0, 100.0, 350.0, 160.0), (5.0, 6.0, 12.0, 14.0)


@pytest.mark.parametrize("text", ["c_fill,g_face,h_9,w_9", "c_fill,g_custom:faces,h_9,w_9", "c_fill,g_auto,h_9,w_9"])
def test_stored_faces_are_framed_and_nobody_is_looked_for(text: str, looked: list[Image.Image]) -> None:
    seen = found(saved(ramp(400, 200)), text, coordinates=STORED)
    assert (seen.framing, seen.custom, looked) == ((STORED_FACE,), (STORED_CUSTOM,), [])


KNOWN = Coordinates(found=((300, 100, 50, 60), (0, 0, 10, 20)))


@pytest.mark.parametrize("text", ["c_fill,g_face,h_9,w_9", "c_fill,g_auto,h_9,w_9"])
def test_faces_that_were_found_before_are_framed_and_nobody_looks_again(text: str, looked: list[Image.Image]) -> None:
    known = found(saved(ramp(400, 200)), text, coordinates=KNOWN)
    assert (known.framing, known.covering, looked) == ((STORED_FACE, (0.0, 0.0, 10.0, 20.0)), (), [])
    assert found(saved(ramp(400, 200)), text, coordinates=Coordinates(found=())).framing == ()
    assert looked == []


def test_a_look_and_what_it_found_before_are_framed_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes over the edge, one beside the picture, a doubtful one."""
    seen = [
        Found(900, (-20, -5, 30, 40)),
        Found(800, (380, 10, 460, 90)),
        Found(700, (-9, 0, -2, 5)),
        Found(300, (9, 9, 20, 20)),
    ]
    monkeypatch.setattr(faces, "detect", lambda _, score_min: [one for one in seen if one.score >= score_min])
    body, text = saved(ramp(400, 200)), "c_fill,g_faces,h_9,w_9"
    before = faces.boxes_of(open_source(body, LIMITS), LIMITS)
    assert before == ((380, 10, 20, 80), (0, 0, 30, 40))
    assert found(body, text) == found(body, text, coordinates=Coordinates(found=before))


def test_what_is_to_be_hidden_is_looked_for_whatever_was_found_before(looked: list[Image.Image]) -> None:
    seen = found(saved(ramp(400, 200)), "e_pixelate_faces/c_fill,g_face,h_9,w_9", coordinates=Coordinates(found=()))
    assert len(seen.covering) == 2
    assert looked


def test_stored_faces_come_before_those_that_were_found(looked: list[Image.Image]) -> None:
    both = msgspec.structs.replace(STORED, found=((0, 0, 5, 5),))
    assert found(saved(ramp(400, 200)), "c_fill,g_face,h_9,w_9", coordinates=both).framing == (STORED_FACE,)


@pytest.mark.parametrize("text", ["pg_2/c_fill,g_face,h_9,w_9"])
def test_of_another_page_faces_are_looked_for(text: str, looked: list[Image.Image]) -> None:
    found(saved(ramp(400, 200)), text, coordinates=KNOWN)
    assert looked


def test_stored_faces_are_hidden_beside_all_that_is_found(looked: list[Image.Image]) -> None:
    alone = found(saved(ramp(400, 200)), "e_pixelate_faces")
    seen = found(saved(ramp(400, 200)), "e_pixelate_faces", coordinates=STORED)
    assert len(alone.covering) == 2
    assert set(seen.covering) == {STORED_FACE, *alone.covering}
    assert len(looked) == 2


def test_of_another_page_stored_faces_are_hidden_and_not_framed(looked: list[Image.Image]) -> None:
    seen = found(saved(ramp(400, 200)), "pg_2/e_pixelate_faces/c_fill,g_face,h_9,w_9", coordinates=STORED)
    assert STORED_FACE in seen.covering
    assert (STORED_FACE in seen.framing, seen.custom) == (False, ())
    assert looked


def test_an_animation_is_framed_by_what_somebody_stored(looked: list[Image.Image]) -> None:
    seen = found(
        animation("GIF"), "c_fill,g_face,h_9,w_9", animated=True, coordinates=Coordinates(faces=((0, 0, 4, 4),))
    )
    assert (seen.is_moving, seen.framing, looked) == (False, ((0.0, 0.0, 4.0, 4.0),), [])


@pytest.mark.parametrize(
    "text, looks", [("c_fill,g_auto,h_9,w_9", 1), ("c_fill,g_auto:face,h_9,w_9", 1), ("c_fill,g_auto:none,h_9,w_9", 0)]
)
def test_automatic_gravity_looks_for_faces_once(text: str, looks: int, looked: list[Image.Image]) -> None:
    assert bool(found(saved(ramp(64, 64)), text).framing) is bool(looks)
    assert len(looked) == looks


def test_automatic_gravity_does_without_faces_where_nobody_can_look(monkeypatch) -> None:
    monkeypatch.setattr(faces, "is_available", lambda: False)
    assert found(saved(ramp(64, 64)), "c_fill,g_auto,h_9,w_9") == NOBODY


def test_framing_takes_one_look_and_what_is_sure(looked: list[Image.Image]) -> None:
    seen = found(saved(ramp(1280, 640)), "c_fill,g_face,h_9,w_9")
    assert [picture.size for picture in looked] == [(640, 320)]
    assert seen == Faces(framing=((0.0, 0.0, 20.0, 40.0),))


def test_hiding_takes_a_nearer_look_too_and_all_that_may_be_a_face(looked: list[Image.Image]) -> None:
    seen = found(saved(ramp(2048, 1024)), "e_blur_faces")
    assert [picture.size for picture in looked] == [(640, 320), (1024, 512)]
    assert len(seen.covering) == 3, "the large one is the same in both looks"
    assert seen.framing == ((0.0, 0.0, 32.0, 64.0),)


def test_a_small_picture_is_looked_at_once_as_it_is(looked: list[Image.Image]) -> None:
    found(saved(ramp(300, 200)), "e_blur_faces")
    assert [picture.size for picture in looked] == [(300, 200)]


def test_a_picture_is_looked_at_upright_even_when_it_is_shown_as_it_is_stored(looked: list[Image.Image]) -> None:
    found(turned(ramp(60, 40), 6), "a_ignore,e_blur_faces")
    assert [picture.size for picture in looked] == [(60, 40)]


def test_colours_under_transparency_are_looked_at_where_they_must_be_hidden(looked: list[Image.Image]) -> None:
    body = saved(hidden(64, 32))
    found(body, "e_blur_faces")
    shown, raw = looked
    assert shown.getpixel((60, 16)) == faces.GROUND
    assert raw.getpixel((60, 16)) == (0, 255, 0)
    looked.clear()
    found(body, "c_fill,g_face,h_9,w_9")
    assert len(looked) == 1


def test_an_animation_is_looked_at_frame_by_frame_and_a_box_in_each_is_one_box(looked: list[Image.Image]) -> None:
    seen = found(animation("GIF"), "e_blur_faces", animated=True)
    frames = Image.open(io.BytesIO(animation("GIF"))).n_frames  # type: ignore[attr-defined]
    assert frames > 1
    assert len(looked) >= frames
    assert len(seen.covering) == 2
    assert seen.is_moving


def test_an_animation_that_becomes_a_still_is_looked_at_once(looked: list[Image.Image]) -> None:
    assert found(animation("GIF"), "e_blur_faces").is_moving
    assert len(looked) <= 2


def test_an_animation_is_not_framed_by_faces(looked: list[Image.Image]) -> None:
    assert found(animation("GIF"), "c_fill,g_face,h_9,w_9", animated=True) == Faces(is_moving=True)
    assert looked == []


def test_an_animation_too_long_to_be_looked_through_is_refused(looked: list[Image.Image]) -> None:
    with pytest.raises(LimitExceeded, match="frames to look for faces in is 1"):
        found(animation("GIF"), "e_blur_faces", animated=True, faces_frames_max=1)
    assert looked == []


def test_transparent_frames_count_twice_and_opaque_ones_once(looked: list[Image.Image]) -> None:
    body = moving(160, 40, "WEBP")
    found(body, "e_blur_faces", animated=True, faces_frames_max=8)
    assert len(looked) == 8
    with pytest.raises(LimitExceeded, match="frames to look for faces in is 7"):
        found(body, "e_blur_faces", animated=True, faces_frames_max=7)
    looked.clear()
    found(animation("GIF"), "e_blur_faces", animated=True, faces_frames_max=3)
    assert len(looked) == 3


def test_boxes_that_are_nearly_one_are_joined_and_nothing_is_lost() -> None:
    joined = faces._joined([(0, 0, 10, 10), (2, 0, 12, 10), (50, 0, 60, 10)])
    assert joined == ((0.0, 0.0, 12.0, 10.0), (50.0, 0.0, 60.0, 10.0))


def test_without_a_model_nothing_is_shown_that_needs_one(monkeypatch) -> None:
    def detect(_picture: Image.Image, _score_min: int) -> list[Found]:
        raise FacesUnavailable("gone")

    monkeypatch.setattr(faces, "detect", detect)
    for text in ("e_pixelate_faces", "c_thumb,g_face,h_9,w_9"):
        with pytest.raises(BadTransformation, match="not available"):
            found(saved(ramp(64, 64)), text)


def test_hidden_colours_of_a_picture_too_large_for_memory_are_refused(looked: list[Image.Image]) -> None:
    with pytest.raises(LimitExceeded, match="memory"):
        found(saved(hidden(400, 400)), "e_blur_faces", working_bytes_max=1_000_000)


def test_an_upload_is_told_of_what_is_surely_a_face_the_largest_first(monkeypatch) -> None:
    seen = [Found(900, (-5, 10, 20, 30)), Found(800, (60, 0, 110, 60)), Found(499, (0, 0, 10, 10))]
    monkeypatch.setattr(faces, "detect", lambda _picture, score_min: [one for one in seen if one.score >= score_min])
    boxes = faces.boxes_of(open_source(saved(ramp(100, 80)), LIMITS), LIMITS)
    assert boxes == ((60, 0, 40, 60), (0, 10, 20, 20))
