"""The one port to a resampler: a window of a picture, at a new size, by Lanczos.

`cykooz-resizer` does it with the vector instructions that the processor has, and makes the same pixels with any of them
(docs/adr/0025). Where it has no wheel, for a mode that it does not know, and in the profile of pillow-simd, which is as
fast, Pillow does. A library that is better at equal time replaces this file alone.
"""

from __future__ import annotations

import contextlib
import importlib
from importlib import metadata
from types import ModuleType

from PIL import Image

from domicile.imaging.patched import IS_APART
from domicile.media.geometry import Window

fast: ModuleType | None = None
if not IS_APART:
    with contextlib.suppress(ImportError):
        fast = importlib.import_module("cykooz_resizer")

FAST_MODES = frozenset({"L", "RGB", "RGBA", "CMYK"})
SMALL_SIDE = 400
GAP, GAP_SMALL = 1.75, 3.0
"""How many times larger than the result a picture must stay before the precise step (performance.md 7.2: thumbnails
need more). The same bound holds for DCT scaling and for Pillow's box reduction."""


def name() -> str:
    """What resizes here, and its version."""
    if fast is None:
        return f"Pillow {Image.__version__}"  # type: ignore[attr-defined]  # its stubs leave it out
    return f"cykooz-resizer {metadata.version('cykooz-resizer')}"


def gap_for(width: int, height: int) -> float:
    """The gap for a result of that size."""
    return GAP_SMALL if max(width, height) < SMALL_SIDE else GAP


def resample(image: Image.Image, window: Window) -> Image.Image:
    """Show the window of the image at its size. Colour of transparent pixels does not bleed: they are premultiplied."""
    if not window.changes(image.size):
        return image
    if window.is_pure_crop:
        left, top, right, bottom = window.box
        return image.crop((round(left), round(top), round(right), round(bottom)))
    if fast is not None and image.mode in FAST_MODES:
        return _quickly(fast, image, window)
    return image.resize(
        window.size, Image.Resampling.LANCZOS, box=window.box, reducing_gap=max(gap_for(*window.size), 2.0)
    )


def _quickly(fast: ModuleType, image: Image.Image, window: Window) -> Image.Image:
    """On this thread alone, and with a resizer of its own: one that is kept would keep its buffers."""
    left, top, right, bottom = window.box
    options = fast.ResizeOptions(
        resize_alg=fast.ResizeAlg.convolution(fast.FilterType.lanczos3),
        use_alpha=image.mode == "RGBA",
        crop_box=fast.CropBox(left, top, right - left, bottom - top),
    )
    made = Image.new(image.mode, window.size)
    fast.Resizer().resize_pil(image, made, options)
    return made
