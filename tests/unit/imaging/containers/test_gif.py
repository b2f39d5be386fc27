"""GIF blocks."""

from __future__ import annotations

import pytest

from domicile.imaging.containers import gif
from domicile.imaging.containers.claims import Claims
from domicile.media.errors import LimitExceeded, UndecodableMedia
from tests.pictures.synthetic import animation, quadrants, saved, veiled


def _read(body: bytes, frames_max: int = 100, comment_bytes_max: int = 1000) -> Claims:
    return gif.read(memoryview(body), frames_max=frames_max, comment_bytes_max=comment_bytes_max)


def test_frames_are_counted_no_further_than_the_limit() -> None:
    assert _read(animation("GIF")).frames == 3
    with pytest.raises(LimitExceeded):
        _read(animation("GIF"), frames_max=2)


def test_repeats_are_told_as_plays() -> None:
    body = animation("GIF")
    assert _read(body).loop == 2
    at = body.index(b"NETSCAPE2.0") + 13
    assert _read(body[:at] + b"\0\0" + body[at + 2 :]).loop == 0
    assert _read(saved(quadrants(8, 8), "GIF")).loop is None


def test_a_frame_that_sticks_out_grows_the_canvas() -> None:
    body = bytearray(saved(quadrants(8, 8), "GIF"))
    at = body.index(b"\x2c", 13 + gif._table(body[10]))
    body[at + 1 : at + 3] = (65_000).to_bytes(2, "little")
    assert _read(bytes(body)).width == 65_008


def test_transparency_is_that_of_the_first_frame() -> None:
    assert _read(saved(veiled(8, 8), "GIF")).has_alpha
    assert not _read(saved(quadrants(8, 8), "GIF")).has_alpha


def test_comments_and_stray_bytes_are_bounded() -> None:
    body = saved(quadrants(8, 8), "GIF", comment=b"c" * 900)
    assert _read(body).frames == 1
    with pytest.raises(LimitExceeded):
        _read(body, comment_bytes_max=500)
    with pytest.raises(UndecodableMedia):
        _read(body[:-1] + bytes(70_000) + b";")


@pytest.mark.parametrize("body", [b"GIF89a", b"GIF89a" + bytes(7), b"GIF89a" + bytes(7) + b";"])
def test_a_file_without_frames_is_refused(body: bytes) -> None:
    with pytest.raises(UndecodableMedia):
        _read(body)


def test_application_data_is_dropped_but_the_loop() -> None:
    body = animation("GIF")
    at = body.index(b"\x21\xff")
    odd = body[:at] + b"\x21\xff\x0bXMP DataXMP\x03<x>\0" + body[at:] + b"tail"
    assert gif.stripped(memoryview(odd)) == gif.stripped(memoryview(body))
    assert b"NETSCAPE" in gif.stripped(memoryview(body))


def test_what_stays_carries_nothing_else() -> None:
    body, canary = animation("GIF"), b"<?php GPS 48.8584,2.2945 ?>"
    block = bytes([len(canary)]) + canary
    loop = body.index(b"NETSCAPE2.0") + 15  # after the number of repeats
    odd = body[:loop] + block + body[loop:]
    control = odd.index(b"\x21\xf9") + 7  # before the terminator
    odd = odd[:control] + block + odd[control:]
    assert odd.count(canary) == 2
    assert gif.stripped(memoryview(odd)) == gif.stripped(memoryview(body))
    assert canary not in gif.stripped(memoryview(odd))


def test_a_loop_that_says_nothing_goes() -> None:
    body = animation("GIF")
    at = body.index(b"NETSCAPE2.0")
    odd = body[: at + 11] + b"\x05GPS:)" + body[at + 15 :]
    assert b"GPS" not in gif.stripped(memoryview(odd))
    assert b"NETSCAPE" not in gif.stripped(memoryview(odd))
