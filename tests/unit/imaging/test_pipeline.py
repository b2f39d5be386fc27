"""One call makes one rendition, or says why not. Pixels are judged by tests/vectors/picture."""

from __future__ import annotations

import json
import mmap
import random
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from domicile.imaging.job import Done, MediaLimits, Refused, RenderJob
from domicile.imaging.pipeline import _asked, render
from domicile.imaging.plan_limits import plan_limits
from domicile.imaging.redeliver import can_copy
from domicile.imaging.source import open_source
from domicile.media.grammar import build_transformation
from domicile.media.plan import make_plan
from tests.pictures.synthetic import animation, grainy, quadrants, ramp, saved, veiled

LIMITS = MediaLimits()


def job(transformation: str = "w_10", extension: str | None = None, bucket: str = "", **limits: int) -> RenderJob:
    """A job with changed limits."""
    return RenderJob(
        transformation=transformation,
        extension=extension,
        bucket=bucket,
        limits=msgspec.structs.replace(LIMITS, **limits),
    )


def refused(body: bytes, asked: RenderJob) -> Refused:
    """The refusal that a job must get."""
    outcome, nothing = render(body, asked)
    assert isinstance(outcome, Refused), outcome
    assert nothing == b""
    return outcome


def test_a_rendition_says_what_it_is_and_where_the_time_went() -> None:
    outcome, body = render(saved(quadrants(400, 200), "JPEG"), job("w_100", "webp"))
    assert isinstance(outcome, Done)
    assert (outcome.content_type, outcome.format) == ("image/webp", "webp")
    assert (outcome.width, outcome.height, outcome.frames) == (100, 50, 1)
    assert (outcome.source.width, outcome.source.height, outcome.source.format) == (400, 200, "jpg")
    assert min(outcome.timings.decode, outcome.timings.transform, outcome.timings.encode) > 0
    assert body.startswith(b"RIFF")


def test_the_same_job_makes_the_same_bytes() -> None:
    body = saved(ramp(200, 200), "JPEG")
    for extension in ("jpg", "png", "webp", "avif", "gif"):
        assert render(body, job("w_50,e_blur", extension))[1] == render(body, job("w_50,e_blur", extension))[1]


@pytest.mark.parametrize(
    ("body", "asked", "code"),
    [
        (b"", job(), "undecodable_media"),
        (b"not a picture", job(), "undecodable_media"),
        (saved(quadrants(40, 20), "JPEG")[:300], job(), "undecodable_media"),
        (saved(quadrants(40, 20)), job(source_pixels_max=799), "limit_exceeded"),
        (saved(quadrants(40, 20)), job("w_20000,h_20000"), "limit_exceeded"),
        (saved(quadrants(40, 20)), job("w_70000,h_1"), "limit_exceeded"),
        (saved(quadrants(40, 20)), job("w_10/w_11/w_12", components_max=2), "limit_exceeded"),
        (saved(quadrants(40, 20)), job("w_10", working_bytes_max=3000), "limit_exceeded"),
        (animation("GIF"), job("w_40", working_bytes_max=9000, extension="gif"), "limit_exceeded"),
        (saved(quadrants(40, 20)), job("w_ten"), "bad_transformation"),
        (saved(quadrants(40, 20)), job("e_cartoonify"), "bad_transformation"),
        (saved(quadrants(40, 20)), job("c_crop,w_10,x_40"), "bad_transformation"),
        (saved(quadrants(40, 20)), job(extension="bmp"), "bad_transformation"),
    ],
)
def test_bad_input_is_refused_with_its_code(body: bytes, asked: RenderJob, code: str) -> None:
    assert refused(body, asked).code == code


@pytest.mark.parametrize("transformation", ["w_40", "q_90", "c_crop,h_10,w_10", "c_fill,h_100,w_100"])
@pytest.mark.parametrize("end", [b"", b"\xff\xd9"])
def test_a_jpeg_that_lacks_its_second_half_is_never_half_a_picture(transformation: str, end: bytes) -> None:
    body = saved(ramp(256, 256), "JPEG")
    assert isinstance(render(body, job(transformation))[0], Done)
    assert refused(body[: len(body) // 2] + end, job(transformation)).code == "undecodable_media"


def test_a_pillow_without_an_encoder_is_asked_for_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def written(bucket: str) -> str:
        outcome, _ = render(saved(grainy(400, 200), "JPEG"), job("f_auto,w_100", bucket=bucket))
        assert isinstance(outcome, Done)
        return outcome.format

    assert (written("avif"), written("webp")) == ("avif", "webp")
    monkeypatch.delitem(Image.SAVE, "AVIF")
    assert written("avif") == "webp"
    monkeypatch.delitem(Image.SAVE, "WEBP")
    assert written("avif") == "jpg"
    told = refused(saved(quadrants(400, 200), "JPEG"), job("w_100", "avif"))
    assert (told.code, told.message) == ("bad_transformation", "Unsupported image format - avif")


def test_info_counts_the_bytes_it_does_not_send() -> None:
    original = saved(quadrants(400, 200), "JPEG")
    outcome, body = render(original, job("fl_getinfo,w_100"))
    _, real = render(original, job("w_100"))
    assert isinstance(outcome, Done)
    assert outcome.content_type == "application/json"
    assert json.loads(body) == {
        "input": {"width": 400, "height": 200, "bytes": len(original)},
        "output": {"width": 100, "height": 50, "bytes": len(real), "format": "jpg"},
    }


def test_mapped_memory_is_read_in_place(tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(saved(veiled(40, 20)))
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        assert isinstance(render(mapped, job())[0], Done)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "GIF", "WEBP", "AVIF", "TIFF", "BMP", "ICO"])
def test_damaged_bytes_never_raise(format_: str) -> None:
    luck = random.Random(format_)
    body = saved(ramp(64, 64), format_)
    for _ in range(60):
        damaged = bytearray(body)
        for _ in range(luck.randint(1, 12)):
            damaged[luck.randrange(len(damaged))] = luck.randrange(256)
        if luck.random() < 0.3:
            del damaged[luck.randrange(1, len(damaged)) :]
        outcome, _ = render(bytes(damaged), job("w_20,e_blur", "png", source_pixels_max=10**6))
        assert isinstance(outcome, Done | Refused)


def test_what_a_policy_redacts_stands_before_all_that_the_url_asks_for() -> None:
    asked = msgspec.structs.replace(job("c_crop,h_5,w_5/e_blur"), redaction="pixelate_faces")
    assert build_transformation(_asked(asked)) == "e_pixelate_faces/c_crop,h_5,w_5/e_blur"
    longest = "/".join(["w_10"] * LIMITS.components_max)
    assert len(_asked(job(longest)).components) == LIMITS.components_max
    forced = _asked(msgspec.structs.replace(job(longest), redaction="blur_faces"))
    assert len(forced.components) == LIMITS.components_max + 1, "no URL is long enough to push it out"


def test_what_a_policy_redacts_is_never_copied() -> None:
    body = saved(quadrants(40, 20), "PNG")
    assert rendered_by_copy(body, job("")) != rendered_by_copy(
        body, msgspec.structs.replace(job(""), redaction="pixelate_faces")
    )


def rendered_by_copy(body: bytes, asked: RenderJob) -> bool:
    source = open_source(body, asked.limits)
    transformation = _asked(asked)
    plan = make_plan(transformation, source.facts(), "png", plan_limits(asked.limits))
    return can_copy(source, plan)
