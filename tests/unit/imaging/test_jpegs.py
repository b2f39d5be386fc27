"""JPEGs are scaled where that is free, and bounded in memory."""

from __future__ import annotations

import pytest
from PIL import Image

from domicile.imaging.job import MediaLimits
from domicile.imaging.jpegs import dct_eighths, decode_jpeg
from domicile.imaging.source import open_source
from domicile.media.errors import LimitExceeded
from domicile.media.geometry import Window
from tests.pictures.synthetic import quadrants, ramp, saved

LIMITS = MediaLimits()
PLENTY = LIMITS.working_bytes_max


@pytest.mark.parametrize(
    ("box", "size", "eighths"),
    [
        ((0, 0, 4000, 4000), (4000, 4000), 8),
        ((0, 0, 4000, 4000), (1200, 1200), 8),
        ((0, 0, 4000, 4000), (1142, 1142), 4),
        ((0, 0, 4000, 4000), (857, 857), 4),
        ((0, 0, 4000, 4000), (571, 571), 2),
        ((0, 0, 4000, 4000), (399, 399), 4),
        ((0, 0, 4000, 4000), (166, 166), 1),
        ((0, 0, 4000, 100), (166, 100), 8),
        ((1000, 1000, 1400, 1400), (100, 100), 8),
    ],
)
def test_a_jpeg_is_scaled_by_its_decoder_only_as_far_as_quality_allows(
    box: tuple[float, float, float, float], size: tuple[int, int], eighths: int
) -> None:
    assert dct_eighths(Window(box, size)) == eighths


def test_a_scaled_jpeg_has_its_window_scaled_too() -> None:
    source = open_source(saved(quadrants(1601, 801), "JPEG"), LIMITS)
    decoded = decode_jpeg(source, Window((0, 0, 1601, 801), (100, 50)), PLENTY)
    assert decoded.image.size == (401, 201)
    assert decoded.window == Window((0, 0, 401, 201), (100, 50))


def test_a_crop_of_a_jpeg_copies_only_the_crop() -> None:
    source = open_source(saved(ramp(200, 100), "JPEG", quality=100, subsampling=0), LIMITS)
    decoded = decode_jpeg(source, Window((50, 20, 60, 30), (10, 10)), PLENTY)
    assert decoded.image.size == (10, 10)
    pixel = decoded.image.getpixel((5, 5))
    assert isinstance(pixel, tuple)
    assert max(abs(a - b) for a, b in zip(pixel, (55, 25, 128), strict=True)) <= 4


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpegs_keep_their_colour_space_until_they_are_small(mode: str) -> None:
    source = open_source(saved(Image.new(mode, (800, 800), 99 if mode == "L" else (9,) * len(mode)), "JPEG"), LIMITS)
    assert source.claims.mode == mode
    assert decode_jpeg(source, Window((0, 0, 800, 800), (50, 50)), PLENTY).image.mode == mode


def test_pictures_too_large_to_exist_twice_go_through_one_copy() -> None:
    source = open_source(saved(quadrants(400, 200), "JPEG", quality=100, subsampling=0), LIMITS)
    whole = Window((0, 0, 400, 200), (400, 200))
    once = decode_jpeg(source, whole, 400 * 200 * 4)
    assert once.image.size == (400, 200)
    assert once.image.convert("RGB").getpixel((300, 50)) == decode_jpeg(source, whole, PLENTY).image.getpixel((300, 50))
    with pytest.raises(LimitExceeded, match="memory"):
        decode_jpeg(source, whole, 400 * 200 * 4 - 1)


def test_when_memory_is_short_the_decoder_scales_more_than_quality_would_like() -> None:
    source = open_source(saved(quadrants(400, 200), "JPEG"), LIMITS)
    window = Window((0, 0, 400, 200), (190, 95))
    assert decode_jpeg(source, window, PLENTY).image.size == (400, 200)
    assert decode_jpeg(source, window, 400 * 200 * 4).image.size == (200, 100)
