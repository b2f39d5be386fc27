"""The picture library that meets bytes, and the bridge from it to the one that works on pixels (docs/adr/0002).

By default both are the Pillow wheel, and the bridge does nothing. Where pillow-simd is installed, it is `PIL` and sees raw
pixels alone: originals are opened, profiles read and renditions written by the patched Pillow, which is installed under
the name `patched_pillow` (deploy/simd.py). If it is missing there, nothing here can be imported and nothing is decoded.
"""

from __future__ import annotations

import importlib
from importlib import metadata
from typing import TYPE_CHECKING, Any

from PIL import Image as Pixels

if TYPE_CHECKING:
    from PIL import Image, ImageCms, ImageFile, PngImagePlugin, TiffImagePlugin, features

__all__ = [
    "IS_APART",
    "NAME",
    "Image",
    "ImageCms",
    "ImageFile",
    "Pixels",
    "PngImagePlugin",
    "TiffImagePlugin",
    "bridge_bytes",
    "features",
    "to_bytes",
    "to_pixels",
]

ENGINE = "pillow-simd"
STRIP_ROWS = 64
"""Handed over at a time, so that a picture exists twice on its way and not three times."""


def _is_apart() -> bool:
    try:
        metadata.version(ENGINE)
    except metadata.PackageNotFoundError:
        return False
    return True


IS_APART = _is_apart()
NAME = "patched_pillow" if IS_APART else "PIL"

if not TYPE_CHECKING:
    Image = importlib.import_module(f"{NAME}.Image")
    ImageCms = importlib.import_module(f"{NAME}.ImageCms")
    ImageFile = importlib.import_module(f"{NAME}.ImageFile")
    PngImagePlugin = importlib.import_module(f"{NAME}.PngImagePlugin")
    TiffImagePlugin = importlib.import_module(f"{NAME}.TiffImagePlugin")
    features = importlib.import_module(f"{NAME}.features")


def bridge_bytes(pixels: int) -> int:
    """Bytes that so many pixels take a second time on their way over."""
    return pixels * 4 if IS_APART else 0


def to_pixels(image: Image.Image) -> Image.Image:
    """A decoded picture, in a plain mode, for the steps. The same object when there is one library."""
    return _carried(image, Pixels)


def to_bytes(image: Image.Image) -> Image.Image:
    """A finished picture for an encoder or a profile. The same object when there is one library."""
    return _carried(image, Image)


def _carried(image: Image.Image, target: Any) -> Image.Image:
    if not IS_APART or isinstance(image, target.Image):
        return image
    made: Image.Image = target.new(image.mode, image.size)
    for top in range(0, image.height, STRIP_ROWS):
        strip = image.crop((0, top, image.width, min(top + STRIP_ROWS, image.height)))
        made.paste(target.frombytes(strip.mode, strip.size, strip.tobytes()), (0, top))
    return made
