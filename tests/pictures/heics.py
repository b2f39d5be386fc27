"""HEIC files for tests. Only tests write them; nothing of Domicile does."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tests.pictures.synthetic import P3_PRIMARIES, matrix_profile, quadrants

pillow_heif = pytest.importorskip("pillow_heif")

QUALITY = 95


def heic(image: Image.Image, exif: bytes | None = None) -> bytes:
    """The picture as a HEIC file. An orientation in `exif` is written twice: there, and as the container's own property."""
    body = io.BytesIO()
    opened = pillow_heif.from_pillow(image)
    if exif is not None:
        opened[0].info["exif"] = exif
    opened.save(body, quality=QUALITY, chroma=444)
    return body.getvalue()


def heic_with_gps() -> bytes:
    """A small one with EXIF, GPS in it, and a profile."""
    image = quadrants(160, 120)
    image.info["icc_profile"] = matrix_profile(P3_PRIMARIES, 2.2)
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    return heic(image, exif.tobytes())


def with_items_of(kind: bytes, body: bytes) -> bytes:
    """The file with its HEVC items renamed."""
    return body.replace(b"hvc1", kind)
