"""HEIC: upright once, in sRGB, its primary picture and nothing else, and not a pixel before the limits are asked."""

from __future__ import annotations

import io

import msgspec
import pytest
from PIL import Image

from domicile.imaging import heics
from domicile.imaging.containers.heic import BOXES_MAX, item_types
from domicile.imaging.job import Done, MediaLimits, ProbeJob, Refused, RenderJob
from domicile.imaging.pipeline import render
from domicile.imaging.probe import probe
from domicile.imaging.source import open_source
from domicile.media.errors import LimitExceeded, UndecodableMedia
from tests.corpus import require_corpus
from tests.pictures.heics import heic, with_items_of
from tests.pictures.synthetic import (
    BLUE,
    GREEN,
    P3_PRIMARIES,
    RED,
    TO_STORED,
    YELLOW,
    matrix_profile,
    quadrants,
    veiled,
)

LIMITS = MediaLimits()
NEAR = 6
"""Of 255: HEVC is lossy."""


def shown(body: bytes, transformation: str = "", extension: str = "png") -> Image.Image:
    job = RenderJob(transformation=transformation, extension=extension, bucket="", limits=LIMITS)
    outcome, made = render(body, job)
    assert isinstance(outcome, Done), outcome
    return Image.open(io.BytesIO(made))


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    x, y = image.width // 4, image.height // 4
    places = [(x, y), (image.width - x, y), (x, image.height - y), (image.width - x, image.height - y)]
    return [image.convert("RGB").getpixel(place) for place in places]  # type: ignore[misc]


def assert_quadrants(image: Image.Image) -> None:
    for found, wanted in zip(corners(image), (RED, GREEN, BLUE, YELLOW), strict=True):
        assert max(abs(a - b) for a, b in zip(found, wanted, strict=True)) <= NEAR, corners(image)


def _exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def test_facts_of_a_phones_picture() -> None:
    body = (require_corpus() / "media/heic/iphone_gps.heic").read_bytes()
    facts = open_source(body, LIMITS).facts()
    assert (facts.format, facts.width, facts.height, facts.frames) == ("heic", 3024, 4032, 1)
    assert (facts.has_alpha, facts.orientation, facts.is_animated) == (False, 1, False)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_containers_turn_is_undone_once(orientation: int) -> None:
    """The library writes such an EXIF as `irot` and `imir`, and keeps it; a reader that obeys both turns twice."""
    upright = quadrants(128, 64)
    stored = upright.transpose(TO_STORED[orientation]) if orientation in TO_STORED else upright
    body = heic(stored, _exif(orientation))
    facts = open_source(body, LIMITS).facts()
    assert (facts.width, facts.height, facts.orientation) == (128, 64, 1)
    assert_quadrants(shown(body))


def test_exif_alone_turns_nothing() -> None:
    """ISO/IEC 23008-12, A.2.3: what EXIF says of orientation is not normative."""
    body = heic(quadrants(128, 64), _exif(1))
    at = body.find(b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x01")
    if at < 0:  # little-endian
        at = body.index(b"\x12\x01\x03\x00\x01\x00\x00\x00\x01\x00")
        turned = body[: at + 8] + b"\x06\x00" + body[at + 10 :]
    else:
        turned = body[: at + 8] + b"\x00\x06" + body[at + 10 :]
    assert turned != body
    assert_quadrants(shown(turned))


def test_transparency_is_kept() -> None:
    body = heic(veiled(64, 64))
    assert open_source(body, LIMITS).facts().has_alpha
    image = shown(body)
    assert image.mode == "RGBA"
    assert [image.getpixel(place)[3] for place in ((10, 10), (50, 10), (10, 50))] == pytest.approx([255, 0, 128], abs=3)  # type: ignore[index]


def test_a_wide_gamut_becomes_srgb() -> None:
    image = Image.new("RGB", (64, 64), (200, 80, 60))
    plain = shown(heic(image)).convert("RGB").getpixel((32, 32))
    image.info["icc_profile"] = matrix_profile(P3_PRIMARIES, 2.2)
    managed = shown(heic(image)).convert("RGB").getpixel((32, 32))
    assert plain == pytest.approx((200, 80, 60), abs=NEAR)
    assert managed == pytest.approx((216, 74, 50), abs=8)


def test_ten_bits_become_eight() -> None:
    import numpy as np

    samples = np.zeros((64, 64, 3), np.uint16)
    samples[:, :, 0], samples[:, :, 1] = 0xC000, 0x4000
    body = io.BytesIO()
    encoded = heics.pillow_heif.from_bytes(mode="RGB;16", size=(64, 64), data=samples.tobytes())
    encoded.save(body, format="HEIF", quality=95, chroma=444)
    assert shown(body.getvalue()).getpixel((32, 32)) == pytest.approx((192, 64, 0), abs=NEAR)


def test_sizes_are_refused_before_a_pixel_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    body = heic(quadrants(400, 300))

    def decoded(view: memoryview) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(heics, "check", decoded)
    for limits in (
        msgspec.structs.replace(LIMITS, source_pixels_max=119_999),
        msgspec.structs.replace(LIMITS, side_pixels_max=399),
        msgspec.structs.replace(LIMITS, working_bytes_max=400 * 300 * 5),
    ):
        outcome = probe(body, ProbeJob(limits=limits))
        assert isinstance(outcome, Refused)
        assert outcome.code == "limit_exceeded"


@pytest.mark.parametrize("kind", [b"unci", b"iovl", b"mski", b"j2k1", b"av01"])
def test_other_codecs_in_heif_never_reach_the_library(kind: bytes) -> None:
    body = with_items_of(kind, heic(quadrants(64, 64)))
    with pytest.raises(UndecodableMedia, match="something else than HEVC"):
        open_source(body, LIMITS)


def test_boxes_are_counted() -> None:
    body = heic(quadrants(64, 64))
    many = body[: body.index(b"meta") - 4] + b"\0\0\0\x08free" * BOXES_MAX + body[body.index(b"meta") - 4 :]
    with pytest.raises(LimitExceeded, match="boxes"):
        item_types(memoryview(many))


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
def test_a_cut_off_file_is_refused(kept: float) -> None:
    body = heic(quadrants(256, 256))
    outcome = probe(body[: int(len(body) * kept)], ProbeJob(limits=LIMITS))
    assert isinstance(outcome, Refused)
    assert outcome.code == "undecodable_media"


def test_without_the_library_the_message_says_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    body = heic(quadrants(64, 64))
    monkeypatch.setattr(heics, "pillow_heif", None)
    outcome = probe(body, ProbeJob(limits=LIMITS))
    assert isinstance(outcome, Refused)
    assert outcome.message == "Unsupported image format: HEIC"


def test_there_is_one_page() -> None:
    job = RenderJob(transformation="pg_2", extension="png", bucket="", limits=LIMITS)
    outcome, _ = render(heic(quadrants(64, 64)), job)
    assert isinstance(outcome, Refused)
    assert "there are 1" in outcome.message


@pytest.mark.parametrize(("extension", "kind"), [(None, "JPEG"), ("heic", "JPEG"), ("webp", "WEBP")])
def test_what_stands_in_for_it(extension: str | None, kind: str) -> None:
    job = RenderJob(transformation="", extension=extension, bucket="", limits=LIMITS)
    outcome, made = render(heic(quadrants(64, 64)), job)
    assert isinstance(outcome, Done)
    assert Image.open(io.BytesIO(made)).format == kind
