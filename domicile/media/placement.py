"""Where a layer lies on a picture: gravity, offsets, tiles; and how far the picture grows for it.

Offsets push inward from the side that gravity names, as in `geometry.offset`. A layer that sticks out makes the picture
larger (`fl_no_overflow` cuts it off instead), and so does one underneath. Source: cloudinary-compat 3.3, "Layer placement".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domicile.media.geometry import Exact, Side, WholeBox, exact, offset
from domicile.media.transformation import Gravity


class Blend(StrEnum):
    """How a layer and the picture become one (W3C Compositing and Blending 1)."""

    NORMAL = "normal"
    MULTIPLY = "multiply"
    SCREEN = "screen"
    OVERLAY = "overlay"
    MASK = "mask"
    """`e_mask`, `fl_cutter`: the picture where the layer is opaque, and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Two pictures on one canvas."""

    canvas: Side
    base_at: tuple[int, int]
    """Where the top-left corner of the picture lies; (0, 0) unless the canvas grew to the left or up."""
    layer_at: tuple[int, int]
    """Where that of the layer lies, or of one of its tiles; it may be negative."""
    is_tiled: bool = False
    """Does the layer cover all of the canvas, again and again?"""

    def grows(self, base: Side) -> bool:
        """Is the canvas larger than the picture, so that something of it may be transparent?"""
        return self.canvas != base


def placed(
    base: Side,
    layer: Side,
    gravity: Gravity,
    shift: Exact,
    *,
    region: WholeBox | None = None,
    is_tiled: bool = False,
    may_grow: bool = True,
) -> Placement:
    """Place a layer of that size on a picture of that size.

    `shift` is in whole or broken pixels. `region`: what gravity and shift are measured on (a face); all of the picture
    otherwise. `is_tiled` and `fl_no_overflow` keep the canvas. `gravity` is one of the compass.
    """
    left, top, right, bottom = region or (0, 0, *base)
    at = offset(exact((right - left, bottom - top)), exact(layer), gravity, shift)
    x, y = left + at[0].__floor__(), top + at[1].__floor__()
    if is_tiled or not may_grow:
        return Placement(canvas=base, base_at=(0, 0), layer_at=(x, y), is_tiled=is_tiled)
    grown = max(-x, 0), max(-y, 0)
    canvas = max(base[0], x + layer[0]) + grown[0], max(base[1], y + layer[1]) + grown[1]
    return Placement(canvas=canvas, base_at=grown, layer_at=(x + grown[0], y + grown[1]))
