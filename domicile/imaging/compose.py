"""Two pictures become one: Porter and Duff's over and under, blend modes, masks (W3C Compositing and Blending 1)."""

from __future__ import annotations

from PIL import Image

from domicile.media.placement import Blend, Placement


def composited(
    base: Image.Image,
    layer: Image.Image,
    placement: Placement,
    *,
    blend: Blend = Blend.NORMAL,
    opacity: int = 100,
    is_under: bool = False,
) -> Image.Image:
    """The two on the canvas of the placement. RGB or RGBA in; RGBA out when something of it may be transparent."""
    raise AssertionError(base, layer, placement, blend, opacity, is_under)
