"""Orientation from EXIF, and a file over bytes in memory."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from domicile.imaging.containers.claims import EXIF_BYTES_MAX, ViewReader, orientation_of


def _exif(value: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif.tobytes()


@pytest.mark.parametrize("value", range(1, 9))
def test_orientations_are_read(value: int) -> None:
    assert orientation_of(_exif(value)) == value


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize(
    "exif", [b"", b"junk", b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\x08", _exif(0), _exif(9), bytes(EXIF_BYTES_MAX + 1)]
)
def test_what_cannot_be_read_is_upright(exif: bytes) -> None:
    assert orientation_of(exif) == 1


def test_a_view_reads_like_a_file() -> None:
    reader = io.BufferedReader(ViewReader(memoryview(b"0123456789")))
    assert reader.read(3) == b"012"
    assert reader.seek(-2, io.SEEK_END) == 8
    assert reader.read() == b"89"
    assert reader.seek(2) == 2
    assert reader.read(100) == b"23456789"
    assert reader.read() == b""
