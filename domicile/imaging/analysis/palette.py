"""The colours of a picture: at most 32 of them, with their shares; and the same by names, as people search for them.

A colour goes by the name that is nearest in CIE L*a*b* (D65). Which names Cloudinary knows is documented, where its
borders lie is not. What is more than half transparent does not count.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
from PIL import Image

from domicile.media.analysis import COLORS_MAX, Shares

SAMPLE_SIDE = 128
VISIBLE_MIN = 128
PALETTES = {
    "google": {
        "black": 0x000000, "blue": 0x1A44C8, "brown": 0x7B4A21, "gray": 0x808080, "green": 0x1F9A2E, "orange": 0xF5861F,
        "pink": 0xF7A8C4, "purple": 0x7A27A8, "red": 0xD2141C, "teal": 0x1BA7A7, "white": 0xFFFFFF, "yellow": 0xF8E01F,
    },
    "cloudinary": {
        "aqua": 0x00FFFF, "black": 0x000000, "blue": 0x0000FF, "brown": 0x7B4A21, "fuchsia": 0xFF00FF, "gray": 0x808080,
        "green": 0x008000, "lime": 0x00FF00, "maroon": 0x800000, "navy": 0x000080, "olive": 0x808000, "orange": 0xFFA500,
        "pink": 0xFFC0CB, "purple": 0x800080, "red": 0xFF0000, "silver": 0xC0C0C0, "teal": 0x008080, "white": 0xFFFFFF,
        "yellow": 0xFFFF00,
    },
}  # fmt: skip
Lab = tuple[float, float, float]


def colors_of(picture: Image.Image) -> Shares:
    """Of an RGB or RGBA picture; nothing when nothing of it is visible."""
    factor = min(1.0, SAMPLE_SIDE / max(picture.size))
    size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
    pixels = np.asarray(picture.resize(size, Image.Resampling.BOX).convert("RGBA")).reshape(-1, 4)
    seen = np.ascontiguousarray(pixels[pixels[:, 3] >= VISIBLE_MIN][:, :3])
    if not len(seen):
        return ()
    few = Image.fromarray(seen[None]).quantize(COLORS_MAX, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    palette, counts = few.getpalette() or [], Counter[str]()
    for count, index in few.getcolors(COLORS_MAX * 8) or []:
        assert isinstance(index, int)  # of a picture with a palette
        red, green, blue = palette[3 * index : 3 * index + 3]
        counts[f"#{red:02X}{green:02X}{blue:02X}"] += count
    return _shares(counts, len(seen))


def names_of(colors: Shares) -> dict[str, Shares]:
    """The shares of names, after each palette."""
    found = {}
    for palette in PALETTES:
        sums = Counter[str]()
        for color, share in colors:
            sums[_nearest(palette, int(color[1:], 16))] += round(share * 100)
        found[palette] = _shares(sums, sum(sums.values()) or 1)
    return found


def _shares(counts: Counter[str], total: int) -> Shares:
    shares = ((name, round(100 * count / total, 1)) for name, count in counts.items())
    return tuple(sorted((pair for pair in shares if pair[1] > 0), key=lambda pair: (-pair[1], pair[0])))


def _nearest(palette: str, color: int) -> str:
    names, wanted = _labs(palette), _lab(color)
    return min(names, key=lambda name: (sum((a - b) ** 2 for a, b in zip(names[name], wanted, strict=True)), name))


@cache
def _labs(palette: str) -> dict[str, Lab]:
    return {name: _lab(color) for name, color in PALETTES[palette].items()}


def _lab(color: int) -> Lab:
    red, green, blue = (_linear((color >> shift & 255) / 255) for shift in (16, 8, 0))
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089
    fx, fy, fz = (_root(value) for value in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _root(value: float) -> float:
    return value ** (1 / 3) if value > 216 / 24389 else (24389 / 27 * value + 16) / 116
