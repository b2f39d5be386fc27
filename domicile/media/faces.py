"""Faces as a plan sees them: boxes of the original, found before anything is planned, carried along the chain.

    framing    surely faces: what `g_face` and `g_faces` frame a picture by
    covering   perhaps faces: what redaction hides; it would rather hide too much

Nothing is looked for twice: a picture that was cropped or turned shows the faces of its original where that put them, and
no URL can turn or shrink a picture until its faces are not found any more. Boxes are of the picture as displayed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from domicile.media.geometry import Box, Side, Window
from domicile.media.transformation import Component, Gravity, Transformation
from domicile.media.turns import Turn

FACE_REDACTIONS = frozenset({"blur_faces", "pixelate_faces"})
SINGLE = frozenset({Gravity.FACE, Gravity.FACE_CENTER})
FACE_GRAVITIES = SINGLE | {Gravity.FACES, Gravity.FACES_CENTER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Faces:
    """The faces of one picture."""

    framing: tuple[Box, ...] = ()
    covering: tuple[Box, ...] = ()
    is_moving: bool = False
    """Of an animation: no frame is framed by where a face happens to be in another."""

    def focus(self, gravity: Gravity) -> Box | None:
        """What that gravity looks at: the largest face, or the box around all; None when there is none."""
        if gravity not in FACE_GRAVITIES or not self.framing or self.is_moving:
            return None
        if gravity in SINGLE:
            return max(self.framing, key=lambda box: (_area(box), box))
        lefts, tops, rights, bottoms = zip(*self.framing, strict=True)
        return min(lefts), min(tops), max(rights), max(bottoms)

    def fallback(self, gravity: Gravity) -> Gravity:
        """The compass gravity in its place, without a face (cloudinary-compat 3.3)."""
        if gravity not in FACE_GRAVITIES:
            return gravity
        return Gravity.NORTH if gravity in {Gravity.FACE, Gravity.FACES} and not self.is_moving else Gravity.CENTER


NOBODY = Faces()


def needs_framing(transformation: Transformation) -> bool:
    return any(component.gravity in FACE_GRAVITIES for component in transformation.components)


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
        is_moving=faces.is_moving,
    )


def _inside(boxes: Iterable[Box], size: Side) -> tuple[Box, ...]:
    """Cut to the picture; those of which nothing is left are dropped."""
    cut = ((max(b[0], 0.0), max(b[1], 0.0), min(b[2], float(size[0])), min(b[3], float(size[1]))) for b in boxes)
    return tuple(box for box in cut if box[2] > box[0] and box[3] > box[1])


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
