"""Coordinates that a caller keeps with an asset: where its faces are, and which part of it matters. They win over what is found.

    face_coordinates   = box *("|" box)
    custom_coordinates = box
    box                = left "," top "," width "," height      ; whole pixels of the picture as displayed

They are kept as they were written, and cut to the picture where they are used. Source: cloudinary-compat 3.3 and 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from domicile.media.geometry import Box, Side

Rect = tuple[int, int, int, int]
"""Left, top, width, height."""
FACES_STORED_MAX = 100
"""Boxes of one `face_coordinates`."""
CUSTOM_STORED_MAX = 1
_RECT = re.compile(r" *([0-9]{1,6}) *, *([0-9]{1,6}) *, *([0-9]{1,6}) *, *([0-9]{1,6}) *", re.ASCII)


class Coordinates(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one asset; empty where nothing was said."""

    faces: tuple[Rect, ...] = ()
    custom: tuple[Rect, ...] = ()
    found: tuple[Rect, ...] | None = None
    """Nothing that anybody stored: the faces that a look at the picture found (`Analysis.faces`), told to who makes a
    rendition, so that nobody looks twice. None: nobody has looked.
    """

    def __bool__(self) -> bool:
        return bool(self.faces or self.custom)


NOWHERE = Coordinates()


def read_rects(text: str, most: int) -> tuple[Rect, ...]:
    """Boxes joined by "|"; of the empty text none. Raises ValueError, saying what they must be.

    >>> read_rects("10,20,150,130|213,345,82,61", 2)
    ((10, 20, 150, 130), (213, 345, 82, 61))
    """
    if not text:
        return ()
    found = tuple(map(_rect, text.split("|", maxsplit=most)))
    if len(found) > most:
        raise ValueError(f"at most {most} of x,y,width,height")
    return found


def _rect(text: str) -> Rect:
    match = _RECT.fullmatch(text)
    if match is None:
        raise ValueError("must be x,y,width,height in whole pixels, joined by |")
    left, top, width, height = map(int, match.groups())
    if not width or not height:
        raise ValueError("width and height must be at least 1")
    return left, top, width, height


def boxes_inside(rects: Iterable[Rect], size: Side) -> tuple[Box, ...]:
    """Their edges, cut to a picture of that size; those that lie outside are dropped.

    >>> boxes_inside([(10, 20, 500, 5), (300, 0, 5, 5)], (100, 50))
    ((10.0, 20.0, 100.0, 25.0),)
    """
    edges = ((left, top, min(left + width, size[0]), min(top + height, size[1])) for left, top, width, height in rects)
    return tuple(
        (float(left), float(top), float(right), float(bottom))
        for left, top, right, bottom in edges
        if left < right and top < bottom
    )
