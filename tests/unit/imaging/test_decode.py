"""Decoding is strict and looks at every frame."""

from __future__ import annotations

import pytest

from domicile.imaging.decode import decode_all
from domicile.imaging.job import MediaLimits, Refused, RenderJob
from domicile.imaging.pipeline import render
from domicile.imaging.source import open_source
from domicile.media.errors import LimitExceeded, UndecodableMedia
from tests.pictures.synthetic import animation, quadrants, ramp, saved

LIMITS = MediaLimits()


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP"])
def test_a_truncated_picture_is_refused(format_: str) -> None:
    body = saved(ramp(256, 256), format_)
    decode_all(open_source(body, LIMITS), LIMITS)
    with pytest.raises(UndecodableMedia):
        decode_all(open_source(body[: len(body) * 2 // 3], LIMITS), LIMITS)


def test_a_damaged_scan_is_refused() -> None:
    body = bytearray(saved(ramp(256, 256), "JPEG"))
    middle = len(body) // 2
    body[middle : middle + 40] = b"\xff\xd9" * 20
    with pytest.raises(UndecodableMedia):
        decode_all(open_source(bytes(body), LIMITS), LIMITS)


def test_a_later_page_has_its_own_limit() -> None:
    pages = [quadrants(8, 8), quadrants(80, 80)]
    body = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    with pytest.raises(LimitExceeded):
        decode_all(open_source(body, LIMITS), MediaLimits(source_pixels_max=80 * 80 - 1))


def test_pages_are_bounded_in_their_total_whatever_the_first_one_says() -> None:
    pages = [quadrants(8, 8), quadrants(80, 80), quadrants(80, 80)]
    body = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    decode_all(open_source(body, LIMITS), MediaLimits(animation_pixels_max=2 * 80 * 80 + 64))
    with pytest.raises(LimitExceeded, match="all pages"):
        decode_all(open_source(body, LIMITS), MediaLimits(animation_pixels_max=2 * 80 * 80 + 63))


def test_every_frame_is_decoded() -> None:
    body = animation("GIF")
    decode_all(open_source(body, LIMITS), LIMITS)
    last = body.rindex(b"\x2c")
    broken = body[: last + 11] + b"\x01" + body[last + 12 :]
    with pytest.raises(UndecodableMedia):
        decode_all(open_source(broken[: last + 14] + b"\0;", LIMITS), LIMITS)


def test_a_later_frame_without_any_colours_is_refused() -> None:
    """Of a GIF without a colour table: Pillow shows the first frame in greys and has no palette for the second."""
    body = animation("GIF")
    table = 3 * 2 ** ((body[10] & 7) + 1)
    bare = body[:10] + bytes([body[10] & 0x7F]) + body[11:13] + body[13 + table :]
    with pytest.raises(UndecodableMedia):
        decode_all(open_source(bare, LIMITS), LIMITS)
    outcome, _ = render(bare, RenderJob(transformation="e_trim", extension="gif", bucket="", limits=LIMITS))
    assert isinstance(outcome, Refused)
    assert outcome.code == "undecodable_media"
