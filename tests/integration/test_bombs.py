"""Bombs of every kind are refused in a moment by a limit with a name; the same limits let through what is honest."""

from __future__ import annotations

import time

import pytest

from domicile.imaging.containers.jpeg import PLAIN_SCANS_MAX
from domicile.imaging.job import Done, MediaLimits, ProbeJob, Refused
from domicile.imaging.probe import probe
from domicile.imaging.source import open_source
from domicile.media.errors import LimitExceeded
from tests.pictures import bombs
from tests.pictures.synthetic import animation, quadrants, saved

SECONDS_MAX = 1.5
"""Of processor time. The worst of them took tens of seconds before there was a limit."""
LIMITS = MediaLimits()
PILLOWS_WORD = {"png zTXt", "png iTXt", "png iCCP"}
"""Refused by the decoder, under a bound that `guarded.py` sets: it names no limit."""


@pytest.mark.parametrize("name", bombs.BOMBS)
def test_a_bomb_is_refused_in_a_moment_and_by_a_limit(name: str) -> None:
    body = bombs.BOMBS[name]()
    started = time.process_time()
    outcome = probe(body, ProbeJob(limits=LIMITS))
    seconds = time.process_time() - started
    assert isinstance(outcome, Refused), outcome
    assert outcome.code == ("undecodable_media" if name in PILLOWS_WORD else "limit_exceeded"), outcome.message
    assert "aximum" in outcome.message or "more" in outcome.message or name in PILLOWS_WORD
    assert seconds < SECONDS_MAX, f"{len(body)} bytes took {seconds:.1f} s"


HONEST = {
    "progressive jpeg": lambda: saved(quadrants(400, 300), "JPEG", progressive=True),
    "png with text": lambda: bombs.png_chunks(b"zTXt", 20, 1000, damaged=False),
    "png with a profile": lambda: bombs.png_chunks(b"iCCP", 1, 1000, damaged=False),
    "gif": lambda: animation("GIF"),
    "webp": lambda: animation("WEBP"),
    "apng": lambda: animation("PNG"),
    "avif": lambda: saved(quadrants(64, 64), "AVIF"),
    "tiff in strips": lambda: saved(quadrants(300, 300), "TIFF"),
    "tiff with pages": lambda: bombs.tiff_directories(40),
    "ico": lambda: saved(quadrants(256, 256), "ICO", sizes=[(16, 16), (48, 48), (256, 256)]),
    "bmp": lambda: saved(quadrants(64, 64), "BMP"),
    "run-length coded bmp": lambda: bombs.bmp_rle(64, 64, b"\x40\x01\0\0" * 64 + b"\0\x01"),
}


@pytest.mark.parametrize("name", HONEST)
def test_what_is_honest_passes_the_same_limits(name: str) -> None:
    outcome = probe(HONEST[name](), ProbeJob(limits=LIMITS))
    assert isinstance(outcome, Done), outcome


@pytest.mark.parametrize(
    ("body", "fits", "too_small", "says"),
    [
        (bombs.jpeg_scans(20), {"scans_max": 30}, {"scans_max": 29}, "scans"),
        (bombs.jpeg_scans(20), {"scan_pixels_max": 30 * 64 * 64}, {"scan_pixels_max": 30 * 64 * 64 - 1}, "scans"),
        (bombs.png_chunks(b"zTXt", 3, 10), {"inflated_chunks_max": 3}, {"inflated_chunks_max": 2}, "compressed"),
        (bombs.tiff_directories(5), {"frames_max": 5}, {"frames_max": 4}, "frames"),
        (bombs.tiff_directories(5), {"chunks_max": 35}, {"chunks_max": 34}, "chunks"),
        (bombs.ico_entries(5), {"frames_max": 5}, {"frames_max": 4}, "frames"),
        (bombs.bmp_rows(64, 64), {"rle_pixels_max": 4096}, {"rle_pixels_max": 4095}, "run-length"),
        (bombs.gif_frames(6), {"frames_max": 6}, {"frames_max": 5}, "frames"),
        (bombs.gif_frames(6, canvas=10), {"animation_pixels_max": 600}, {"animation_pixels_max": 599}, "animation"),
    ],
)
def test_each_limit_holds_to_the_last_one(body: bytes, fits: dict, too_small: dict, says: str) -> None:
    open_source(body, MediaLimits(**fits))
    with pytest.raises(LimitExceeded, match=says):
        open_source(body, MediaLimits(**too_small))


def test_scans_are_counted_from_marker_to_marker_when_they_seem_many() -> None:
    """What looks like a scan in a comment is none."""
    body = saved(quadrants(64, 64), "JPEG", progressive=True)
    plain = open_source(body, LIMITS).claims.scans
    assert 2 <= plain <= PLAIN_SCANS_MAX
    first = body.index(b"\xff\xda")
    second = body.index(b"\xff\xc4", first)  # a table between two scans; a comment may stand before it
    comment = b"\xff\xfe" + (2 + 400).to_bytes(2, "big") + b"\xff\xda" * 200
    assert open_source(body[:second] + comment + body[second:], LIMITS).claims.scans == plain


def test_a_picture_in_one_scan_is_not_searched() -> None:
    assert open_source(saved(quadrants(64, 64), "JPEG") + b"\xff\xda" * 500, LIMITS).claims.scans == 1


def test_a_small_avif_with_a_tile_over_the_limit_is_refused_and_within_it_is_not() -> None:
    body = bombs.avif_tiles(3000, 2000)
    with pytest.raises(LimitExceeded):
        open_source(body, MediaLimits(source_pixels_max=3000 * 2000 - 1))
