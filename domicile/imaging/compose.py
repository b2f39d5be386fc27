"""Two pictures become one: over and under, blend modes, masks (W3C Compositing and Blending 1, sections 5.8 and 9.1).

Colours are mixed as light that comes through, alpha first: what cannot be seen has no part in the result, and under
an alpha of 0 the result has no colour at all, so that what a mask or a redaction took away is not in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from PIL import Image

from domicile.media.geometry import WholeBox
from domicile.media.placement import Blend, Placement

PIXELS_AT_A_TIME = 65_536
"""Bounds the memory of floating-point arithmetic, as in steps/adjust.py."""
BYTE = 255
OPACITY_FULL = 100
Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Light = np.ndarray[Any, np.dtype[np.float32]]
"""Floats from 0 to 1; the last axis is red, green, blue, alpha."""


def composited(
    base: Image.Image,
    layer: Image.Image,
    placement: Placement,
    *,
    blend: Blend = Blend.NORMAL,
    opacity: int = OPACITY_FULL,
    is_under: bool = False,
) -> Image.Image:
    """The two on the canvas of the placement; RGB when the base is and fills the canvas unmasked, else RGBA.

    `opacity` is of the layer, in percent. A mask shows the base where the layer is opaque and nothing elsewhere.
    """
    ground = _ground(base, placement, keeps_mode=blend is not Blend.MASK)
    result = Image.new("RGBA", ground.size) if blend is Blend.MASK else ground
    tile = np.asarray(layer.convert("RGBA"))
    for box in _strips(_shared(ground.size, layer.size, placement)):
        below, above = _light(ground.crop(box)), _light(_piece(tile, box, placement))
        above[..., 3] *= opacity / OPACITY_FULL
        if blend is Blend.MASK:
            mixed = _masked(below, above)
        else:
            mixed = _over(above, below, blend) if is_under else _over(below, above, blend)
        result.paste(_bytes(mixed, result.mode), box[:2])
    return result


def _ground(base: Image.Image, placement: Placement, *, keeps_mode: bool) -> Image.Image:
    """The picture on its canvas, without colours that cannot be seen. A copy."""
    if base.mode != "RGBA" and keeps_mode and not placement.grows(base.size):
        return base.copy()
    ground = Image.new("RGBA", placement.canvas)
    ground.paste(base if base.mode == "RGBA" else base.convert("RGBA"), placement.base_at)
    if base.mode == "RGBA":
        for box in _strips((0, 0, *ground.size)):
            ground.paste(_bytes(_light(ground.crop(box)), "RGBA"), box[:2])
    return ground


def _shared(canvas: tuple[int, int], layer: tuple[int, int], placement: Placement) -> WholeBox:
    """Where the layer is."""
    if placement.is_tiled:
        return 0, 0, *canvas
    left, top = placement.layer_at
    return max(left, 0), max(top, 0), min(left + layer[0], canvas[0]), min(top + layer[1], canvas[1])


def _strips(box: WholeBox) -> Iterator[WholeBox]:
    """The box in pieces of a bounded number of pixels."""
    left, top, right, bottom = box
    if left >= right or top >= bottom:
        return
    rows = max(PIXELS_AT_A_TIME // (right - left), 1)
    for start in range(top, bottom, rows):
        yield left, start, right, min(start + rows, bottom)


def _piece(tile: Bytes, box: WholeBox, placement: Placement) -> Bytes:
    """The pixels of the layer there, again and again when it is tiled."""
    rows = np.arange(box[1], box[3]) - placement.layer_at[1]
    columns = np.arange(box[0], box[2]) - placement.layer_at[0]
    piece: Bytes = tile[(rows % tile.shape[0])[:, None], (columns % tile.shape[1])[None, :]]
    return piece


def _light(pixels: Image.Image | Bytes) -> Light:
    """As floats, opaque when there is no alpha."""
    values: Light = np.asarray(pixels, dtype=np.float32) / np.float32(BYTE)
    if values.shape[-1] == 4:
        return values
    return np.concatenate([values, np.ones((*values.shape[:2], 1), np.float32)], axis=-1)


def _bytes(light: Light, mode: str) -> Image.Image:
    values = np.rint(light * BYTE).astype(np.uint8)
    values[values[..., 3] == 0] = 0
    return Image.fromarray(np.ascontiguousarray(values if mode == "RGBA" else values[..., :3]))


def _over(below: Light, above: Light, blend: Blend) -> Light:
    """Source-over with a blend mode: Co = as (1 - ab) Cs + as ab B(Cb, Cs) + (1 - as) ab Cb, divided by ao."""
    under, over = below[..., 3:], above[..., 3:]
    alpha = over + under * (1 - over)
    mixed = MIXES[blend](below[..., :3], above[..., :3])
    colors = over * (1 - under) * above[..., :3] + over * under * mixed + (1 - over) * under * below[..., :3]
    colors = np.divide(colors, alpha, out=np.zeros_like(colors), where=alpha > 0)
    return np.concatenate([np.clip(colors, 0, 1), alpha], axis=-1)


def _masked(below: Light, above: Light) -> Light:
    """Destination-in: the base, as opaque as both."""
    return np.concatenate([below[..., :3], below[..., 3:] * above[..., 3:]], axis=-1)


def _screened(below: Light, above: Light) -> Light:
    return below + above - below * above


def _overlaid(below: Light, above: Light) -> Light:
    """Hard light with the two changed over: dark places of the picture are multiplied, light ones screened."""
    return np.where(below <= 0.5, above * 2 * below, _screened(above, 2 * below - 1))


MIXES: dict[Blend, Callable[[Light, Light], Light]] = {
    Blend.NORMAL: lambda _below, above: above,
    Blend.MULTIPLY: lambda below, above: below * above,
    Blend.SCREEN: _screened,
    Blend.OVERLAY: _overlaid,
}
"""The blending functions B(Cb, Cs)."""
