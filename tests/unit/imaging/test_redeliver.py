"""An untouched original is copied without its metadata where the container allows it."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageChops, ImageCms, PngImagePlugin

from domicile.imaging.job import Done, MediaLimits, Refused, RenderJob
from domicile.imaging.pipeline import render
from tests.pictures.synthetic import P3_PRIMARIES, animation, matrix_profile, quadrants, ramp, saved, turned, veiled

CANARY = b"canary-4f1c"
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def redeliver(body: bytes) -> tuple[Done, bytes]:
    """The stripped original."""
    job = RenderJob(transformation="", extension=None, bucket="", limits=MediaLimits())
    outcome, copied = render(body, job)
    assert isinstance(outcome, Done)
    return outcome, copied


def _noted(format_: str, image: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[0x010E] = CANARY.decode()
    options: dict[str, object] = {"exif": exif.tobytes()}
    if format_ == "PNG":
        notes = PngImagePlugin.PngInfo()
        notes.add_text("Comment", CANARY.decode())
        notes.add_text("Long", CANARY.decode() * 99, zip=True)
        options["pnginfo"] = notes
    elif format_ == "GIF":
        options = {"comment": CANARY}
    else:
        options |= {"xmp": b"<x>" + CANARY + b"</x>", "icc_profile": SRGB}
        if format_ == "JPEG":
            options["comment"] = CANARY
    return saved(image, format_, **options) + CANARY


def _pixels(body: bytes) -> list[Image.Image]:
    image = Image.open(io.BytesIO(body))
    found = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        found.append(image.convert("RGBA"))
    return found


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF"])
def test_metadata_goes_and_every_pixel_stays(format_: str) -> None:
    body = _noted(format_, ramp(64, 48))
    assert body.count(CANARY) >= 2
    done, copied = redeliver(body)
    assert CANARY not in copied
    assert b"Exif" not in copied
    assert (done.width, done.height) == (64, 48)
    [before], [after] = _pixels(body), _pixels(copied)
    assert ImageChops.difference(before, after).getbbox() is None


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG"])
def test_an_animation_is_copied_frame_by_frame(format_: str) -> None:
    body = animation(format_)
    done, copied = redeliver(body)
    assert done.frames == 3
    for before, after in zip(_pixels(body), _pixels(copied), strict=True):
        assert ImageChops.difference(before, after).getbbox() is None


def test_a_progressive_jpeg_keeps_its_scans() -> None:
    body = saved(ramp(64, 48), "JPEG", progressive=True, comment=CANARY, restart_marker_rows=1)
    _, copied = redeliver(body)
    assert CANARY not in copied
    assert copied.count(b"\xff\xda") == body.count(b"\xff\xda") > 1
    assert ImageChops.difference(_pixels(body)[0], _pixels(copied)[0]).getbbox() is None


def test_metadata_between_scans_goes_too() -> None:
    body = saved(ramp(64, 48), "JPEG", progressive=True)
    second = body.index(b"\xff\xc4", body.index(b"\xff\xda"))
    hidden = b"\xff\xfe" + (len(CANARY) + 2).to_bytes(2, "big") + CANARY
    _, copied = redeliver(body[:second] + hidden + body[second:])
    assert CANARY not in copied


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_a_turned_original_is_turned_upright(format_: str) -> None:
    done, copied = redeliver(turned(quadrants(40, 20), 6, format_))
    assert (done.width, done.height) == (40, 20)
    red, *_ = _pixels(copied)[0].getpixel((5, 5))  # type: ignore[misc]
    assert red > 240
    assert b"Exif" not in copied


def test_a_foreign_profile_is_applied() -> None:
    body = saved(Image.new("RGB", (8, 8), (200, 100, 50)), icc_profile=matrix_profile(P3_PRIMARIES, 2.2))
    _, copied = redeliver(body)
    assert b"iCCP" not in copied
    pixel = _pixels(copied)[0].getpixel((4, 4))
    assert isinstance(pixel, tuple)
    assert max(abs(a - b) for a, b in zip(pixel[:3], (216, 93, 24), strict=True)) <= 2


def test_sixteen_bits_and_transparency_are_kept() -> None:
    sixteen = saved(Image.new("I;16", (8, 8), 40_001))
    assert Image.open(io.BytesIO(redeliver(sixteen)[1])).mode == "I;16"
    assert Image.open(io.BytesIO(redeliver(saved(veiled(8, 8)))[1])).mode == "RGBA"


@pytest.mark.parametrize(
    ("format_", "end"), [("JPEG", b"\xff\xd9"), ("PNG", b"\0\0\0\0IEND\xaeB`\x82"), ("WEBP", b""), ("GIF", b"\0;")]
)
def test_a_damaged_original_is_refused_and_not_passed_on(format_: str, end: bytes) -> None:
    body = saved(ramp(256, 256), format_)
    job = RenderJob(transformation="", extension=None, bucket="", limits=MediaLimits())
    assert isinstance(render(body[: len(body) * 2 // 3] + end, job)[0], Refused)
