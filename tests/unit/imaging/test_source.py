"""Limits hold before a decoder may allocate."""

from __future__ import annotations

import mmap
import struct
import zlib
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from domicile.imaging.job import MediaLimits
from domicile.imaging.source import open_source
from domicile.media.errors import LimitExceeded, UndecodableMedia
from tests.pictures.synthetic import animation, quadrants, saved, turned, veiled

LIMITS = MediaLimits()


def _limits(**changes: int) -> MediaLimits:
    return msgspec.structs.replace(LIMITS, **changes)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_facts_are_as_displayed() -> None:
    facts = open_source(turned(quadrants(40, 20), 6, "JPEG"), LIMITS).facts()
    assert (facts.width, facts.height, facts.orientation, facts.format) == (40, 20, 6, "jpg")


@pytest.mark.parametrize("format_", ["PNG", "WEBP"])
def test_orientation_is_found_in_other_containers(format_: str) -> None:
    facts = open_source(turned(quadrants(40, 20), 8, format_), LIMITS).facts()
    assert (facts.width, facts.height, facts.orientation) == (40, 20, 8)


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "AVIF", "TIFF", "ICO"])
def test_transparency_is_a_fact(format_: str) -> None:
    assert open_source(saved(veiled(32, 32), format_), LIMITS).facts().has_alpha
    assert not open_source(saved(quadrants(32, 32), "BMP"), LIMITS).facts().has_alpha


@pytest.mark.parametrize(("format_", "plays"), [("GIF", 2), ("WEBP", 2), ("PNG", 2)])
def test_frames_and_plays_are_facts(format_: str, plays: int) -> None:
    facts = open_source(animation(format_), LIMITS).facts()
    assert (facts.frames, facts.loop) == (3, plays)


def test_pages_of_a_tiff_are_counted_no_further_than_the_limit() -> None:
    pages = [quadrants(8, 8)] * 5
    body = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert open_source(body, LIMITS).facts().frames == 5
    with pytest.raises(LimitExceeded):
        open_source(body, _limits(frames_max=4))


@pytest.mark.parametrize(
    "limits",
    [
        _limits(source_bytes_max=10),
        _limits(source_pixels_max=799),
        _limits(side_pixels_max=39),
    ],
)
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "GIF", "WEBP", "AVIF", "TIFF", "BMP"])
def test_each_format_is_bounded_in_bytes_pixels_and_sides(format_: str, limits: MediaLimits) -> None:
    body = saved(quadrants(40, 20), format_)
    open_source(body, _limits(source_pixels_max=800, side_pixels_max=40))
    with pytest.raises(LimitExceeded):
        open_source(body, limits)


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG"])
def test_animations_are_bounded_in_frames_and_total_pixels(format_: str) -> None:
    body = animation(format_)
    open_source(body, _limits(frames_max=3, animation_pixels_max=2400))
    with pytest.raises(LimitExceeded):
        open_source(body, _limits(frames_max=2))
    with pytest.raises(LimitExceeded):
        open_source(body, _limits(animation_pixels_max=2399))


def test_a_profile_that_inflates_is_refused() -> None:
    body = saved(quadrants(8, 8))
    at = body.index(b"IDAT") - 4
    bomb = _chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(200_000)))
    with pytest.raises(UndecodableMedia):
        from domicile.imaging.guarded import decoder_limits

        limits = _limits(metadata_bytes_max=100_000)
        with decoder_limits(limits):
            open_source(body[:at] + bomb + body[at:], limits)


def test_a_progressive_jpeg_is_bounded_by_its_coefficients() -> None:
    body = saved(quadrants(800, 800), "JPEG", progressive=True, subsampling=0)
    assert open_source(body, LIMITS).claims.extra_bytes == 800 * 800 * 3 * 2
    with pytest.raises(LimitExceeded, match="memory"):
        open_source(body, _limits(working_bytes_max=800 * 800 * 6 - 1))


def test_mapped_memory_and_views_are_read_in_place(tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(saved(quadrants(40, 20)))
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        assert open_source(mapped, LIMITS).facts().width == 40
        assert open_source(memoryview(mapped), LIMITS).facts().width == 40


def test_an_empty_canvas_is_no_picture() -> None:
    body = bytearray(saved(Image.new("L", (4, 4))))
    body[16:20] = b"\0\0\0\0"
    with pytest.raises(UndecodableMedia):
        open_source(bytes(body), LIMITS)


@pytest.mark.parametrize(("mode", "named"), [("I", "32-bit or signed samples"), ("F", "floating-point samples")])
def test_samples_that_do_not_say_what_white_is_are_refused_by_name(mode: str, named: str) -> None:
    with pytest.raises(UndecodableMedia, match=named):
        open_source(saved(Image.new(mode, (4, 4)), "TIFF"), MediaLimits())


def test_samples_of_twelve_bits_are_refused_by_name() -> None:
    body = saved(Image.new("I;16", (4, 4)), "TIFF")
    bits = b"\x02\x01\x03\x00\x01\x00\x00\x00"  # tag 258, SHORT, one value
    assert body.count(bits + b"\x10") == 1
    with pytest.raises(UndecodableMedia, match="12-bit samples"):
        open_source(body.replace(bits + b"\x10", bits + b"\x0c"), MediaLimits())


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_a_profile_over_the_limit_is_refused_and_not_ignored(format_: str) -> None:
    body = saved(quadrants(8, 8), format_, icc_profile=bytes(3000))
    open_source(body, _limits(metadata_bytes_max=3000))
    with pytest.raises(LimitExceeded, match="metadata is 2999 bytes"):
        open_source(body, _limits(metadata_bytes_max=2999))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_tells_its_orientation_and_its_size_as_displayed(orientation: int) -> None:
    source = open_source(turned(quadrants(40, 20), orientation, "TIFF"), LIMITS)
    facts = source.facts()
    assert (facts.width, facts.height, facts.orientation) == (40, 20, orientation)
