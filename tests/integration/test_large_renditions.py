"""Photos of 24 and 50 megapixels as `f_auto,q_auto`: every client gets a picture, from a child that stays in its memory."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from domicile.imaging.job import Done, MediaLimits, Refused, RenderJob
from domicile.service.pool import DecoderPool
from domicile.service.pool_settings import PoolSettings
from domicile.service.settings import MIB
from tests.pictures.walled import Render, walled

RESIDENT_BYTES_MAX = 700 * MIB
SIZES = {"12": (4000, 3000), "24": (6000, 4000), "50": (8000, 6250)}
NOISE = 24
"""Half the spread of a sensor's noise on flat ground: enough that no encoder finds the picture easy."""


def noisy(
    size: tuple[int, int], channels: int = 3, noise: int = NOISE
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    width, height = size
    tile = np.random.default_rng(1).integers(128 - noise, 128 + noise, (500, 500, channels), np.uint8)
    return np.ascontiguousarray(np.tile(tile, (-(-height // 500), -(-width // 500), 1))[:height, :width])


@pytest.fixture(scope="module")
def photos() -> dict[str, bytes]:
    return {
        name: simplejpeg.encode_jpeg(noisy(size), quality=80, colorsubsampling="420") for name, size in SIZES.items()
    }


@pytest.fixture(scope="module")
def render() -> Iterator[Render]:
    with walled(PoolSettings(processes=1, memory_bytes_max=RESIDENT_BYTES_MAX, job_seconds_max=60)) as found:
        yield found


def job(transformation: str, bucket: str = "", extension: str | None = None) -> RenderJob:
    return RenderJob(transformation=transformation, extension=extension, bucket=bucket, limits=MediaLimits())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("megapixels", "bucket", "expected"),
    [
        ("12", "avif", "avif"),
        ("24", "avif", "webp"),
        ("24", "webp", "webp"),
        ("24", "legacy", "jpg"),
        ("50", "avif", "jpg"),
        ("50", "webp", "jpg"),
        ("50", "legacy", "jpg"),
    ],
)
def test_a_large_photo_reaches_every_client(
    render: Render, photos: dict[str, bytes], megapixels: str, bucket: str, expected: str
) -> None:
    outcome, body = render(photos[megapixels], job("f_auto,q_auto", bucket))
    assert isinstance(outcome, Done), outcome
    assert outcome.format == expected
    assert (outcome.width, outcome.height) == SIZES[megapixels]
    with Image.open(io.BytesIO(body)) as image:
        assert image.size == SIZES[megapixels]


@pytest.mark.slow
def test_a_large_cut_out_is_png_even_for_who_takes_avif(render: Render) -> None:
    source = io.BytesIO()
    Image.fromarray(noisy(SIZES["24"], 4)).save(source, "PNG", compress_level=1)
    outcome, _ = render(source.getvalue(), job("f_auto,q_auto", "avif"))
    assert isinstance(outcome, Done), outcome
    assert outcome.format == "png"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("transformation", "limit"),
    [("f_avif", "avif_pixels_max"), ("f_gif", "working_bytes_max")],
)
def test_a_format_that_is_asked_for_by_name_and_too_large_is_refused_by_name(
    render: Render, photos: dict[str, bytes], transformation: str, limit: str
) -> None:
    outcome, _ = render(photos["24"], job(transformation))
    assert isinstance(outcome, Refused)
    assert outcome.code == "limit_exceeded"
    assert limit in outcome.message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("extension", "size", "channels"),
    [
        ("avif", (3100, 3100), 4),
        ("webp", (6000, 5000), 3),
        ("webp", (3700, 3000), 4),
    ],
)
async def test_what_the_estimate_allows_an_encoder_is_enough(
    extension: str, size: tuple[int, int], channels: int
) -> None:
    """Pictures as large as may be written, of pure noise: the child must not outgrow its memory."""
    source = io.BytesIO()
    Image.fromarray(noisy(size, channels, noise=127)).save(source, "PNG", compress_level=1)
    pool = DecoderPool(PoolSettings(processes=1, job_seconds_max=60, cpu_seconds_max=60))
    await pool.start()
    try:
        rendered = await pool.render(source.getvalue(), job("q_80:444", extension=extension), tenant="t")
    finally:
        await pool.close()
    assert rendered.done.format == extension
    print(f"{extension} {size} {channels}: {rendered.resident_bytes / MIB:.0f} MiB")
