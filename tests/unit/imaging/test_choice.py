"""`q_auto`: pictures that are hard on an encoder get a higher number than easy ones, after a counted number of probes."""

from __future__ import annotations

import io
import statistics
import tracemalloc

import pytest
from PIL import Image

from domicile.imaging import choice
from domicile.imaging.choice import (
    NUMBERS,
    PROBED_PIXELS_MAX,
    PROBES_MAX,
    SENSITIVE_POINTS,
    TARGETS,
    TILE_SIDE,
    chosen,
    sampled,
    target_of,
    usual,
)
from domicile.imaging.encode import lossy
from domicile.media.transformation import Quality
from domicile.media.writing import PROBE_BYTES
from tests.pictures.synthetic import grainy, ramp, saved
from tests.unit.imaging.test_perceived import photo

FORMATS = ["jpg", "webp", "avif"]


class Writer:
    """Writes, and notes what it was asked to write."""

    def __init__(self, output_format: str) -> None:
        self.output_format = output_format
        self.asked: list[tuple[Image.Image, int]] = []

    def __call__(self, picture: Image.Image, number: int) -> bytes:
        self.asked.append((picture, number))
        return lossy(picture, self.output_format, number, "")


def number_of(picture: Image.Image, output_format: str, target: float = 76) -> int:
    return chosen(picture, output_format, target, Writer(output_format)).number


def real(picture: Image.Image, output_format: str, number: int) -> float:
    from ssimulacra2 import compute_ssimulacra2

    return float(compute_ssimulacra2(io.BytesIO(saved(picture)), io.BytesIO(lossy(picture, output_format, number, ""))))


@pytest.mark.parametrize("output_format", FORMATS)
def test_photographs_come_out_alike_where_one_number_makes_them_differ(output_format: str) -> None:
    pictures = [photo("sample"), photo("rocket"), photo("brick")]
    fixed = [real(picture, output_format, usual(output_format, 76)) for picture in pictures]
    found = [real(picture, output_format, number_of(picture, output_format)) for picture in pictures]
    assert statistics.pstdev(found) < statistics.pstdev(fixed) / 2
    assert all(score > 76 - 5 for score in found)


@pytest.mark.parametrize("output_format", FORMATS)
def test_probes_are_counted_and_see_a_bounded_number_of_pixels(output_format: str) -> None:
    writer = Writer(output_format)
    assert chosen(grainy(1600, 1200), output_format, 76, writer).is_measured
    assert 1 <= len(writer.asked) <= PROBES_MAX[output_format]
    assert all(p.width * p.height <= PROBED_PIXELS_MAX[output_format] for p, _ in writer.asked)


@pytest.mark.parametrize("output_format", FORMATS)
def test_the_same_picture_gets_the_same_number(output_format: str) -> None:
    assert len({number_of(grainy(300, 200), output_format) for _ in range(3)}) == 1


@pytest.mark.parametrize("output_format", FORMATS)
def test_levels_rise(output_format: str) -> None:
    picture = grainy(320, 240)
    levels = [Quality(None, "low"), Quality(None, "eco"), Quality(None), Quality(None, "best")]
    numbers = [number_of(picture, output_format, target_of(level)) for level in levels]
    assert numbers == sorted(numbers)
    assert numbers[0] < numbers[-1]


def test_sensitive_asks_for_more() -> None:
    for level in TARGETS:
        assert target_of(Quality(None, level, "", True)) == target_of(Quality(None, level)) + SENSITIVE_POINTS


@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("picture", [Image.new("RGB", (200, 200), "red"), grainy(200, 200, 120)], ids=["flat", "noise"])
def test_no_picture_gets_a_number_beyond_the_range(output_format: str, picture: Image.Image) -> None:
    lowest, highest = NUMBERS[output_format]
    assert lowest <= number_of(picture, output_format) <= highest


@pytest.mark.parametrize("output_format", FORMATS)
def test_the_smallest_pictures_get_the_usual_number_unprobed(output_format: str) -> None:
    writer = Writer(output_format)
    found = chosen(grainy(63, 400), output_format, 76, writer)
    assert (found.number, found.is_measured, writer.asked) == (usual(output_format, 76), False, [])
    assert chosen(grainy(64, 64), output_format, 76, writer).is_measured


@pytest.mark.parametrize("size", [(513, 513), (8000, 70), (70, 8000), (1200, 900), (300, 2000)])
def test_tiles_come_from_all_over_the_picture(size: tuple[int, int]) -> None:
    picture = ramp(*size)
    tiles = sampled(picture, 1 << 17)
    assert tiles.width * tiles.height <= 1 << 17
    assert tiles.width % TILE_SIDE == tiles.height % TILE_SIDE == 0
    assert sampled(picture, size[0] * size[1]) is picture


def test_tiles_are_pieces_of_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "TILE_SIDE", 16)
    picture = ramp(256, 64)
    tiles = sampled(picture, 1024)  # four tiles in a row of a picture four times as wide
    assert tiles.size == (64, 16)
    assert [tiles.getpixel((16 * n, 0)) for n in range(4)] == [(left, 16, 128) for left in (16, 80, 144, 208)]


@pytest.mark.parametrize("output_format", FORMATS)
def test_probes_hold_less_than_is_counted_for_them(output_format: str) -> None:
    picture = grainy(1600, 1200)
    tracemalloc.start()
    number_of(picture, output_format)
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    pictures = 4 * 4 * PROBED_PIXELS_MAX[output_format]  # Pillow's own: tiles, copy, and the encoder's two
    assert held + pictures < PROBE_BYTES
