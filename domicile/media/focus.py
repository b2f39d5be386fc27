"""Windows around a face: where a crop stands when its gravity is `face` or `faces` (cloudinary-compat 3.2, 3.3; ADR 0012).

fill, lfill, crop with a size    the box's centre in the middle, moved the least that keeps the window in the picture
crop, thumb without a size       the box itself, larger or smaller by zoom
thumb with a size                the box with room around it, widened to the wanted proportions
"""

from __future__ import annotations

import math
from fractions import Fraction

from domicile.media.geometry import Box, Exact, Side, Window, clamped, covering_whole, cut_from, exact

THUMB_ROOM = 1.5
"""Side of what a thumbnail shows around a face, in sides of the face, at zoom 1."""


def centred(focus: Box, outer: Side, of: Side, inner: Exact, shift: Exact) -> Exact:
    """Where the corner of `inner` stands in `outer` (a scaled `of`, which the focus is a box of) to show it in the middle."""
    x = Fraction(focus[0] + focus[2]) / 2 * outer[0] / of[0] - inner[0] / 2 + shift[0]
    y = Fraction(focus[1] + focus[3]) / 2 * outer[1] / of[1] - inner[1] / 2 + shift[1]
    return x, y


def fill_around(source: Side, size: Side, focus: Box, shift: Exact) -> Window:
    """As `geometry.fill_window`."""
    outer = covering_whole(source, size)
    return cut_from(source, outer, size, centred(focus, outer, source, exact(size), shift))


def crop_around(source: Side, size: Side, focus: Box, shift: Exact) -> Window:
    """A rectangle of that size, or of as much of it as the picture has, unscaled."""
    size = min(size[0], source[0]), min(size[1], source[1])
    at = clamped(centred(focus, source, source, exact(size), shift), exact(source), exact(size))
    left, top = at[0].__floor__(), at[1].__floor__()
    return Window((left, top, left + size[0], top + size[1]), size)


def box_itself(source: Side, focus: Box, zoom: float) -> Window:
    """All of the box, its sides divided by the zoom, rounded outwards and cut to the picture."""
    left, top, right, bottom = _grown(focus, 1 / zoom)
    box = (
        max(math.floor(left), 0),
        max(math.floor(top), 0),
        min(math.ceil(right), source[0]),
        min(math.ceil(bottom), source[1]),
    )
    return Window(box, (box[2] - box[0], box[3] - box[1]))


def thumb_around(source: Side, size: Side, focus: Box, zoom: float) -> Window:
    """The smallest window of these proportions that holds the box and its room, as far as the picture reaches."""
    left, top, right, bottom = _grown(focus, THUMB_ROOM / zoom)
    ratio = size[0] / size[1]
    height = max(bottom - top, (right - left) / ratio)
    height = min(height, source[1], source[0] / ratio)
    width = min(height * ratio, source[0])
    x = min(max((left + right - width) / 2, 0), source[0] - width)
    y = min(max((top + bottom - height) / 2, 0), source[1] - height)
    return Window((x, y, x + width, y + height), size)


def _grown(box: Box, factor: float) -> Box:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    width, height = (box[2] - box[0]) * factor / 2, (box[3] - box[1]) * factor / 2
    return x - width, y - height, x + width, y + height
