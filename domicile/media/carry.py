"""The faces of a picture after one component: through its window, onto its canvas, along its turns."""

from __future__ import annotations

from domicile.media.faces import Faces, through_canvas, through_turn, through_window
from domicile.media.frame import Canvas
from domicile.media.geometry import Side, Window, stored_box
from domicile.media.turns import Turn


def carried(faces: Faces, before: Side, window: Window | None, canvas: Canvas | None, turns: tuple[Turn, ...]) -> Faces:
    """Where the faces of a picture of size `before` are then."""
    size = before
    if window is not None:
        faces, size = through_window(faces, window), window.size
    if canvas is not None:
        faces, size = through_canvas(faces, canvas.at, canvas.size), canvas.size
    for turn in turns:
        faces, size = through_turn(faces, turn, size), turn.size
    return faces


def as_stored(faces: Faces, orientation: int, stored: Side) -> Faces:
    """Of the picture as it is stored, for who asks to see it so."""
    return Faces(
        framing=tuple(stored_box(box, orientation, stored) for box in faces.framing),
        covering=tuple(stored_box(box, orientation, stored) for box in faces.covering),
        custom=tuple(stored_box(box, orientation, stored) for box in faces.custom),
        is_moving=faces.is_moving,
    )
