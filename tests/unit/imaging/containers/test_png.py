"""PNG chunks."""

from __future__ import annotations

import pytest

from domicile.imaging.containers import png
from domicile.imaging.containers.claims import Claims
from domicile.media.errors import LimitExceeded, UndecodableMedia
from tests.pictures.synthetic import animation, quadrants, saved, turned


def read(body: bytes, chunks_max: int = 100) -> Claims:
    return png.read(memoryview(body), chunks_max=chunks_max, inflated_chunks_max=64)


def test_size_frames_and_plays_are_read() -> None:
    claims = read(animation("PNG"))
    assert (claims.width, claims.height, claims.frames, claims.loop) == (40, 20, 3, 2)
    still = read(saved(quadrants(40, 20)))
    assert (still.frames, still.loop) == (1, None)


def test_exif_after_the_pixels_is_found() -> None:
    body = turned(quadrants(40, 20), 6)
    kinds = {kind: body[start:end] for kind, start, end in png.chunks(memoryview(body))}
    moved = body.replace(kinds[b"eXIf"], b"").replace(kinds[b"IEND"], kinds[b"eXIf"] + kinds[b"IEND"])
    assert read(moved).exif == read(body).exif != b""


def test_unknown_chunks_and_the_tail_are_dropped() -> None:
    body = saved(quadrants(40, 20))
    at = body.index(b"IDAT") - 4
    odd = body[:at] + b"\0\0\0\3prVtabcCRCC" + body[at:] + b"tail"
    assert png.stripped(memoryview(odd)) == body


def test_a_file_of_more_chunks_than_allowed_is_refused_and_not_cut() -> None:
    body = saved(quadrants(40, 20))
    has = len(list(png.chunks(memoryview(body))))
    at = body.index(b"IDAT") - 4
    odd = body[:at] + b"\0\0\0\0tExtCRCC" * 7 + body[at:]
    assert read(odd, has + 7) == read(body)
    with pytest.raises(LimitExceeded, match="chunks"):
        read(odd, has + 6)


@pytest.mark.parametrize("body", [png.SIGNATURE, png.SIGNATURE + bytes(40)])
def test_a_file_without_a_header_is_refused(body: bytes) -> None:
    with pytest.raises(UndecodableMedia):
        read(body)
