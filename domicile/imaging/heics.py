"""HEIC pixels, by libheif and libde265 (docs/adr/0013): the primary picture alone, upright, in eight bits.

Which way up is said by the container's own properties, which the library applies; EXIF repeats it and is not asked.
Thumbnails, depth and other auxiliary pictures are not opened. Alpha is.
"""

from __future__ import annotations

import importlib
from contextlib import suppress
from typing import Any

from domicile.imaging.color import plain
from domicile.imaging.containers.claims import Claims
from domicile.imaging.containers.heic import check_items
from domicile.imaging.guarded import decoding
from domicile.imaging.memory import require
from domicile.imaging.patched import IS_APART, Image, to_pixels
from domicile.media.errors import UndecodableMedia
from domicile.media.geometry import Window

pillow_heif: Any = None
"""None without the extra `heic`."""
with suppress(ImportError):
    pillow_heif = importlib.import_module("pillow_heif")

MODES = {"L": "L", "LA": "LA", "RGB": "RGB", "RGBA": "RGBA", "RGBa": "RGBa"}
"""What the library hands over in eight bits; "a" is alpha that the colours were multiplied by."""
EIGHT_BITS, HALVED = 8, 420
PLAIN_BYTES, RICH_BYTES = 4, 10
"""A pixel, beside what Pillow holds: planes of brightness and colour, and samples side by side. The most that was measured
(3.3 with halved colours in eight bits, 5.4 with whole ones), and twice as much for more bits."""


def is_installed() -> bool:
    return pillow_heif is not None


def prepare() -> None:
    """Have the library find its decoders while it still may look for them."""
    if pillow_heif is not None:
        pillow_heif.libheif_info()


def read(view: memoryview) -> Claims:
    """What the header claims. Raises UndecodableMedia and LimitExceeded; nothing is decoded."""
    if not is_installed():
        raise UndecodableMedia("Unsupported image format: HEIC")
    check_items(view)
    with decoding():
        picture = _primary(view)
        profile = picture.info.get("icc_profile", b"")
        return Claims(
            width=picture.size[0],
            height=picture.size[1],
            icc=bytes(profile),
            has_alpha=picture.has_alpha,
            mode=MODES[picture.mode],
            orientation=1,
            extra_bytes=picture.size[0] * picture.size[1] * _extra_bytes(picture) + len(view),
        )


def decode(view: memoryview, claims: Claims, window: Window, working_bytes_max: int) -> Image.Image:
    """All of the picture. Raises UndecodableMedia and LimitExceeded."""
    size = claims.width, claims.height
    require(claims.mode, size, window, working_bytes_max - claims.extra_bytes)
    with decoding():
        picture = _primary(view)
        mode, stride, data = picture.mode, picture.stride, picture.data
        if picture.size != size or MODES[mode] != claims.mode:
            raise UndecodableMedia("Invalid image file")
        image = Image.frombytes(mode, size, data, "raw", mode, stride)
        return to_pixels(plain(image) if IS_APART else image)


def check(view: memoryview) -> None:
    """Decode all of it. Call inside `decoding()`."""
    assert _primary(view).data is not None


def _primary(view: memoryview) -> Any:
    # The library wants the file in one piece.
    opened = pillow_heif.open_heif(bytes(view), convert_hdr_to_8bit=True)
    return opened[opened.primary_index]


def _extra_bytes(picture: Any) -> int:
    is_plain = (
        picture.info["bit_depth"] == EIGHT_BITS and picture.info.get("chroma") == HALVED and picture.mode == "RGB"
    )
    return PLAIN_BYTES if is_plain else RICH_BYTES


if pillow_heif is not None:
    pillow_heif.options.DECODE_THREADS = 1
    pillow_heif.options.THUMBNAILS = False
    pillow_heif.options.DEPTH_IMAGES = False
    pillow_heif.options.AUX_IMAGES = False
