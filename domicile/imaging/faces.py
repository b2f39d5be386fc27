"""Where the faces of an original are: looked for upright, at fixed small sizes, before anything is planned.

    framing     one look at SIDE pixels; only what is surely a face
    covering    a second look, nearer, for small faces; everything that may be one; in all frames of an animation

Coordinates that are stored with the picture are framed in place of what would be found, and hidden beside it. What a look
at its upload found is framed without another look, which would find the same; what is to be hidden is always looked for.
Colours that transparency hides are looked at as well: a viewer could make them visible again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from PIL import Image

from domicile.imaging.centerface import FacesUnavailable, detect, is_available, overlap
from domicile.imaging.color import ToSrgb
from domicile.imaging.decode import decode_frames
from domicile.imaging.job import MediaLimits
from domicile.imaging.memory import give_back
from domicile.imaging.plan_limits import plan_limits
from domicile.imaging.present import present
from domicile.imaging.source import Source
from domicile.media.analysis import FACES_MAX
from domicile.media.coordinates import NOWHERE, Coordinates, Rect, boxes_inside
from domicile.media.errors import BadTransformation, LimitExceeded
from domicile.media.faces import Faces, around, favours_faces, names_faces, needs_covering
from domicile.media.geometry import Box, Side, WholeBox
from domicile.media.plan import Plan, make_plan
from domicile.media.transformation import Component, Crop, Pixels, Transformation

SIDE, SIDE_NEAR = 640, 1024
"""Longer side of the picture that is looked at; smaller ones are not enlarged."""
FRAMING_SCORE_MIN, COVERING_SCORE_MIN = 500, 250
OPAQUE = 255
GROUND = (128, 128, 128)
"""Behind what is transparent."""
JOIN_OVERLAP_MIN = 0.3
"""Boxes of different frames that share more become one."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A face in the original's own pixels, and how it was seen."""

    box: WholeBox
    score: int
    is_near: bool


def faces_of(
    source: Source,
    transformation: Transformation,
    limits: MediaLimits,
    *,
    animated: bool,
    coordinates: Coordinates = NOWHERE,
) -> Faces:
    """As far as the transformation asks for them. `animated`: will all frames be shown?

    Raises BadTransformation where faces cannot be looked for, LimitExceeded for an animation that is too long for it, and
    what decoding raises. Automatic gravity does without faces where they cannot be looked for.
    """
    stored = _stored(source, coordinates, page=transformation.page or 1)
    is_moving = source.facts().is_animated and not stored.framing
    covering, by_name = needs_covering(transformation), names_faces(transformation)
    framing = (by_name or favours_faces(transformation)) and not stored.framing and not is_moving
    if framing and not covering and (known := _known(source, coordinates, transformation)) is not None:
        return replace(stored, framing=known, covering=(), is_moving=is_moving)
    framing = framing and (by_name or is_available())
    if not (framing or covering):
        return replace(stored, covering=(), is_moving=is_moving)
    if animated and source.claims.frames > limits.faces_frames_max:
        raise _too_long(limits)
    with _looking():
        seen = _sightings(source, limits, covering=covering, animated=animated)
    facts = source.facts()
    sure = boxes_inside(_surely(seen, source), (facts.width, facts.height))
    return Faces(
        framing=stored.framing or sure,
        covering=_joined([*stored.covering, *(_floats(one.box) for one in seen)]) if covering else (),
        custom=stored.custom,
        is_moving=is_moving,
    )


def _stored(source: Source, coordinates: Coordinates, *, page: int) -> Faces:
    """What coordinates say; of another page or frame than the first they do not say what to frame."""
    facts = source.facts()
    faces = boxes_inside(coordinates.faces, (facts.width, facts.height))
    if page > 1:
        return Faces(covering=faces)
    return Faces(framing=faces, covering=faces, custom=boxes_inside(coordinates.custom, (facts.width, facts.height)))


def _known(source: Source, coordinates: Coordinates, transformation: Transformation) -> tuple[Box, ...] | None:
    """What a look at the first page has found before; None where it does not say. A drawing has the size that is asked for."""
    if coordinates.found is None or (transformation.page or 1) > 1 or source.vector is not None:
        return None
    facts = source.facts()
    return boxes_inside(coordinates.found, (facts.width, facts.height))


def _too_long(limits: MediaLimits) -> LimitExceeded:
    return LimitExceeded(f"Maximum number of frames to look for faces in is {limits.faces_frames_max}")


def boxes_of(source: Source, limits: MediaLimits) -> tuple[tuple[int, int, int, int], ...]:
    """Left, top, width and height of what is surely a face in the first frame, the largest first. Raises as `faces_of`."""
    with _looking():
        return _surely(_sightings(source, limits, covering=False, animated=False), source)


def _surely(seen: list[Sighting], source: Source) -> tuple[Rect, ...]:
    """What is surely a face, as far as it lies in the picture, the largest first."""
    facts = source.facts()
    sure = [one.box for one in seen if one.score >= FRAMING_SCORE_MIN and not one.is_near]
    inside = ((max(box[0], 0), max(box[1], 0), min(box[2], facts.width), min(box[3], facts.height)) for box in sure)
    found = [
        (left, top, right - left, bottom - top) for left, top, right, bottom in inside if right > left and bottom > top
    ]
    return tuple(sorted(found, key=lambda box: (-box[2] * box[3], box)))[:FACES_MAX]


@contextmanager
def _looking() -> Iterator[None]:
    """Afterwards the memory it took is given back: decoding needs it."""
    try:
        yield
    except FacesUnavailable as missing:
        raise BadTransformation.component("faces (not available on this server)") from missing
    finally:
        give_back()


def _sightings(source: Source, limits: MediaLimits, *, covering: bool, animated: bool) -> list[Sighting]:
    found: list[Sighting] = []
    facts = source.facts()
    size = facts.width, facts.height
    pictures = _pictures(source, limits, all_colors=covering and facts.has_alpha, animated=animated)
    for looked, picture in enumerate(pictures, start=1):
        if animated and looked > limits.faces_frames_max:
            raise _too_long(limits)
        score_min = COVERING_SCORE_MIN if covering else FRAMING_SCORE_MIN
        found += _look(picture, size, score_min, SIDE)
        if covering and not animated and max(picture.size) > SIDE:
            found += _look(picture, size, score_min, SIDE_NEAR)
    return found


def _look(picture: Image.Image, size: Side, score_min: int, side: int) -> Iterator[Sighting]:
    picture = _shrunk(picture, side)
    x, y = size[0] / picture.width, size[1] / picture.height
    for one in detect(picture, score_min):
        left, top, right, bottom = one.box
        box = round(left * x), round(top * y), round(right * x), round(bottom * y)
        yield Sighting(box, one.score, is_near=side == SIDE_NEAR)


def _pictures(source: Source, limits: MediaLimits, *, all_colors: bool, animated: bool) -> Iterator[Image.Image]:
    """Upright RGB, no larger than the nearer look wants; each frame twice where transparency may hide something."""
    plan = _plan(source, limits, is_whole=all_colors, animated=animated)
    to_srgb = ToSrgb(source.claims.icc)
    for stored in decode_frames(source, plan, limits.working_bytes_max):
        image = present(stored, plan.orientation, to_srgb).image
        if image.mode != "RGBA" or _is_opaque(image):
            yield _shrunk(image.convert("RGB"), SIDE_NEAR)
            continue
        ground = Image.new("RGB", image.size, GROUND)
        ground.paste(image, mask=image.getchannel("A"))
        yield _shrunk(ground, SIDE_NEAR)
        if all_colors:
            yield _shrunk(image.convert("RGB"), SIDE_NEAR)


def _is_opaque(image: Image.Image) -> bool:
    return image.getchannel("A").getextrema()[0] == OPAQUE


def _plan(source: Source, limits: MediaLimits, *, is_whole: bool, animated: bool) -> Plan:
    """Shrunk while it is decoded, unless colours would be lost that way: a mean leaves out what is transparent."""
    side = Pixels(SIDE_NEAR)
    small = Transformation((Component(crop=Crop.LIMIT, width=side, height=side),))
    name = source.format if animated else "jpg"
    plan = make_plan(Transformation() if is_whole else small, source.facts(), name, plan_limits(limits))
    if is_whole and plan.pixel_bytes_max * 2 > limits.working_bytes_max:
        raise LimitExceeded("Image needs more memory than allowed (working_bytes_max)")
    return plan


def _shrunk(picture: Image.Image, side: int) -> Image.Image:
    factor = side / max(picture.size)
    if factor >= 1:
        return picture
    size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
    return picture.resize(size, Image.Resampling.BOX)


def _joined(boxes: list[Box]) -> tuple[Box, ...]:
    """Each box, those that nearly are the same as one around both."""
    joined: list[Box] = []
    for box in boxes:
        for position, other in enumerate(joined):
            if overlap(box, other) >= JOIN_OVERLAP_MIN:
                joined[position] = around((box, other))
                break
        else:
            joined.append(box)
    return tuple(joined)


def _floats(box: WholeBox) -> Box:
    return float(box[0]), float(box[1]), float(box[2]), float(box[3])
