"""JPEG headers."""

from __future__ import annotations

import pytest
from PIL import Image

from domicile.imaging.containers import jpeg
from domicile.media.errors import UndecodableMedia
from tests.pictures.synthetic import quadrants, saved, turned


def test_size_components_and_profile_are_read() -> None:
    claims = jpeg.read(memoryview(saved(quadrants(40, 20), "JPEG", icc_profile=b"p" * 100_000)))
    assert (claims.width, claims.height, claims.mode) == (40, 20, "RGB")
    assert claims.icc == b"p" * 100_000
    assert claims.coefficient_bytes == 0
    assert jpeg.read(memoryview(saved(Image.new("L", (3, 4)), "JPEG"))).mode == "L"


@pytest.mark.parametrize(("chroma", "samples"), [(0, 3.0), (2, 1.5)])
def test_coefficients_of_a_progressive_picture_are_counted(chroma: int, samples: float) -> None:
    body = saved(quadrants(64, 32), "JPEG", progressive=True, subsampling=chroma)
    assert jpeg.read(memoryview(body)).coefficient_bytes == 64 * 32 * samples * 2


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
