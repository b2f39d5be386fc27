"""Characters to pixels. A text's own colour, outline and background are drawn here; whatever else a component asks for (a
frame, round corners, a shadow) is done by the steps, as with any picture. Its size is known before a pixel is drawn (`measured`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import uharfbuzz as hb
from PIL import Image

from domicile.imaging.shaping import UNITS
from domicile.imaging.steps.halo import dilated
from domicile.imaging.typesetting import Laid, Rect, laid_out
from domicile.media.geometry import Side
from domicile.media.text import TextBox, TextLayer
from domicile.media.transformation import Color

HALF = 128
OPAQUE = 255
Mask = np.ndarray[Any, np.dtype[np.uint8]]
"""Coverage of each pixel, 0 to 255."""


def measured(layer: TextLayer, box: TextBox, *, pixels_max: int) -> Side:
    """Width and height of what `drawn` gives. Raises BadTransformation and LimitExceeded."""
    return laid_out(layer, box, pixels_max).size


def drawn(layer: TextLayer, box: TextBox, *, pixels_max: int) -> Image.Image:
    """The text as an RGBA picture of its own size. Raises BadTransformation and LimitExceeded."""
    laid = laid_out(layer, box, pixels_max)
    mask = _mask(laid)
    if layer.style.antialias == "none":
        mask = np.where(mask >= HALF, np.uint8(OPAQUE), np.uint8(0))
    ink = _painted(mask, box.color)
    if laid.outline and box.outline is not None:
        ink = _upon(_painted(dilated(mask, laid.outline), box.outline.color), ink)
    if box.background is None or box.background.alpha == 0:
        return ink
    ground = box.background
    return _upon(Image.new("RGBA", ink.size, (ground.red, ground.green, ground.blue, ground.alpha)), ink)


def _upon(ground: Image.Image, ink: Image.Image) -> Image.Image:
    ground.alpha_composite(ink)
    return ground


def _painted(mask: Mask, color: Color) -> Image.Image:
    """One colour, as opaque as the mask and the colour say; nothing is left of it where it cannot be seen."""
    alpha = Image.fromarray(mask).point([(value * color.alpha + OPAQUE // 2) // OPAQUE for value in range(256)])
    painted = Image.new("RGBA", alpha.size)
    painted.paste((color.red, color.green, color.blue, OPAQUE), mask=alpha.point([0] + [OPAQUE] * 255))
    painted.putalpha(alpha)
    return painted


def _mask(laid: Laid) -> Mask:
    """Coverage, 0 to 255, of the box. Outlines that overlap are one (non-zero winding)."""
    width, height = laid.size
    raster = hb.RasterDraw()
    raster.scale_factor = (UNITS, UNITS)
    raster.extents = hb.RasterExtents(laid.box[0], laid.box[1], width, height, 0)
    for glyph in laid.glyphs:
        raster.transform = (1, 0, 0, 1, glyph.x, glyph.y)
        raster.draw_glyph(glyph.font, glyph.code)
    image = raster.render()
    if image is None or not image.buffer:
        mask = np.zeros((height, width), np.uint8)
    else:
        rows = np.frombuffer(image.buffer, np.uint8).reshape(image.extents.height, image.extents.stride)
        mask = rows[::-1, : image.extents.width].copy()
    for bar in laid.bars:
        _draw_bar(mask, bar, laid.box)
    return mask


def _draw_bar(mask: Mask, bar: Rect, box: Rect) -> None:
    """A rectangle, smooth at its edges."""
    across = _coverage(mask.shape[1], bar[0] - box[0] * UNITS, bar[2] - box[0] * UNITS)
    down = _coverage(mask.shape[0], box[3] * UNITS - bar[3], box[3] * UNITS - bar[1])
    rows = np.flatnonzero(down)
    covered = (down[rows, None] * across[None, :] * OPAQUE / (UNITS * UNITS)).round().astype(np.uint8)
    mask[rows] = np.maximum(mask[rows], covered)


def _coverage(pixels: int, start: int, end: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """How many units of each pixel lie between the two."""
    edges = np.arange(pixels, dtype=np.float64) * UNITS
    shared: np.ndarray[Any, np.dtype[np.float64]] = np.minimum(edges + UNITS, end) - np.maximum(edges, start)
    return shared.clip(0, UNITS)
