"""Layers as they are planned: how the pixels of one come about, and where they lie on the picture.

    gravity, x, y      as for padding: offsets push inward from the side that is named; shares are of the picture's side
    xy_center          the layer's middle at that place
    face, faces        in the middle of the largest face, or of every one; without a face the layer is not shown, except
                       on an animation, whose middle takes the face's place; face:center takes the middle then, too
    custom             in the middle of what is stored with the picture; else in the picture's

Source: cloudinary-compat 3.3; what is not documented: docs/adr/0005.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from domicile.media.errors import BadTransformation
from domicile.media.faces import CUSTOM_GRAVITIES, FOCUS_GRAVITIES, NOBODY, Faces, through_canvas
from domicile.media.facts import SourceFacts
from domicile.media.frame import length
from domicile.media.geometry import Box, Exact, Side, WholeBox, Window, area
from domicile.media.layer import LayerName
from domicile.media.layers import SIZE_STAYS
from domicile.media.placement import Blend, Placement, placed
from domicile.media.stage import BYTES_PER_PIXEL, Stage, area_of
from domicile.media.text import TextBox, TextLayer
from domicile.media.transformation import Component, Gravity

NEEDS_FACE = frozenset({Gravity.FACE, Gravity.FACES, Gravity.CUSTOM_FACE, Gravity.CUSTOM_FACES})
"""Without one there is no layer."""
EVERY_FACE = frozenset({Gravity.FACES, Gravity.FACES_CENTER, Gravity.FACES_AUTO, Gravity.CUSTOM_FACES})
FACES_MAX = 20
"""Of one picture that get a layer each, the largest first: every one costs a pass over the picture."""
LAID_MAX = 100
"""Times that layers are laid in one rendition, those inside others and for several faces counted one by one: where each
layer has a face for the next, they would be without number."""
LAID_PIXELS_MAX = 150_000_000
"""Pixels that laying works on, of all frames: some six seconds."""
BOXES_MAX = 500
"""Of faces in the tiles of a layer; with more, all of the picture counts as one."""
COPIES = 3
"""Of a layer, at most, while it is laid over a picture: in colours with alpha, as bytes, and as an array."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is known of a picture that layers show."""

    facts: SourceFacts
    """Of the page that is shown, as displayed."""
    faces: Faces = NOBODY
    redaction: str = ""
    """Effect that the policy puts before all else on it."""


def _no_text(_text: TextLayer, _box: TextBox) -> Side:
    raise BadTransformation.component("text (its size is not known here)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a plan must know of the layers."""

    pictures: Mapping[tuple[LayerName, int | None], Shown] = field(default_factory=dict)
    """By name and page."""
    measure: Callable[[TextLayer, TextBox], Side] = _no_text
    """The size of a text as it is drawn. Raises BadTransformation, LimitExceeded."""

    def shown(self, name: LayerName, page: int | None) -> Shown:
        """Raises BadTransformation; it does not repeat the name."""
        found = self.pictures.get((name, page))
        if found is None:
            raise BadTransformation("Unknown or invalid referenced image")
        return found


NOTHING = Inputs()


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """How the pixels of a layer come about."""

    content: LayerName | TextLayer
    page: int | None
    box: TextBox
    """What shapes a text."""
    drawn: Side
    """Size of the text, before anything is done to it; nothing for a picture."""
    orientation: int
    window: Window
    """As in a Plan: in stored coordinates, before turning upright."""
    stages: tuple[Stage | Overlay, ...]
    size: Side
    has_alpha: bool

    @property
    def animated(self) -> bool:
        """Of a layer that moves one frame is shown."""
        return False

    @property
    def bytes(self) -> int:
        """Of the finished picture."""
        return area_of(self.size) * BYTES_PER_PIXEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """A finished layer and a picture become one."""

    making: Making
    placement: Placement
    blend: Blend
    is_under: bool
    is_solid: bool
    """Is there nothing to be seen through in what comes out, whatever the picture was?"""
    is_whole: bool
    """Is all of the canvas worked on, because it may be seen through, and not only where the layer is?"""

    @property
    def work(self) -> int:
        """Pixels to work on."""
        canvas, layer = area_of(self.size), area_of(self.making.size)
        own = sum(stage.work for stage in self.making.stages if isinstance(stage, Overlay))
        shared = canvas if self.placement.is_tiled else min(layer, canvas)
        return own + shared + (canvas if self.is_whole else 0)

    @property
    def size(self) -> Side:
        return self.placement.canvas

    @property
    def area(self) -> int:
        """Pixels that are held beside the picture before."""
        canvases = 2 if self.blend is Blend.MASK else 1
        return canvases * area_of(self.size) + COPIES * area_of(self.making.size)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a layer is put: on all of the picture (`region` None) or on a part of it."""

    region: WholeBox | None
    gravity: Gravity

    def size(self, picture: Side) -> Side:
        if self.region is None:
            return picture
        left, top, right, bottom = self.region
        return right - left, bottom - top

    def moved(self, by: tuple[int, int]) -> Place:
        if self.region is None:
            return self
        left, top, right, bottom = self.region
        return Place((left + by[0], top + by[1], right + by[0], bottom + by[1]), self.gravity)


def places_of(placing: Component, picture: Side, faces: Faces) -> tuple[Place, ...]:
    """Where the layer is put; nowhere without the face that it is meant for. Raises BadTransformation."""
    gravity = placing.gravity or Gravity.CENTER
    if gravity is Gravity.AUTO:
        raise BadTransformation.component("g_auto (not for placing layers)")
    if gravity not in FOCUS_GRAVITIES:
        return (Place(None, gravity),)
    focus = faces.focus(gravity)
    if focus is None:
        is_skipped = gravity in NEEDS_FACE and not faces.is_moving
        return () if is_skipped else (Place(None, Gravity.CENTER),)
    chosen: Sequence[Box] = (focus,)
    if gravity in EVERY_FACE and not (gravity in CUSTOM_GRAVITIES and faces.custom):
        chosen = sorted(faces.framing, key=lambda box: (area(box), box), reverse=True)[:FACES_MAX]
    return tuple(Place(_whole(box, picture), Gravity.CENTER) for box in chosen)


def placement_of(placing: Component, place: Place, picture: Side, layer: Side, density: Fraction) -> Placement:
    """Gravity, offsets and flags, worked out."""
    x = length(placing.x, picture[0], density) if placing.x is not None else Fraction(0)
    y = length(placing.y, picture[1], density) if placing.y is not None else Fraction(0)
    gravity, shift = place.gravity, (x, y)
    if gravity is Gravity.XY_CENTER:
        gravity, shift = Gravity.NORTH_WEST, _around(placing, (x, y), picture, layer)
    return placed(
        picture,
        layer,
        gravity,
        shift,
        region=place.region,
        is_tiled="tiled" in placing.flags,
        may_grow=placing.flags.isdisjoint(SIZE_STAYS),
    )


def blend_of(placing: Component) -> Blend:
    if "cutter" in placing.flags:
        return Blend.MASK
    return Blend(placing.effect.name) if placing.effect is not None else Blend.NORMAL


def is_solid(making: Making, placement: Placement, blend: Blend) -> bool:
    """Does the layer, which cannot be seen through, cover all of the canvas?"""
    (left, top), (width, height) = placement.layer_at, making.size
    covers = left <= 0 and top <= 0 and left + width >= placement.canvas[0] and top + height >= placement.canvas[1]
    return (covers or placement.is_tiled) and not making.has_alpha and blend is Blend.NORMAL


def faces_on(placement: Placement, base: Faces, layer: Faces, size: Side) -> Faces:
    """The faces of both pictures where they are then; those of a layer of that size in each of its tiles."""
    both = through_canvas(base, placement.base_at, placement.canvas)
    corners = tuple(_corners(placement, size))
    if len(corners) * len(layer.covering) > BOXES_MAX:
        layer, corners = Faces(covering=((0, 0, *placement.canvas),)), ((0, 0),)
    for at in corners:
        there = through_canvas(layer, at, placement.canvas)
        both = Faces(
            framing=both.framing + there.framing,
            covering=both.covering + there.covering,
            custom=both.custom,
            is_moving=both.is_moving,
        )
    return both


def _corners(placement: Placement, size: Side) -> Iterator[tuple[int, int]]:
    x, y = placement.layer_at
    if not placement.is_tiled:
        yield x, y
        return
    for top in range(y % size[1] - size[1], placement.canvas[1], size[1]):
        for left in range(x % size[0] - size[0], placement.canvas[0], size[0]):
            yield left, top


def _around(placing: Component, at: Exact, picture: Side, layer: Side) -> Exact:
    x = at[0] if placing.x is not None else Fraction(picture[0], 2)
    y = at[1] if placing.y is not None else Fraction(picture[1], 2)
    return x - Fraction(layer[0], 2), y - Fraction(layer[1], 2)


def _whole(box: Box, size: Side) -> WholeBox:
    left, top = max(math.floor(box[0]), 0), max(math.floor(box[1]), 0)
    return left, top, max(min(math.ceil(box[2]), size[0]), left + 1), max(min(math.ceil(box[3]), size[1]), top + 1)
