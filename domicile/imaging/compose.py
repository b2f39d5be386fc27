"""Two pictures become one: over and under, blend modes, masks (W3C Compositing and Blending 1, sections 5.8 and 9.1).

What cannot be seen has no part in the result, and under an alpha of 0 the result has no colour at all: what a mask or a
redaction took away is not in the file. Colours are rounded once for the blend mode and once for the transparency.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image, ImageChops

from domicile.media.geometry import WholeBox
from domicile.media.placement import Blend, Placement

PIXELS_AT_A_TIME = 1 << 20
"""Bounds the memory of what is between."""
BYTE = 255
SEEN = [0] + [BYTE] * BYTE
OPACITY_FULL = 100


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
    faded = [(value * opacity + OPACITY_FULL // 2) // OPACITY_FULL for value in range(256)]
    for box in _strips(_shared(ground.size, layer.size, placement)):
        below, above = ground.crop(box), _piece(layer, box, placement)
        if opacity < OPACITY_FULL:
            above.putalpha(above.getchannel("A").point(faded))
        if blend is Blend.MASK:
            mixed = _masked(below, above)
        elif is_under:
            mixed = _over(_seen(above), below.convert("RGBA"), blend)
        else:
            mixed = _over(below, above, blend)
        result.paste(mixed if mixed.mode == result.mode else mixed.convert(result.mode), box[:2])
    return result


def _ground(base: Image.Image, placement: Placement, *, keeps_mode: bool) -> Image.Image:
    """The picture on its canvas, without colours that cannot be seen. A copy."""
    if base.mode != "RGBA" and keeps_mode and not placement.grows(base.size):
        return base.copy()
    ground = Image.new("RGBA", placement.canvas)
    ground.paste(base if base.mode == "RGBA" else base.convert("RGBA"), placement.base_at)
    if base.mode == "RGBA":
        for box in _strips((0, 0, *ground.size)):
            ground.paste(_seen(ground.crop(box)), box[:2])
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


def _piece(layer: Image.Image, box: WholeBox, placement: Placement) -> Image.Image:
    """The pixels of the layer there as RGBA, again and again when it is tiled."""
    x, y = placement.layer_at
    if not placement.is_tiled:
        return layer.crop((box[0] - x, box[1] - y, box[2] - x, box[3] - y)).convert("RGBA")
    tile = np.asarray(layer if layer.mode == "RGBA" else layer.convert("RGBA"))
    rows, columns = np.arange(box[1], box[3]) - y, np.arange(box[0], box[2]) - x
    return Image.fromarray(tile[(rows % tile.shape[0])[:, None], (columns % tile.shape[1])[None, :]])


def _seen(image: Image.Image) -> Image.Image:
    """The same, without the colours of what is quite transparent."""
    seen = Image.new("RGBA", image.size)
    seen.paste(image, mask=image.getchannel("A").point(SEEN))
    return seen


def _over(below: Image.Image, above: Image.Image, blend: Blend) -> Image.Image:
    """Source-over with a blend mode, in the mode of what is below.

    Cs' = (1 - ab) Cs + ab B(Cb, Cs); then Co = (as Cs' + (1 - as) ab Cb) / ao with ao = as + (1 - as) ab.
    """
    colors, alpha = above.convert("RGB"), above.getchannel("A")
    if blend is not Blend.NORMAL:
        mixed = MIXES[blend](below.convert("RGB"), colors)
        colors = mixed if below.mode == "RGB" else Image.composite(mixed, colors, below.getchannel("A"))
    if below.mode == "RGB":
        below.paste(colors, mask=alpha)
        return below
    colors.putalpha(alpha)
    return Image.alpha_composite(below, colors)


def _masked(below: Image.Image, above: Image.Image) -> Image.Image:
    """Destination-in: the base, as opaque as both."""
    below.putalpha(ImageChops.multiply(below.getchannel("A"), above.getchannel("A")))
    return _seen(below)


def _overlaid(below: Image.Image, above: Image.Image) -> Image.Image:
    """Hard light with the two changed over: dark places of the picture are multiplied, light ones screened."""
    dark, light = np.asarray(below, np.uint32), np.asarray(above, np.uint32)
    multiplied = (2 * dark * light + BYTE // 2) // BYTE
    screened = BYTE - (2 * (BYTE - dark) * (BYTE - light) + BYTE // 2) // BYTE
    return Image.fromarray(np.where(2 * dark <= BYTE, multiplied, screened).astype(np.uint8))


MIXES: dict[Blend, Callable[[Image.Image, Image.Image], Image.Image]] = {
    Blend.MULTIPLY: ImageChops.multiply,
    Blend.SCREEN: ImageChops.screen,
    Blend.OVERLAY: _overlaid,
}
"""The blending functions B(Cb, Cs)."""
