"""Sources for the rows, made here so that nothing need be shipped."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def photo(width: int, height: int) -> bytes:
    """A JPEG with the spectrum of a photograph (1/f noise)."""
    return _saved(spectrum(width, height), "JPEG", quality=90)


def cutout(width: int, height: int) -> bytes:
    """A PNG, half of it transparent, with a soft edge."""
    picture = spectrum(width, height).convert("RGBA")
    picture.putalpha(Image.radial_gradient("L").resize((width, height)))
    return _saved(picture, "PNG", compress_level=6)


def animation(width: int, height: int, frames: int) -> bytes:
    """A GIF whose picture moves by a few pixels from frame to frame."""
    wide = spectrum(width + 4 * frames, height).quantize(128)
    shown = [wide.crop((4 * at, 0, 4 * at + width, height)) for at in range(frames)]
    return _saved(shown[0], "GIF", save_all=True, append_images=shown[1:], duration=40, loop=0)


def spectrum(width: int, height: int) -> Image.Image:
    """Noise at every scale, the coarser the stronger, and its own for every width."""
    rng = np.random.default_rng(width)
    canvas = np.zeros((height, width, 3), dtype=np.float32)
    for octave in range(1, 8):
        rows, columns = max(2, height >> (8 - octave)), max(2, width >> (8 - octave))
        layer = Image.fromarray(rng.integers(0, 256, (rows, columns, 3), dtype=np.uint8)).resize((width, height))
        canvas += np.asarray(layer, dtype=np.float32) / 2**octave
    return Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8))


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    body = io.BytesIO()
    picture.save(body, kind, **options)
    return body.getvalue()
