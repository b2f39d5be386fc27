"""Faces as a plan sees them: boxes of the original, found before anything is planned, carried along the chain.

    framing    surely faces: what `g_face` and `g_faces` frame a picture by
    covering   perhaps faces: what redaction hides; it would rather hide too much
    custom     what matters most, because somebody said so

Stored coordinates say what to frame in place of what was found, and are hidden beside it. Nothing is looked for twice: a picture that was cropped or turned shows the faces of its original where that put them, and
no URL can turn or shrink a picture until its faces are not found any more. Boxes are of the picture as displayed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from domicile.media.geometry import Box, Side, Window, area
from domicile.media.transformation import Component, Crop, Focal, Gravity, Transformation
from domicile.media.turns import Turn

FACE_REDACTIONS = frozenset({"blur_faces", "pixelate_faces"})
SINGLE = frozenset({Gravity.FACE, Gravity.FACE_CENTER, Gravity.FACE_AUTO, Gravity.CUSTOM_FACE})
FACE_GRAVITIES = SINGLE | {Gravity.FACES, Gravity.FACES_CENTER, Gravity.FACES_AUTO, Gravity.CUSTOM_FACES}
CUSTOM_GRAVITIES = frozenset({Gravity.CUSTOM, Gravity.CUSTOM_FACE, Gravity.CUSTOM_FACES})
FOCUS_GRAVITIES = FACE_GRAVITIES | CUSTOM_GRAVITIES
"""What frames a picture by boxes on it."""
LOOKING = frozenset({Gravity.AUTO, Gravity.FACE_AUTO, Gravity.FACES_AUTO})
"""What may have to look at the pixels themselves."""
FALLBACKS = {
    Gravity.FACE: Gravity.NORTH,
    Gravity.FACES: Gravity.NORTH,
    Gravity.CUSTOM_FACE: Gravity.NORTH,
    Gravity.CUSTOM_FACES: Gravity.NORTH,
    Gravity.FACE_AUTO: Gravity.AUTO,
    Gravity.FACES_AUTO: Gravity.AUTO,
}
"""Without a box; centre for all others."""
AUTO_ONLY = frozenset({Crop.FILL_PAD, Crop.AUTO_PAD})
"""Modes that mean nothing without automatic gravity: it decides whether to cut at all, which stored coordinates leave open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faces:
    """The faces of one picture."""

    framing: tuple[Box, ...] = ()
    covering: tuple[Box, ...] = ()
    custom: tuple[Box, ...] = ()
    is_moving: bool = False
    """Of an animation: no frame is framed by where a face happens to be in another."""

    def focus(self, gravity: Gravity) -> Box | None:
        """What that gravity looks at: what is custom, the largest face, or the box around all; None when there is none."""
        if gravity in CUSTOM_GRAVITIES and self.custom:
            return around(self.custom)
        if gravity not in FACE_GRAVITIES or not self.framing or self.is_moving:
            return None
        return self._largest() if gravity in SINGLE else around(self.framing)

    def _largest(self) -> Box:
        return max(self.framing, key=lambda box: (area(box), box))

    def fallback(self, gravity: Gravity) -> Gravity:
        """The gravity in its place, without a box (cloudinary-compat 3.3)."""
        if gravity not in FOCUS_GRAVITIES:
            return gravity
        return Gravity.CENTER if self.is_moving else FALLBACKS.get(gravity, Gravity.CENTER)

    def favoured(self, component: Component) -> tuple[Box, ...]:
        """What automatic gravity holds on to."""
        faces = () if self.is_moving else self.framing
        match component.focal:
            case Focal.NONE:
                return ()
            case Focal.FACE:
                faces = (self._largest(),) if faces else ()
            case Focal.CUSTOM_NO_OVERRIDE:
                return (*self.custom, *faces)
            case None:
                pass
        return self.custom or faces

    def settled(self, component: Component) -> Gravity | None:
        """The gravity that counts: that of stored coordinates in place of an automatic one."""
        is_overridden = self.custom and component.gravity is Gravity.AUTO and component.crop not in AUTO_ONLY
        if is_overridden and component.focal not in {Focal.NONE, Focal.CUSTOM_NO_OVERRIDE}:
            return Gravity.CUSTOM
        return component.gravity


NOBODY = Faces()


def around(boxes: Iterable[Box]) -> Box:
    """The smallest box that holds them all."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def names_faces(transformation: Transformation) -> bool:
    """Does it ask for faces by name? Then they must be looked for; automatic gravity does well without them, too."""
    return any(component.gravity in FACE_GRAVITIES for component in transformation.components)


def favours_faces(transformation: Transformation) -> bool:
    return any(
        component.gravity is Gravity.AUTO and component.crop is not None and component.focal is not Focal.NONE
        for component in transformation.components
    )


def reads_coordinates(component: Component) -> bool:
    """Does what comes out depend on what is stored of the picture?"""
    return component.gravity in FOCUS_GRAVITIES | LOOKING or hides_faces(component)


def needs_covering(transformation: Transformation) -> bool:
    return any(hides_faces(component) for component in transformation.components)


def hides_faces(component: Component) -> bool:
    return component.effect is not None and component.effect.name in FACE_REDACTIONS


def through_window(faces: Faces, window: Window | None) -> Faces:
    """Where they are after crop and resize; what lies outside is gone."""
    if window is None:
        return faces
    left, top, right, bottom = window.box
    x, y = window.size[0] / (right - left), window.size[1] / (bottom - top)

    def moved(box: Box) -> Box:
        return (box[0] - left) * x, (box[1] - top) * y, (box[2] - left) * x, (box[3] - top) * y

    return _each(faces, moved, window.size)


def through_canvas(faces: Faces, at: tuple[int, int], size: Side) -> Faces:
    """Where they are after padding."""
    return _each(faces, lambda box: (box[0] + at[0], box[1] + at[1], box[2] + at[0], box[3] + at[1]), size)


def through_turn(faces: Faces, turn: Turn, before: Side) -> Faces:
    """Where they are after one turn or flip; after a free angle, the upright box around the turned one."""
    width, height = before

    def turned(box: Box) -> Box:
        match turn.name:
            case "hflip":
                return width - box[2], box[1], width - box[0], box[3]
            case "vflip":
                return box[0], height - box[3], box[2], height - box[1]
            case _:
                corners = ((x, y) for x in (box[0], box[2]) for y in (box[1], box[3]))
                return _around(_rotated(x, y, turn, before) for x, y in corners)

    return _each(faces, turned, turn.size)


def _rotated(x: float, y: float, turn: Turn, before: Side) -> tuple[float, float]:
    """Clockwise about the centres, with y downwards."""
    cosine, sine = math.cos(math.radians(turn.degrees)), math.sin(math.radians(turn.degrees))
    x, y = x - before[0] / 2, y - before[1] / 2
    return cosine * x - sine * y + turn.size[0] / 2, sine * x + cosine * y + turn.size[1] / 2


def _around(points: Iterable[tuple[float, float]]) -> Box:
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _each(faces: Faces, move: Callable[[Box], Box], size: Side) -> Faces:
    return Faces(
        framing=_inside(map(move, faces.framing), size),
        covering=_inside(map(move, faces.covering), size),
        custom=_inside(map(move, faces.custom), size),
        is_moving=faces.is_moving,
    )


def _inside(boxes: Iterable[Box], size: Side) -> tuple[Box, ...]:
    """Cut to the picture; those of which nothing is left are dropped."""
    cut = ((max(b[0], 0.0), max(b[1], 0.0), min(b[2], float(size[0])), min(b[3], float(size[1]))) for b in boxes)
    return tuple(box for box in cut if box[2] > box[0] and box[3] > box[1])
