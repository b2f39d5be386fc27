"""Stored coordinates on real photographs: framed in place of what is found, hidden beside it. Once behind all walls, too."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image, ImageOps

from domicile.imaging.job import Done, MediaLimits, Outcome, RenderJob
from domicile.imaging.pipeline import render
from domicile.media.coordinates import NOWHERE, Coordinates
from tests.corpus import require_corpus
from tests.pictures.people import CLEAR, Face
from tests.pictures.walled import walled

LIMITS = MediaLimits()
SHOP = "two_people_shop.jpg"


def photo(name: str) -> bytes:
    return (require_corpus() / "media" / "photos" / name).read_bytes()


def job(text: str, coordinates: Coordinates = NOWHERE, redaction: str = "") -> RenderJob:
    return RenderJob(
        transformation=text, extension="png", bucket="", limits=LIMITS, redaction=redaction, coordinates=coordinates
    )


def made(answer: tuple[Outcome, bytes]) -> Image.Image:
    outcome, body = answer
    assert isinstance(outcome, Done), outcome
    return Image.open(io.BytesIO(body)).convert("RGB")


def cut(answer: tuple[Outcome, bytes]) -> tuple[int, int, int, int]:
    outcome, body = answer
    assert isinstance(outcome, Done), outcome
    [info] = json.loads(body)["g_auto_info"]
    return info["x"], info["y"], info["x"] + info["width"], info["y"] + info["height"]


def differs(one: Image.Image, other: Image.Image, box: tuple[int, int, int, int]) -> float:
    """Share of the pixels in the box that are not the same."""
    a, b = (np.asarray(image.crop(box), dtype=int) for image in (one, other))
    return float((np.abs(a - b).max(axis=2) > 0).mean())


@pytest.mark.parametrize("text", ["c_fill,g_auto,h_200,w_200", "c_thumb,g_auto,h_150,w_150", "c_crop,g_auto,h_520,w_520",
                                  "c_auto,g_auto,h_300,w_300", "ar_3:4,c_fill,g_auto:face,w_300"])  # fmt: skip
@pytest.mark.parametrize("name", ["woman_window.jpg", "kodim04_woman_hat.png", SHOP])
def test_automatic_gravity_holds_the_faces_where_they_fit(name: str, text: str) -> None:
    left, top, right, bottom = cut(render(photo(name), job(f"{text}/fl_getinfo")))
    faces = CLEAR[name][-1:] if "face" in text else CLEAR[name]
    span = max(face.right for face in faces) - min(face.left for face in faces)
    height = max(face.bottom for face in faces) - min(face.top for face in faces)
    if span > right - left or height > bottom - top:
        assert "c_crop" in text, "scaled crops have room for all of them here"
        return
    slack = 0.12  # the detector's boxes and those drawn by eye differ by so much
    for face in faces:
        x, y = slack * (face.right - face.left), slack * (face.bottom - face.top)
        assert left <= face.left + x, text
        assert face.right - x <= right, text
        assert top <= face.top + y, text
        assert face.bottom - y <= bottom, text


def test_a_stored_face_is_framed_in_place_of_those_that_are_there() -> None:
    stored = Coordinates(faces=((100, 900, 80, 60),))
    whole = ImageOps.exif_transpose(Image.open(io.BytesIO(photo(SHOP)))).convert("RGB")
    for gravity in ("face", "faces", "custom:face"):
        shown = made(render(photo(SHOP), job(f"c_crop,g_{gravity}", stored)))
        assert differs(shown, whole.crop((100, 900, 180, 960)), (0, 0, 80, 60)) == 0
    found = made(render(photo(SHOP), job("c_crop,g_face")))
    assert found.size != (80, 60)


def test_what_is_custom_is_framed_and_overrides_automatic_gravity_unless_told_otherwise() -> None:
    stored = Coordinates(custom=((40, 700, 100, 100),))
    named, auto, plain = (
        made(render(photo(SHOP), job(text, stored)))
        for text in ("c_thumb,g_custom,h_80,w_80", "c_thumb,g_auto,h_80,w_80", "c_thumb,g_auto:none,h_80,w_80")
    )
    assert differs(named, auto, (0, 0, 80, 80)) == 0
    assert differs(named, plain, (0, 0, 80, 80)) > 0.5
    middle = made(render(photo(SHOP), job("c_crop,g_custom,h_90,w_90")))
    assert differs(middle, made(render(photo(SHOP), job("c_crop,g_center,h_90,w_90"))), (0, 0, 90, 90)) == 0


def test_boxes_are_of_the_picture_as_displayed() -> None:
    stored = Image.open(io.BytesIO(photo("kodim04_woman_hat.png"))).convert("RGB").transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    stored.save(file, "PNG", exif=exif)
    coordinates = Coordinates(custom=((10, 20, 30, 40),))
    upright = made(render(photo("kodim04_woman_hat.png"), job("c_crop,g_custom", coordinates)))
    turned = made(render(file.getvalue(), job("c_crop,g_custom", coordinates)))
    assert upright.tobytes() == turned.tobytes()


@pytest.fixture(scope="module")
def clear() -> Image.Image:
    return made(render(photo(SHOP), job("")))


@pytest.mark.parametrize("text, redaction", [("e_pixelate_faces", ""), ("", "pixelate_faces"), ("", "blur_faces")])
def test_redaction_hides_what_is_stored_and_what_is_found(text: str, redaction: str, clear: Image.Image) -> None:
    stored = Coordinates(faces=((100, 700, 120, 120),))
    found = made(render(photo(SHOP), job(text, redaction=redaction)))
    both = made(render(photo(SHOP), job(text, stored, redaction)))
    for face in CLEAR[SHOP]:
        assert differs(clear, found, face) > 0.9
        assert differs(clear, both, face) > 0.9, "never fewer than without coordinates"
    assert differs(clear, found, (100, 700, 220, 820)) == 0
    assert differs(clear, both, (100, 700, 220, 820)) > 0.9


def test_a_face_that_nobody_finds_is_hidden_where_it_is_stored() -> None:
    body = photo("hills_landscape.jpg")
    stored = Coordinates(faces=((50, 50, 100, 100),))
    clear, hidden = (made(render(body, job("", stored, redaction))) for redaction in ("", "pixelate_faces"))
    assert differs(clear, hidden, (50, 50, 150, 150)) > 0.9
    assert differs(clear, hidden, (300, 300, 400, 400)) == 0


def test_the_crowd_is_cut_where_most_of_it_is() -> None:
    box = cut(render(photo("crowd_faces.jpg"), job("c_fill,g_auto,h_400,w_400/fl_getinfo")))
    front = Face(1593, 716, 1944, 1161)
    assert box[0] <= front.left
    assert front.right <= box[2]


def test_behind_the_walls_it_is_the_same() -> None:
    body, asked = photo("kodim04_woman_hat.png"), job("c_fill,g_auto,h_100,w_100", Coordinates(faces=((9, 9, 90, 90),)))
    with walled() as behind:
        assert behind(body, asked)[1] == render(body, asked)[1]
