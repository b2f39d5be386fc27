"""Real photographs through the real sandbox: every face is framed, every face is hidden, none is invented."""

from __future__ import annotations

import io
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from PIL import Image, ImageOps

from domicile.imaging.faces import boxes_of, faces_of
from domicile.imaging.job import Done, LayerInput, MediaLimits, Outcome, Refused, RenderJob
from domicile.imaging.plan_limits import plan_limits
from domicile.imaging.source import open_source
from domicile.media.coordinates import Coordinates
from domicile.media.grammar import parse_transformation
from domicile.media.plan import Plan, make_plan
from domicile.media.stage import Stage
from tests.corpus import require_corpus
from tests.pictures.heics import heic
from tests.pictures.pdfs import with_picture
from tests.pictures.people import CLEAR, NOBODY, Face
from tests.pictures.svgs import embedded
from tests.pictures.walled import Render, walled

LIMITS = MediaLimits()
SQUARE = "c_thumb,g_face,h_200,w_200"
ALONE = ("woman_window.jpg", "kodim04_woman_hat.png")
DETAIL_MAX = 0.35
"""How much of a face's fine detail may be left where it was hidden (JPEG-free; the edges of cells are detail)."""


@pytest.fixture(scope="module")
def render() -> Iterator[Render]:
    with walled() as found:
        yield found


def photo(name: str) -> bytes:
    return (require_corpus() / "media" / "photos" / name).read_bytes()


def upright(body: bytes) -> Image.Image:
    return ImageOps.exif_transpose(Image.open(io.BytesIO(body))).convert("RGB")


def job(transformation: str, extension: str = "png", redaction: str = "", **limits: int) -> RenderJob:
    bounds = msgspec.structs.replace(LIMITS, **limits)
    return RenderJob(transformation=transformation, extension=extension, bucket="", limits=bounds, redaction=redaction)


def made(answer: tuple[Outcome, bytes]) -> Image.Image:
    outcome, body = answer
    assert isinstance(outcome, Done), outcome
    return Image.open(io.BytesIO(body)).convert("RGB")


def planned(name: str, transformation: str) -> Plan:
    source = open_source(photo(name), LIMITS)
    asked = parse_transformation(transformation)
    faces = faces_of(source, asked, LIMITS, animated=False)
    return make_plan(asked, source.facts(), "png", plan_limits(LIMITS), faces)


def covered(plan: Plan, face: Face) -> bool:
    """Is all of the face inside the hidden areas together?"""
    mask = np.zeros(plan.window.size[::-1], dtype=bool)
    for stage in plan.stages:
        assert isinstance(stage, Stage)
        for area in stage.redaction.areas if stage.redaction else ():
            left, top, right, bottom = area.box
            mask[top:bottom, left:right] = True
    return bool(mask[face.top : face.bottom, face.left : face.right].all())


@pytest.mark.parametrize("name", sorted(CLEAR))
def test_every_face_is_inside_what_redaction_hides(name: str) -> None:
    plan = planned(name, "e_pixelate_faces")
    assert [face for face in CLEAR[name] if not covered(plan, face)] == []


@pytest.mark.parametrize("name", NOBODY)
def test_no_face_is_invented(name: str) -> None:
    source = open_source(photo(name), LIMITS)
    found = faces_of(source, parse_transformation("e_blur_faces/c_fill,g_faces,w_10"), LIMITS, animated=False)
    assert (found.framing, found.covering) == ((), ())


@pytest.mark.parametrize("text", [SQUARE, "c_thumb,g_face,h_300,w_200,z_0.8"])
@pytest.mark.parametrize("name", [*ALONE, "two_people_shop.jpg"])
def test_a_thumb_holds_the_whole_face(name: str, text: str) -> None:
    left, top, right, bottom = planned(name, text).window.box
    face = CLEAR[name][0]
    assert left <= face.left < face.right <= right
    assert top <= face.top < face.bottom <= bottom
    if text == SQUARE and name not in ALONE:
        assert right - left < 0.3 * upright(photo(name)).width, "it is a thumb, not the picture"


def test_faces_holds_both_people() -> None:
    for text in ("c_thumb,g_faces,h_200,w_200", "c_fill,g_faces,h_300,w_300", "c_crop,g_faces,h_600,w_800"):
        left, top, right, bottom = planned("two_people_shop.jpg", text).window.box
        for face in CLEAR["two_people_shop.jpg"]:
            assert left <= face.left < face.right <= right, text
            assert top <= face.top < face.bottom <= bottom, text


@pytest.mark.parametrize("name", ALONE)
@pytest.mark.parametrize("text", ["c_fill,g_face,h_300,w_300", "c_crop,g_face,h_0.9,w_0.9"])
def test_a_fill_and_a_crop_hold_the_face(name: str, text: str) -> None:
    left, top, right, bottom = planned(name, text).window.box
    [face] = CLEAR[name]
    assert left <= face.left < face.right <= right
    assert top <= face.top < face.bottom <= bottom


def test_the_largest_face_of_a_crowd_is_the_one_in_front() -> None:
    left, top, right, bottom = planned("crowd_faces.jpg", "c_crop,g_face").window.box
    front = Face(1593, 716, 1944, 1161)
    assert abs((left + right) / 2 - (front.left + front.right) / 2) < 40
    assert abs((top + bottom) / 2 - (front.top + front.bottom) / 2) < 60


def detail(image: Image.Image, face: Face) -> float:
    """Mean difference between neighbours: fine structure, whatever its colour."""
    pixels = np.asarray(image.convert("L"), dtype=float)[face.top : face.bottom, face.left : face.right]
    return float(np.abs(np.diff(pixels, axis=0)).mean() + np.abs(np.diff(pixels, axis=1)).mean())


@pytest.mark.parametrize("effect", ["pixelate_faces", "blur_faces"])
@pytest.mark.parametrize("name", ["two_people_shop.jpg", "woman_window.jpg"])
def test_what_a_url_hides_and_what_a_policy_hides_is_the_same(name: str, effect: str, render: Render) -> None:
    body = photo(name)
    asked, forced = made(render(body, job(f"e_{effect}"))), made(render(body, job("", redaction=effect)))
    assert asked.tobytes() == forced.tobytes()
    assert asked.size == upright(body).size
    for face in CLEAR[name]:
        assert detail(asked, face) < DETAIL_MAX * detail(upright(body), face)


@pytest.fixture(scope="module")
def hidden(render: Render) -> bytes:
    return render(photo("kodim04_woman_hat.png"), job("", redaction="pixelate_faces"))[1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "w_400",
        "c_thumb,g_face,h_200,w_200",
        "c_crop,g_face",
        "a_ignore",
        "a_180",
        "e_sharpen:2000",
        "dpr_2.0,w_300",
        "c_auto,g_auto,h_300,w_300",
        "c_fill_pad,g_auto,h_100,w_300",
        "a_auto_right,c_fill,g_xy_center,h_200,w_300,x_260,y_400",
        "bo_9px_solid_red,r_20,w_300",
        "b_blurred,c_pad,h_300,w_300",
        "e_outline:9/e_shadow",
        "e_trim:40",
        "c_mpad,h_900,w_700/e_trim/c_scale,w_400",
        "pg_1",
    ],
)
def test_no_url_undoes_what_the_policy_hides(text: str, render: Render, hidden: bytes) -> None:
    """The result is that of the same URL on a picture whose faces were hidden before it was uploaded."""
    body = photo("kodim04_woman_hat.png")
    forced = made(render(body, job(text, redaction="pixelate_faces")))
    if "g_face" in text:  # a hidden face cannot be found again: compare the crop that the open picture gets
        open_crop = made(render(body, job(text)))
        assert forced.size == open_crop.size
        assert detail(forced, Face(0, 0, *forced.size)) < DETAIL_MAX * detail(open_crop, Face(0, 0, *forced.size))
        return
    asked = job(text)
    if "g_auto" in text:  # it holds faces, which nobody finds where they are hidden: tell where they were
        source = open_source(body, LIMITS)
        found = boxes_of(source, LIMITS)
        asked = msgspec.structs.replace(asked, coordinates=Coordinates(faces=found))
    expected = made(render(hidden, asked))
    assert np.abs(np.asarray(forced, dtype=int) - np.asarray(expected, dtype=int)).max() <= 2


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_face_that_is_stored_turned_is_hidden_however_it_is_shown(orientation: int, render: Render) -> None:
    stored = Image.open(io.BytesIO(photo("kodim04_woman_hat.png"))).convert("RGB")
    turns = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    stored = stored.transpose(turns[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    stored.save(file, "PNG", exif=exif)
    [face] = CLEAR["kodim04_woman_hat.png"]
    shown = made(render(file.getvalue(), job("", redaction="pixelate_faces")))
    raw = made(render(file.getvalue(), job("a_ignore", redaction="pixelate_faces")))
    again = raw.transpose({3: turns[3], 6: turns[8], 8: turns[6]}[orientation])
    clear = detail(upright(photo("kodim04_woman_hat.png")), face)
    assert detail(shown, face) < DETAIL_MAX * clear
    assert detail(again, face) < DETAIL_MAX * clear


def paged(*pages: Image.Image) -> bytes:
    file = io.BytesIO()
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:])
    return file.getvalue()


def test_faces_in_a_heic_are_hidden(render: Render) -> None:
    woman = upright(photo("kodim04_woman_hat.png"))
    [face] = CLEAR["kodim04_woman_hat.png"]
    body = heic(woman)
    for extension in (None, "heic"):  # neither way is the original handed out
        forced = job("", redaction="pixelate_faces")
        shown = made(render(body, msgspec.structs.replace(forced, extension=extension)))
        assert detail(shown, face) < DETAIL_MAX * detail(woman, face)


@pytest.mark.parametrize("extension", [None, "pdf"])
def test_a_face_on_a_page_is_hidden(extension: str | None, render: Render) -> None:
    woman = upright(photo("kodim04_woman_hat.png"))
    [face] = CLEAR["kodim04_woman_hat.png"]
    forced = msgspec.structs.replace(job("dn_72", redaction="pixelate_faces"), extension=extension)
    shown = made(render(with_picture(woman), forced))
    assert shown.size == woman.size
    assert detail(shown, face) < DETAIL_MAX * detail(woman, face)


@pytest.mark.parametrize("extension", [None, "svg"])
def test_a_face_inside_a_drawing_is_hidden_and_the_drawing_kept_back(extension: str | None, render: Render) -> None:
    woman = upright(photo("kodim04_woman_hat.png"))
    [face] = CLEAR["kodim04_woman_hat.png"]
    body = embedded(photo("kodim04_woman_hat.png"), "png", *woman.size)
    asked = msgspec.structs.replace(job(""), extension=extension)
    open_outcome, _ = render(body, asked)
    assert isinstance(open_outcome, Done)
    assert open_outcome.content_type == "image/svg+xml"
    outcome, output = render(body, msgspec.structs.replace(asked, redaction="pixelate_faces"))
    assert isinstance(outcome, Done)
    assert outcome.content_type == "image/png"
    shown = made((outcome, output))
    assert shown.size == woman.size
    assert detail(shown, face) < DETAIL_MAX * detail(woman, face)


def test_the_faces_of_the_page_that_is_shown_are_hidden(render: Render) -> None:
    woman = upright(photo("kodim04_woman_hat.png"))
    [face] = CLEAR["kodim04_woman_hat.png"]
    for page, body in ((2, paged(Image.new("RGB", (50, 90)), woman)), (1, paged(woman, Image.new("RGB", (50, 90))))):
        shown = made(render(body, job(f"pg_{page}", redaction="pixelate_faces")))
        assert shown.size == woman.size
        assert detail(shown, face) < DETAIL_MAX * detail(woman, face)


@pytest.mark.parametrize("format_name", ["WEBP", "GIF"])
def test_a_frame_that_is_shown_alone_is_hidden(format_name: str, render: Render) -> None:
    for page in (1, 3):
        clear = made(render(moving(3, format_name), job(f"pg_{page}")))
        shown = made(render(moving(3, format_name), job(f"pg_{page}", redaction="blur_faces")))
        hidden = made(render(moving(3, format_name), job(f"pg_{page}/e_blur_faces")))
        assert shown.tobytes() == hidden.tobytes()
        assert shown.tobytes() != clear.tobytes()


def test_faces_are_carried_across_what_a_trim_takes_away(render: Render) -> None:
    woman = upright(photo("kodim04_woman_hat.png"))
    [face] = CLEAR["kodim04_woman_hat.png"]
    ground = Image.new("RGB", (900, 1000), "white")
    ground.paste(woman, (250, 130))
    file = io.BytesIO()
    ground.save(file, "PNG")
    before, after = (
        made(render(file.getvalue(), job(text))) for text in ("e_pixelate_faces/e_trim", "e_trim/e_pixelate_faces")
    )
    assert before.size == after.size == woman.size
    for shown in (before, after):
        assert detail(shown, face) < DETAIL_MAX * detail(woman, face)
    thumb = made(render(file.getvalue(), job("e_trim/c_crop,g_face")))
    direct = made(render(file.getvalue(), job("c_crop,g_face")))
    assert thumb.tobytes() == direct.tobytes()


def moving(frames: int, format_name: str = "WEBP") -> bytes:
    """A face that walks from the left to the right."""
    face = Image.open(io.BytesIO(photo("kodim04_woman_hat.png"))).convert("RGB").resize((128, 192))
    pictures = []
    for number in range(frames):
        ground = Image.new("RGB", (512, 192), (40, 90, 60))
        ground.paste(face, (number * (512 - 128) // max(frames - 1, 1), 0))
        pictures.append(ground)
    file = io.BytesIO()
    options = {"lossless": True} if format_name == "WEBP" else {}
    pictures[0].save(file, format_name, save_all=True, append_images=pictures[1:], duration=100, **options)
    return file.getvalue()


@pytest.mark.parametrize("format_name, extension", [("WEBP", "webp"), ("GIF", "gif"), ("PNG", "png")])
def test_every_frame_of_an_animation_is_hidden(format_name: str, extension: str, render: Render) -> None:
    body = moving(4, format_name)
    outcome, redacted = render(body, job("", extension, redaction="pixelate_faces"))
    assert isinstance(outcome, Done), outcome
    before, after = Image.open(io.BytesIO(body)), Image.open(io.BytesIO(redacted))
    assert getattr(after, "n_frames", 1) == 4
    for number in range(4):
        before.seek(number)
        after.seek(number)
        left = number * (512 - 128) // 3
        face = Face(left + 34, 56, left + 100, 140)
        assert detail(after.convert("RGB"), face) < 0.5 * detail(before.convert("RGB"), face), number


def test_an_animation_too_long_to_look_through_is_refused_and_its_still_is_hidden(render: Render) -> None:
    body = moving(4)
    outcome, nothing = render(body, job("", "webp", redaction="blur_faces", faces_frames_max=3))
    assert isinstance(outcome, Refused)
    assert "Maximum number of frames to look for faces in is 3" in outcome.message
    assert nothing == b""
    still = made(render(body, job("", "png", redaction="blur_faces", faces_frames_max=3)))
    clear = Image.open(io.BytesIO(body)).convert("RGB")
    assert detail(still, Face(34, 56, 100, 140)) < DETAIL_MAX * detail(clear, Face(34, 56, 100, 140))


def test_an_animation_is_filled_from_its_middle(render: Render) -> None:
    body = moving(4)
    assert made(render(body, job("c_fill,g_face,h_192,w_128", "png"))).tobytes() == (
        made(render(body, job("c_fill,h_192,w_128", "png"))).tobytes()
    )


def test_a_face_under_transparency_is_hidden_in_the_colours_too(render: Render) -> None:
    """Fully transparent pixels keep their colours in a PNG: whoever drops the alpha plane would see her."""
    picture = Image.open(io.BytesIO(photo("kodim04_woman_hat.png"))).convert("RGBA")
    [face] = CLEAR["kodim04_woman_hat.png"]
    alpha = picture.getchannel("A")
    alpha.paste(0, (60, 120, 460, 640))
    picture.putalpha(alpha)
    file = io.BytesIO()
    picture.save(file, "PNG")
    outcome, body = render(file.getvalue(), job("", redaction="pixelate_faces"))
    assert isinstance(outcome, Done)
    colours = Image.open(io.BytesIO(body)).convert("RGBA").convert("RGB")
    assert detail(colours, face) < DETAIL_MAX * detail(picture.convert("RGB"), face)


def test_the_same_picture_gives_the_same_bytes(render: Render) -> None:
    body = photo("two_people_shop.jpg")
    assert render(body, job("c_thumb,g_faces,h_90,w_90"))[1] == render(body, job("c_thumb,g_faces,h_90,w_90"))[1]


def test_a_layer_is_redacted_as_its_own_policy_says_and_the_base_is_not(render: Render) -> None:
    ground, face = photo("kodim04_woman_hat.png"), photo("woman_window.jpg")
    asked = job("c_scale,w_400/l_guest/c_scale,w_200/fl_layer_apply,g_north_west")
    given = msgspec.structs.replace(asked, layers=(LayerInput(name="upload/guest", redaction="pixelate_faces"),))
    laid = made(render(ground, given, (face,)))
    hidden = made(render(face, job("c_scale,w_200", redaction="pixelate_faces")))
    assert np.array_equal(np.asarray(laid.crop((0, 0, *hidden.size))), np.asarray(hidden))
    shown = made(render(ground, job("c_scale,w_400")))
    rest = (hidden.width, 0, *shown.size)
    assert np.array_equal(np.asarray(laid.crop(rest)), np.asarray(shown.crop(rest)))


def test_a_layer_finds_the_face_of_the_base(render: Render) -> None:
    mark = io.BytesIO()
    Image.new("RGB", (40, 40), (0, 255, 0)).save(mark, "PNG")
    asked = job("l_mark/c_scale,fl_region_relative,h_1.0,w_1.0/fl_layer_apply,g_face")
    given = msgspec.structs.replace(asked, layers=(LayerInput(name="upload/mark"),))
    laid = np.asarray(made(render(photo("woman_window.jpg"), given, (mark.getvalue(),))))
    face = CLEAR["woman_window.jpg"][0]
    middle = laid[(face.top + face.bottom) // 2, (face.left + face.right) // 2]
    assert tuple(middle) == (0, 255, 0)
    green = np.argwhere(np.all(laid == (0, 255, 0), axis=2))
    (top, left), (bottom, right) = green.min(axis=0), green.max(axis=0)
    assert abs(left - face.left) < 120
    assert abs(bottom - face.bottom) < 160
    assert top > 0
    assert right < laid.shape[1]
