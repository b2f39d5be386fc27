"""WebP chunks."""

from __future__ import annotations

import pytest

from domicile.imaging.containers import webp
from domicile.imaging.containers.claims import Claims
from domicile.media.errors import LimitExceeded, UndecodableMedia
from tests.pictures.synthetic import animation, quadrants, saved, turned, veiled


def read(body: bytes, chunks_max: int = 100) -> Claims:
    return webp.read(memoryview(body), chunks_max=chunks_max)


@pytest.mark.parametrize("lossless", [True, False])
def test_the_size_is_read_without_a_decoder(lossless: bool) -> None:
    claims = read(saved(quadrants(300, 20), "WEBP", lossless=lossless))
    assert (claims.width, claims.height, claims.frames, claims.has_alpha) == (300, 20, 1, False)
    assert read(saved(veiled(300, 20), "WEBP", lossless=lossless)).has_alpha


def test_frames_and_plays_are_read() -> None:
    claims = read(animation("WEBP"))
    assert (claims.width, claims.height, claims.frames, claims.loop) == (40, 20, 3, 2)


def test_exif_and_profile_are_found_and_stripped_with_their_flags() -> None:
    body = turned(quadrants(40, 20), 6, "WEBP")
    assert read(body).exif != b""
    copied = webp.stripped(memoryview(body))
    assert read(copied).exif == b""
    assert copied[20] & webp.METADATA_FLAGS == 0
    assert int.from_bytes(copied[4:8], "little") == len(copied) - 8


def test_unknown_chunks_inside_a_frame_are_dropped() -> None:
    body = animation("WEBP")
    at = body.index(b"ANMF")
    size = int.from_bytes(body[at + 4 : at + 8], "little")
    frame = body[at + 8 : at + 8 + size] + b"xtra\4\0\0\0abcd"
    odd = body[: at + 4] + len(frame).to_bytes(4, "little") + frame + body[at + 8 + size :]
    assert webp.stripped(memoryview(odd)) == webp.stripped(memoryview(body))


def test_a_file_of_more_chunks_than_allowed_is_refused_and_not_cut() -> None:
    body = turned(quadrants(40, 20), 6, "WEBP")
    has = len(list(webp.chunks(memoryview(body))))
    first = body[:12] + body[12:30]
    odd = first + b"JUNK\0\0\0\0" * 7 + body[30:]
    assert read(odd, has + 7) == read(body)
    assert webp.stripped(memoryview(odd)) == webp.stripped(memoryview(body))
    with pytest.raises(LimitExceeded, match="chunks"):
        read(odd, has + 6)


def test_chunks_inside_frames_count_too() -> None:
    body = animation("WEBP")
    outside = len(list(webp.chunks(memoryview(body))))
    assert read(body, outside + 3).frames == 3  # a VP8L in each
    with pytest.raises(LimitExceeded):
        read(body, outside + 2)


@pytest.mark.parametrize(
    "body", [b"RIFF\4\0\0\0WEBP", b"RIFF\0\0\0\0WEBPVP8L\1\0\0\0\x2f", b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0"]
)
def test_a_file_without_a_picture_is_refused(body: bytes) -> None:
    with pytest.raises(UndecodableMedia):
        read(body)
