"""Redaction: which areas of a picture are hidden, and how coarsely.

An area becomes a mosaic: at most CELLS_MAX cells on its longer side, none smaller than CELL_SIDE_MIN pixels, however fine
was asked for. What a cell shows is all that is left; blurring paints the same cells with soft edges. Faces get a margin.

    pixelate_…:n   cells of n pixels, or coarser            blur_…:n   cells of n / 10 pixels, or coarser
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

from domicile.media.errors import BadTransformation
from domicile.media.faces import FACE_REDACTIONS, FOCUS_GRAVITIES, LOOKING, Faces, hides_faces
from domicile.media.geometry import Box, Side, WholeBox
from domicile.media.grammar import build_component, echo
from domicile.media.transformation import Component, Effect, Pixels, Size
from domicile.media.turns import QUARTERS

REGION_REDACTIONS = frozenset({"blur_region", "pixelate_region"})
REDACTIONS = FACE_REDACTIONS | REGION_REDACTIONS
CELLS_MAX = 8
CELL_SIDE_MIN = 8
BLUR_PER_CELL_PIXEL = 10
FACE_MARGIN = 0.25
"""Of a face's width and height, added on each side: detectors box a face from brow to chin."""


@dataclass(frozen=True, slots=True)
class Area:
    """What is hidden, in whole pixels, and the side of its cells."""

    box: WholeBox
    cell: int


@dataclass(frozen=True, slots=True)
class Redaction:
    """The areas to hide in one step; `soft` blends the cells."""

    areas: tuple[Area, ...]
    soft: bool


def first_redacted(redaction: str) -> Component:
    """The component that stands before all others when a policy asks for `redaction`: an effect's name."""
    return Component(effect=Effect(redaction))


def names_region(component: Component) -> bool:
    """Are x, y, w and h of this component a region to hide, rather than a size?"""
    return component.effect is not None and component.effect.name in REGION_REDACTIONS


def check_redaction(components: tuple[Component, ...]) -> None:
    """Raises BadTransformation for faces (and coordinates) behind automatic gravity, whose cut is found in the pixels: nobody would know
    where they are; and for a region beside an automatic turn, which asks for a size.
    """
    is_cut = False
    for component in components:
        cuts = component.gravity in LOOKING and component.crop is not None
        if (is_cut and component.gravity in FOCUS_GRAVITIES) or ((is_cut or cuts) and hides_faces(component)):
            asked = echo(build_component(component))
            raise BadTransformation.component(f"{asked} (faces go before g_auto)")
        is_cut = is_cut or cuts
        if names_region(component) and not QUARTERS.keys().isdisjoint(component.angles):
            raise BadTransformation.component(f"{echo(build_component(component))} (turn in another one)")


def without_region(component: Component) -> Component:
    """The same component for those who crop and resize: a region is not a size. Raises BadTransformation for both at once."""
    if not names_region(component):
        return component
    if (component.crop, component.gravity, component.aspect) != (None, None, None):
        assert component.effect is not None
        raise BadTransformation.component(f"e_{component.effect.name} (takes x, y, w and h alone: crop in another one)")
    return replace(component, width=None, height=None, x=None, y=None)


def redaction_of(component: Component, size: Side, plain: Side, faces: Faces) -> Redaction | None:
    """What the effect of the component hides in a picture of that size; None when it hides nothing.

    `plain`: the size that it would have at density 1, without this component's own crop; a region's pixels, and those of
    cells, are counted in it. Raises BadTransformation for a region that lies outside.
    """
    effect = component.effect
    if effect is None or effect.name not in REDACTIONS:
        return None
    scale = size[0] / plain[0]
    if effect.name in FACE_REDACTIONS:
        boxes = tuple(_whole(_padded(box), size) for box in faces.covering)
    else:
        boxes = (_region(component, size, plain),)
    areas = tuple(Area(box, _cell(effect, box, scale)) for box in boxes)
    return Redaction(areas, soft=effect.name.startswith("blur")) if areas else None


def _padded(box: Box) -> Box:
    x, y = (box[2] - box[0]) * FACE_MARGIN, (box[3] - box[1]) * FACE_MARGIN
    return box[0] - x, box[1] - y, box[2] + x, box[3] + y


def _whole(box: Box, size: Side) -> WholeBox:
    """Rounded outwards, inside the picture."""
    return (
        max(math.floor(box[0]), 0),
        max(math.floor(box[1]), 0),
        min(math.ceil(box[2]), size[0]),
        min(math.ceil(box[3]), size[1]),
    )


def _region(component: Component, size: Side, plain: Side) -> WholeBox:
    left, top = _length(component.x, size[0], plain[0], 0), _length(component.y, size[1], plain[1], 0)
    width = _length(component.width, size[0], plain[0], 1)
    height = _length(component.height, size[1], plain[1], 1)
    box = _whole((float(left), float(top), float(left + width), float(top + height)), size)
    if box[0] >= box[2] or box[1] >= box[3]:
        assert component.effect is not None
        raise BadTransformation.component(f"e_{component.effect.name} (the region lies outside the image)")
    return box


def _length(length: Size | None, side: int, plain: int, default: int) -> Fraction:
    """Shares are of the picture; pixels are of the picture at density 1. The default is a share."""
    if isinstance(length, Pixels):
        return Fraction(length.value * side, plain)
    return Fraction(str(default if length is None else length.value)) * side


def _cell(effect: Effect, box: WholeBox, scale: float) -> int:
    asked = 0.0
    if effect.strength is not None:
        per_pixel = BLUR_PER_CELL_PIXEL if effect.name.startswith("blur") else 1
        asked = effect.strength * scale / per_pixel
    return max(CELL_SIDE_MIN, math.ceil(max(box[2] - box[0], box[3] - box[1]) / CELLS_MAX), math.ceil(asked))
