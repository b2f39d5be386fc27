"""Redaction: an area becomes a mosaic of a few quantised cells. Nothing else of what was there goes into the result.

The cells are means of the pixels as they are now, rounded to LEVELS values a channel, transparency included; soft or hard,
the area is painted from them alone. So neither sharpening, nor a thumbnail, nor the alpha plane tells more than the cells.
"""

from __future__ import annotations

from PIL import Image

from domicile.media.geometry import Side
from domicile.media.stage import Stage

LEVELS = 16
_STEP = 255 // (LEVELS - 1)
_QUANTISED = [(value + _STEP // 2) // _STEP * _STEP for value in range(256)]


def redact(image: Image.Image, stage: Stage) -> Image.Image:
    """A copy with the areas of the stage hidden."""
    if stage.redaction is None:
        return image
    image = image.copy()
    for area in stage.redaction.areas:
        piece = image.crop(area.box)
        image.paste(_hidden(piece, area.cell, soft=stage.redaction.soft), area.box[:2])
    return image


def _hidden(piece: Image.Image, cell: int, *, soft: bool) -> Image.Image:
    cells = _cells(piece, (-(-piece.width // cell), -(-piece.height // cell)))
    return cells.resize(piece.size, Image.Resampling.BILINEAR if soft else Image.Resampling.NEAREST)


def _cells(piece: Image.Image, size: Side) -> Image.Image:
    """Means, with premultiplied alpha; a cell that is quite transparent has no colour left."""
    cells = piece.resize(size, Image.Resampling.BOX)  # Pillow premultiplies
    cells = cells.point(_QUANTISED * len(cells.getbands()))
    if cells.mode != "RGBA":
        return cells
    clear = Image.new("RGBA", size)
    clear.paste(cells, mask=cells.getchannel("A").point([0] + [255] * 255))
    return clear
