"""Encoders see pixels only."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from domicile.imaging.encode import PILLOW_ENCODERS, encode
from domicile.imaging.present import Frame
from domicile.media import negotiate
from domicile.media.facts import SourceFacts
from domicile.media.grammar import parse_transformation
from domicile.media.plan import Plan, make_plan
from domicile.media.stage import PlanLimits
from tests.pictures.synthetic import BLUE, GREEN, P3_PRIMARIES, RED, matrix_profile, quadrants, veiled

FACTS = SourceFacts(format="png", width=40, height=20, frames=1, has_alpha=True, orientation=1, body_bytes=1, md5="")
LIMITS = PlanLimits(
    output_pixels_max=10**6,
    output_side_max=10**4,
    animation_pixels_max=10**6,
    avif_pixels_max=10**9,
    working_bytes_max=10**10,
)


def _plan(output_format: str, text: str = "q_90") -> Plan:
    return make_plan(parse_transformation(text), FACTS, output_format, LIMITS)


def _open(body: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(body))
    image.load()
    return image


def test_a_large_png_is_packed_less_tightly(monkeypatch: pytest.MonkeyPatch) -> None:
    levels: list[int] = []
    monkeypatch.setattr(Image.Image, "save", lambda image, file, **options: levels.append(options["compress_level"]))
    limits = replace(LIMITS, output_pixels_max=10**7)
    for side in (1999, 2000):
        made = make_plan(parse_transformation(f"c_scale,h_{side},w_{side}"), FACTS, "png", limits)
        encode([Frame(quadrants(4, 4), 0)], made, None)
    assert levels == [6, 3]


def test_we_write_what_negotiation_may_choose() -> None:
    assert set(PILLOW_ENCODERS) == set(negotiate.TYPES)


@pytest.mark.parametrize("output_format", sorted(PILLOW_ENCODERS))
def test_notes_on_the_picture_are_not_written(output_format: str) -> None:
    image = quadrants(40, 20)
    image.info |= {
        "exif": b"Exif\0\0canary",
        "icc_profile": matrix_profile(P3_PRIMARIES, 2.2),
        "comment": b"canary",
        "xmp": b"canary",
        "dpi": (300, 300),
        "parameters": "canary",
    }
    body = encode([Frame(image, 0)], _plan(output_format), None)
    assert b"canary" not in body
    assert b"synthetic" not in body


@pytest.mark.parametrize("output_format", ["png", "webp", "avif", "gif"])
def test_transparency_is_written(output_format: str) -> None:
    image = _open(encode([Frame(veiled(40, 20), 0)], _plan(output_format), None)).convert("RGBA")
    alpha = image.getpixel((30, 5))
    assert isinstance(alpha, tuple)
    assert alpha[3] == 0


def test_a_jpeg_is_flattened_on_white() -> None:
    image = _open(encode([Frame(veiled(80, 80), 0)], _plan("jpg", "q_100:444"), None))
    pixel = image.getpixel((60, 20))
    assert isinstance(pixel, tuple)
    assert min(pixel) >= 253


@pytest.mark.parametrize(("loop", "repeats"), [(0, 0), (1, None), (2, 1), (7, 6)])
def test_a_gif_counts_repeats_where_others_count_plays(loop: int, repeats: int | None) -> None:
    frames = [Frame(Image.new("RGB", (8, 8), color), 50) for color in (RED, GREEN, BLUE)]
    assert _open(encode(frames, _plan("gif"), loop)).info.get("loop") == repeats
    assert _open(encode(frames, _plan("webp"), loop)).info["loop"] == loop


@pytest.mark.parametrize("output_format", ["gif", "webp", "avif", "png"])
def test_frames_keep_their_times(output_format: str) -> None:
    frames = [Frame(Image.new("RGB", (8, 8), color), ms) for color, ms in ((RED, 50), (GREEN, 70), (BLUE, 1000))]
    image = _open(encode(frames, _plan(output_format), 0))
    durations = []
    for number in range(3):
        image.seek(number)
        image.load()
        durations.append(round(image.info["duration"]))
    assert durations == [50, 70, 1000]


def test_the_original_is_not_changed_by_hard_edges() -> None:
    image = veiled(40, 20)
    encode([Frame(image, 0)], _plan("gif"), None)
    assert image.getpixel((5, 15)) == (0, 0, 255, 128)


@pytest.mark.parametrize("output_format", ["gif", "webp", "avif", "png"])
def test_a_frame_with_holes_shows_nothing_of_the_frame_before(output_format: str) -> None:
    frames = [Frame(Image.new("RGBA", (32, 16)), 50) for _ in range(2)]
    for number, frame in enumerate(frames):
        frame.image.paste((*RED, 255), (16 * number, 0, 16 * number + 16, 16))
    image = _open(encode(frames, _plan(output_format), 0))
    image.seek(1)
    shown = image.convert("RGBA")
    assert [shown.getpixel((x, 8))[3] for x in (8, 24)] == [0, 255]  # type: ignore[index]


@pytest.mark.parametrize("output_format", ["webp", "avif", "png"])
def test_one_frame_with_holes_is_enough(output_format: str) -> None:
    frames = [Frame(Image.new("RGB", (32, 16), BLUE), 50), Frame(veiled(32, 16), 50)]
    image = _open(encode(frames, _plan(output_format), 0))
    image.seek(1)
    assert image.convert("RGBA").getpixel((24, 4))[3] == 0  # type: ignore[index]


def test_a_progressive_jpeg_of_noise_fits_its_buffer() -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (600, 600, 3), np.uint8))
    body = encode([Frame(noise, 0)], _plan("jpg", "fl_progressive,q_100:444"), None)
    assert len(body) > 2 * 600 * 600
    assert _open(body).info["progressive"]
