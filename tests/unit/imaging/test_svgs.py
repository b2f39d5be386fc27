"""SVG: what is hostile is refused or left out, what is left is drawn sharp, and handed out clean."""

from __future__ import annotations

import io
import time

import msgspec
import pytest
from PIL import Image

from domicile.imaging.job import Done, MediaLimits, ProbeJob, Refused, RenderJob
from domicile.imaging.pipeline import render
from domicile.imaging.probe import probe
from domicile.imaging.svgs import opened
from domicile.media.errors import LimitExceeded
from tests.corpus import require_corpus
from tests.pictures.svgs import CANARY, RED, REFUSED, SLOW, SMUGGLED, embedded, filters, patterns, svg
from tests.pictures.synthetic import quadrants, saved, turned

LIMITS = MediaLimits()
SECONDS_MAX = 5.0
LAYER_BOMBS = ["layer bomb", "layer bomb in a style sheet", "layer bomb behind a rule for others"]


def made(
    body: bytes, transformation: str = "", extension: str | None = None, redaction: str = ""
) -> tuple[Done, bytes]:
    job = RenderJob(transformation=transformation, extension=extension, bucket="", limits=LIMITS, redaction=redaction)
    outcome, output = render(body, job)
    assert isinstance(outcome, Done), outcome
    return outcome, output


def alpha(image: Image.Image, x: int, y: int) -> int:
    value = image.getpixel((x, y))
    assert isinstance(value, tuple)
    return value[3]


def shown(body: bytes, transformation: str = "") -> Image.Image:
    image = Image.open(io.BytesIO(made(body, transformation, "png")[1]))
    image.load()
    return image.convert("RGBA")


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_hostile_drawing_is_refused_at_upload_and_at_delivery(name: str) -> None:
    body, code = REFUSED[name]
    started = time.process_time()
    for outcome in (
        probe(body, ProbeJob(limits=LIMITS)),
        render(body, RenderJob(transformation="c_scale,w_50", extension="png", bucket="", limits=LIMITS))[0],
        render(body, RenderJob(transformation="", extension=None, bucket="", limits=LIMITS))[0],
    ):
        if name in LAYER_BOMBS and isinstance(outcome, Done):
            continue  # small it can be drawn; the next test draws it at its size
        assert isinstance(outcome, Refused), name
        assert outcome.code == code, outcome
    assert time.process_time() - started < SECONDS_MAX


def test_letters_are_counted_before_they_are_laid_out() -> None:
    with pytest.raises(LimitExceeded, match="letters"):
        opened(memoryview(REFUSED["long text"][0]), LIMITS)


@pytest.mark.parametrize("name", LAYER_BOMBS)
def test_layers_are_counted_with_the_pixels_that_are_asked_for(name: str) -> None:
    body, _ = REFUSED[name]
    outcome, _ = render(body, RenderJob(transformation="w_3000", extension="png", bucket="", limits=LIMITS))
    assert isinstance(outcome, Refused)
    assert outcome.code == "limit_exceeded"


@pytest.mark.parametrize("name", sorted(SLOW))
def test_reading_takes_no_longer_than_its_length_asks_for(name: str) -> None:
    started = time.process_time()
    outcome = probe(SLOW[name], ProbeJob(limits=LIMITS))
    assert isinstance(outcome, Done), outcome
    assert time.process_time() - started < SECONDS_MAX


def test_of_elements_with_one_name_the_first_is_meant_as_in_a_browser() -> None:
    """The renderer would take the last for some of its references, and weigh what nobody has counted."""
    twice = '<pattern id="p"/><g id="a"/><pattern id="p" width="9" height="9"/><g id="b"/>'
    assert made(svg(twice), "", "svg")[1].count(b'id="p"') == 1
    empty = "".join(f'<pattern id="p{n}"/>' for n in range(8))
    started = time.process_time()
    assert isinstance(probe(svg(patterns(7, before=empty)), ProbeJob(limits=LIMITS)), Done)
    assert time.process_time() - started < SECONDS_MAX


@pytest.mark.parametrize(
    "sheet",
    [
        "a{font-family:'}[b=']{fill:red}",
        'a{font-family:"}b{fill:red}',
        "a{fill:rgb(1}b{fill:red)}",
        "a{fill:url(#x}b{fill:red}",
        "a[b='{fill:red}",
        "a{font-family:'b\nc'}",
    ],
)
def test_what_is_not_closed_does_not_take_in_what_stands_behind_it(sheet: str) -> None:
    kept = made(svg(f"<style>{sheet}</style>{RED}"), "", "svg")[1].decode()
    assert not set("'\"[](").intersection(kept.partition("<style>")[2].partition("</style>")[0])


@pytest.mark.parametrize("inside", SMUGGLED)
def test_what_is_smuggled_in_does_not_come_through(inside: str) -> None:
    outcome, output = render(svg(inside + RED), RenderJob(transformation="", extension="svg", bucket="", limits=LIMITS))
    assert isinstance(outcome, Done), outcome
    text = output.decode()
    for word in (CANARY, "script", "onload", "onclick", "javascript", "http:", "https:", "file:", "import", "<!", "<?"):
        assert word not in text.lower().replace("http://www.w3.org/2000/svg", ""), text
    assert alpha(shown(svg(inside + RED)), 60, 60) == 255


def test_the_corpus_scripts_are_gone() -> None:
    body = (require_corpus() / "media/svg/xss.svg").read_bytes()
    outcome, output = made(body, "", "svg")
    assert outcome.content_type == "image/svg+xml"
    assert b"script" in body
    for word in (b"script", b"onclick", b"javascript", b"alert"):
        assert word not in output


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('width="120" height="80"', (120, 80)),
        ('width="120px" height="80.4"', (120, 80)),
        ('width="1in" height="72pt"', (96, 96)),
        ('width="25.4mm" height="2.54cm"', (96, 96)),
        ('viewBox="0 0 30 20"', (30, 20)),
        ('viewBox="-5,-5 30 20" width="60"', (60, 40)),
        ('viewBox="0 0 30 20" height="60"', (90, 60)),
        ('width="100%" height="100%" viewBox="0 0 30 20"', (30, 20)),
        ("", (300, 150)),
        ('width="-5" height="0"', (300, 150)),
        ('width="0.2" height="0.2"', (1, 1)),
        ('viewBox="0 0 0 20"', (300, 150)),
        ('viewBox="nonsense" width="40"', (40, 20)),
    ],
)
def test_the_size_is_its_own_or_its_view_boxs(attributes: str, size: tuple[int, int]) -> None:
    outcome = probe(svg(RED, attributes), ProbeJob(limits=LIMITS))
    assert isinstance(outcome, Done)
    assert (outcome.width, outcome.height, outcome.format, outcome.frames) == (*size, "svg", 1)
    assert outcome.source.has_alpha
    assert shown(svg(RED, attributes)).size == size


def test_it_is_drawn_at_the_size_that_is_asked_for_and_not_enlarged() -> None:
    body = svg('<rect x="2" width="2" height="4" fill="#000"/>', 'width="4" height="4"')
    image = shown(body, "c_scale,w_400")
    assert [alpha(image, x, 200) for x in (10, 198, 202, 390)] == [0, 0, 255, 255]
    cut = shown(body, "c_crop,w_2,h_2,x_1,y_1/c_scale,w_200")
    assert [alpha(cut, x, 100) for x in (10, 98, 102, 190)] == [0, 0, 255, 255]
    sharp = shown(body, "c_scale,w_200,dpr_2.0")
    assert sharp.size == (400, 400)
    assert [alpha(sharp, x, 200) for x in (198, 202)] == [0, 255]


def test_a_view_box_is_mapped_as_the_drawing_says() -> None:
    wide = 'width="40" height="20" viewBox="10 10 10 10"'
    for how, left in (("", 0), ('preserveAspectRatio="none"', 255), ('preserveAspectRatio="xMinYMid"', 255)):
        image = shown(svg('<rect x="10" y="10" width="10" height="10" fill="#00f"/>', f"{wide} {how}"))
        assert alpha(image, 2, 10) == left, how
        assert image.getpixel((18, 10)) == (0, 0, 255, 255)


def test_styles_classes_gradients_and_uses_are_drawn() -> None:
    inside = (
        '<style type="text/css">/* x */ .a, .b{fill:#0f0} #c{fill:url("#g")} @media print{.a{fill:red}}</style>'
        '<defs><linearGradient id="g"><stop offset="0" stop-color="#00f"/></linearGradient></defs>'
        '<rect class="a" width="50" height="50"/><rect id="c" x="50" width="50" height="50"/>'
        '<rect id="d" y="50" width="50" height="50" style="fill:rgb(255,0,0);stroke:none"/>'
        '<use xlink:href="#d" x="50"/><a href="https://example.org"><rect x="95" y="95" width="5" height="5"/></a>'
    )
    for image in (shown(svg(inside)), shown(made(svg(inside), "", "svg")[1])):
        places = ((25, 25), (75, 25), (25, 75), (75, 75), (98, 98))
        colors = [(0, 255, 0, 255), (0, 0, 255, 255), (255, 0, 0, 255), (255, 0, 0, 255), (0, 0, 0, 255)]
        assert [image.getpixel(place) for place in places] == colors


def _ink(inside: str) -> int:
    return sum(shown(svg(inside)).getchannel("A").histogram()[128:])


@pytest.mark.parametrize(
    ("family", "same_as"),
    [("", "Arimo"), ("Arial", "Arimo"), ("'No Such', serif", "Tinos"), ("Nowhere", "Arimo"), ("monospace", "Cousine")],
)
def test_text_is_drawn_with_the_shipped_fonts(family: str, same_as: str) -> None:
    text = '<text x="5" y="60" font-size="30" {}>Hamburg</text>'
    wanted = _ink(text.format(f'font-family="{same_as}"'))
    assert wanted > 300
    assert _ink(text.format(f'font-family="{family}"' if family else "")) == wanted
    assert _ink(text.format(f'style="font-family:{family}"' if family else "")) == wanted
    sheet = f"<style>text{{font-family:{family or 'x'}}}</style>"
    assert _ink(sheet + text.format("")) == wanted


def test_scripts_that_the_face_lacks_are_drawn_too() -> None:
    assert _ink('<text x="5" y="60" font-size="30">שלום</text>') > 100


def test_what_was_cleaned_stays_as_it_is() -> None:
    for inside in (*SMUGGLED, filters(3)):
        once = made(svg(inside), "", "svg")[1]
        assert made(once, "", "svg")[1] == once


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_encodings_of_xml_are_read(encoding: str) -> None:
    declared = (
        f'<?xml version="1.0" encoding="{encoding}"?><!-- é --><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x">'
    )
    body = (declared + svg(RED).decode()).encode(encoding)
    assert shown(body).getpixel((50, 50)) == (255, 0, 0, 255)


@pytest.mark.parametrize(("format_", "kind"), [("PNG", "png"), ("JPEG", "jpeg"), ("WEBP", "webp"), ("GIF", "gif")])
def test_pictures_inside_are_shown_and_lose_their_metadata(format_: str, kind: str) -> None:
    picture = turned(quadrants(64, 64), 1, format_) if format_ != "GIF" else saved(quadrants(64, 64), format_)
    body = embedded(picture, kind, 64, 64)
    image = shown(body)
    assert image.getpixel((10, 10)) == pytest.approx((255, 0, 0, 255), abs=4)
    assert image.getpixel((50, 50)) == pytest.approx((255, 255, 0, 255), abs=4)
    text = made(body, "", "svg")[1].decode()
    import base64

    inner = base64.b64decode(text.partition("base64,")[2].partition('"')[0])
    assert b"Exif" not in inner
    assert b"EXIF" not in inner
    assert Image.open(io.BytesIO(inner)).size == (64, 64)


def test_pictures_inside_count_with_the_limits() -> None:
    body = embedded(saved(quadrants(200, 200)), "png", 64, 64)
    outcome = probe(body, ProbeJob(limits=msgspec.structs.replace(LIMITS, source_pixels_max=4 * 39_999)))
    assert isinstance(outcome, Refused)
    assert outcome.code == "limit_exceeded"


@pytest.mark.parametrize(
    ("transformation", "extension", "content_type"),
    [
        ("", None, "image/svg+xml"),
        ("", "svg", "image/svg+xml"),
        ("fl_sanitize", "svg", "image/svg+xml"),
        ("fl_attachment.sanitize", None, "image/svg+xml"),
        ("", "png", "image/png"),
        ("f_webp", "svg", "image/webp"),
        ("w_20", "svg", "image/png"),
        ("e_grayscale", None, "image/png"),
    ],
)
def test_it_is_a_drawing_until_pixels_are_asked_for(
    transformation: str, extension: str | None, content_type: str
) -> None:
    assert made(svg(RED), transformation, extension)[0].content_type == content_type


@pytest.mark.parametrize("extension", [None, "svg"])
def test_what_a_policy_redacts_is_never_a_drawing(extension: str | None) -> None:
    outcome, output = made(svg(RED), "", extension, redaction="pixelate_faces")
    assert outcome.content_type == "image/png"
    assert output.startswith(b"\x89PNG")


def test_the_same_drawing_gives_the_same_bytes() -> None:
    body = svg(filters(3))
    assert made(body, "w_300", "png")[1] == made(body, "w_300", "png")[1]
