"""JPEG headers."""

from __future__ import annotations

import io
from itertools import product

import pytest
import simplejpeg
from PIL import Image

from domicile.imaging.containers import jpeg
from domicile.media.errors import UndecodableMedia
from tests.pictures.synthetic import quadrants, saved, turned


def test_size_components_and_profile_are_read() -> None:
    claims = jpeg.read(memoryview(saved(quadrants(40, 20), "JPEG", icc_profile=b"p" * 100_000)))
    assert (claims.width, claims.height, claims.mode) == (40, 20, "RGB")
    assert claims.icc == b"p" * 100_000
    assert claims.extra_bytes == 0
    assert jpeg.read(memoryview(saved(Image.new("L", (3, 4)), "JPEG"))).mode == "L"


@pytest.mark.parametrize(("chroma", "samples"), [(0, 3.0), (2, 1.5)])
def test_coefficients_of_a_progressive_picture_are_counted(chroma: int, samples: float) -> None:
    body = saved(quadrants(64, 32), "JPEG", progressive=True, subsampling=chroma)
    assert jpeg.read(memoryview(body)).extra_bytes == 64 * 32 * samples * 2


def test_fill_bytes_and_stray_bytes_between_segments_are_skipped() -> None:
    body = saved(quadrants(40, 20), "JPEG")
    assert jpeg.read(memoryview(body[:2] + b"\xff\xff\xff" + body[2:])).width == 40
    assert jpeg.read(memoryview(body[:2] + bytes(50) + body[2:])).width == 40
    with pytest.raises(UndecodableMedia):
        jpeg.read(memoryview(body[:2] + bytes(70_000) + body[2:]))


@pytest.mark.parametrize("end", [2, 3, 4, 20, 150])
def test_a_header_that_ends_early_is_refused(end: int) -> None:
    with pytest.raises(UndecodableMedia):
        jpeg.read(memoryview(saved(quadrants(40, 20), "JPEG")[:end]))


def test_exif_is_found_and_a_stripped_file_has_none() -> None:
    body = turned(quadrants(40, 20), 3, "JPEG")
    assert jpeg.read(memoryview(body)).exif.startswith(b"Exif")
    assert jpeg.read(memoryview(jpeg.stripped(memoryview(body)))).exif == b""


def test_what_follows_the_end_is_dropped() -> None:
    body = saved(quadrants(40, 20), "JPEG")
    assert jpeg.stripped(memoryview(body + b"PK\3\4")).endswith(b"\xff\xd9")
    with pytest.raises(UndecodableMedia):
        jpeg.stripped(memoryview(body[:-2]))


JFIF = b"\xff\xe0\x00\x10JFIF\0\1\2\1\0\x48\0\x48\0\0"
IDS = {"123": b"\1\2\3", "RGB": b"RGB", "012": b"\0\1\2"}
ADOBE = {"": b"", **{f"adobe {n}": b"\xff\xee\x00\x0eAdobe\x00\x64\0\0\0\0" + bytes([n]) for n in (0, 1)}}
SHORT = {"jfif": b"\xff\xe0\x00\x09JFIF\0\1\2", "adobe": b"\xff\xee\x00\x0dAdobe\x00\x64\0\0\0\0"}


def marked(ids: bytes, *markers: bytes) -> bytes:
    """A JPEG with these component ids, and no application markers but these."""
    body = bytearray(saved(quadrants(16, 16), "JPEG", quality=95, subsampling=0))
    assert body[2:4] == b"\xff\xe0"
    del body[2 : 4 + int.from_bytes(body[4:6], "big")]
    frame, scan = body.index(b"\xff\xc0"), body.index(b"\xff\xda")
    for number, name in enumerate(ids):
        body[frame + 10 + 3 * number] = body[scan + 5 + 2 * number] = name
    return bytes(body[:2]) + b"".join(markers) + bytes(body[2:])


def pixels(body: bytes) -> tuple[bytes, bytes]:
    """As two decoders see them."""
    return Image.open(io.BytesIO(body)).convert("RGB").tobytes(), simplejpeg.decode_jpeg(body).tobytes()


def test_a_stripped_file_has_the_colours_of_its_original_whatever_says_them() -> None:
    seen = set()
    for ids, jfif, adobe in product(IDS.values(), (b"", JFIF), ADOBE.values()):
        for body in {marked(ids, jfif, adobe), marked(ids, adobe, jfif)}:
            copied = jpeg.stripped(memoryview(body))
            assert pixels(copied) == pixels(body), (ids, jfif, adobe)
            assert (b"JFIF" in copied, b"Adobe" in copied) == (bool(jfif), bool(adobe))
            seen.add(pixels(body))
    assert len(seen) == 2  # as YCbCr and as RGB


@pytest.mark.parametrize("short", SHORT.values(), ids=SHORT)
def test_a_marker_that_is_too_short_says_nothing_and_goes(short: bytes) -> None:
    body = marked(b"RGB", short)
    copied = jpeg.stripped(memoryview(body))
    assert pixels(copied) == pixels(body)
    assert b"JFIF" not in copied
    assert b"Adobe" not in copied


def test_markers_about_colour_carry_nothing_else() -> None:
    canary = b"<?php GPS 48.8584,2.2945 ?>"
    notes = [
        b"\xff\xee" + (len(canary) + 2).to_bytes(2, "big") + canary,
        b"\xff\xee" + (len(canary) + 14).to_bytes(2, "big") + b"Adobe\x00\x64\x12\x34\x56\x78\x01" + canary,
        b"\xff\xe0" + (len(canary) + 16).to_bytes(2, "big") + JFIF[4:] + canary,
    ]
    body = marked(b"\1\2\3", *notes)
    copied = jpeg.stripped(memoryview(body))
    assert canary not in copied
    assert b"\x12\x34\x56\x78" not in copied
    assert b"\x48\0\x48" not in copied  # the density that a camera or program noted
    assert pixels(copied) == pixels(body)
