"""Coordinates that callers store with an asset: read from parameters, checked against the picture, told in answers."""

from __future__ import annotations

from typing import Any

import msgspec

from domicile.media.coordinates import (
    CUSTOM_STORED_MAX,
    FACES_STORED_MAX,
    NOWHERE,
    Coordinates,
    boxes_inside,
    read_rects,
)
from domicile.media.errors import BadRequest
from domicile.media.facts import SourceFacts
from origin.api.params import Params

FIELDS = {"face_coordinates": ("faces", FACES_STORED_MAX), "custom_coordinates": ("custom", CUSTOM_STORED_MAX)}
"""Parameter -> field of Coordinates, and how many boxes it may have."""


def coordinates_of(params: Params, *, may_empty: bool = False) -> dict[str, Any]:
    """The fields of Coordinates that the call names. Raises BadRequest.

    `may_empty`: an empty text empties one. (SDKs leave empty parameters out of uploads, and mean nothing by them.)
    """
    found: dict[str, Any] = {}
    for name, (field, most) in FIELDS.items():
        if name in params or (may_empty and name in params.values):
            try:
                found[field] = read_rects(params.text(name), most)
            except ValueError as wrong:
                raise BadRequest(f"Invalid value for parameter {name}: {wrong}") from None
    return found


def changed(stored: Coordinates, named: dict[str, Any], facts: SourceFacts) -> Coordinates:
    """What is stored afterwards. Raises BadRequest for a box that lies outside the picture."""
    for name, (field, _) in FIELDS.items():
        rects = named.get(field, ())
        if len(boxes_inside(rects, (facts.width, facts.height))) < len(rects):
            raise BadRequest(f"Invalid value for parameter {name}: a box lies outside the image")
    return msgspec.structs.replace(stored, **named)


def first(params: Params, facts: SourceFacts) -> Coordinates:
    """Of an upload. Raises BadRequest."""
    return changed(NOWHERE, coordinates_of(params), facts)


def inside(stored: Coordinates, facts: SourceFacts) -> Coordinates:
    """Faces as the Upload API tells them: none larger than the picture. The Admin API tells what is stored."""
    width, height = facts.width, facts.height
    cut = tuple((left, top, min(wide, width), min(high, height)) for left, top, wide, high in stored.faces)
    return msgspec.structs.replace(stored, faces=cut)


def told(coordinates: Coordinates) -> dict[str, Any]:
    """The field `coordinates` of an answer, as Cloudinary shapes it; nothing where nothing is stored."""
    kinds = {"custom": coordinates.custom, "faces": coordinates.faces}
    shown = {kind: [list(box) for box in boxes] for kind, boxes in kinds.items() if boxes}
    return {"coordinates": shown} if shown else {}
