"""Content-aware cropping, as far as it can be decided without a pixel: sizes, and how much freedom the eye has.

The picture is first scaled so that it covers the box (or stays as it is, for `crop`); where the box lies on it is found
when the pixels are there (`imaging/saliency.py`). All sizes are known here, so that limits and formats can be decided.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from domicile.media.errors import BadTransformation
from domicile.media.faces import AUTO_ONLY, LOOKING, NOBODY, Faces
from domicile.media.geometry import Box, Exact, Side, Window, covering, rounded_size
from domicile.media.grammar import build_component, echo
from domicile.media.layers import with_own
from domicile.media.params.crop import AGGRESSIVENESS_MAX
from domicile.media.transformation import Color, Component, Crop, Gravity, Transformation

AUTO_CROPS = frozenset({Crop.CROP, Crop.FILL, Crop.LFILL, Crop.FILL_PAD, Crop.THUMB, Crop.AUTO, Crop.AUTO_PAD})
"""Where automatic gravity means something."""
ZOOMING = frozenset({Crop.THUMB, Crop.AUTO, Crop.AUTO_PAD})
REFUSAL = "Use auto gravity only with crop, fill, lfill, fill_pad or thumb"
"""Cloudinary's words."""
AGGRESSIVENESS = {Crop.THUMB: 100, Crop.AUTO: 50, Crop.AUTO_PAD: 50}
"""How close to go unless said; 100 is half of what `fill` shows."""


@dataclass(frozen=True, slots=True)
class Look:
    """Cut something out of a picture where it matters most.

    `size` is what comes out. `reach` is the largest part that may be shown in it, in pixels of the picture that is
    looked at; the smallest is `size` itself. `ground`: rather show all of it on this colour than lose what matters.
    `favoured`: boxes, in the same pixels, that are held whole as far as they fit. `meets`: the size of the picture that
    the component was asked of.
    """

    size: Side
    reach: Side
    ground: Color | None = None
    favoured: tuple[Box, ...] = ()
    meets: Side | None = None


def looked(
    source: Side, box: Exact, component: Component, ground: Color, favoured: tuple[Box, ...]
) -> tuple[Window, Look]:
    """The whole picture at the size that is looked at, and the look. `favoured`: boxes of the picture as it comes."""
    crop = component.crop
    if crop is Crop.CROP:
        size = rounded_size((min(box[0], Fraction(source[0])), min(box[1], Fraction(source[1]))))
        return Window((0, 0, *source), source), Look(size, size, favoured=favoured, meets=source)
    covered = covering(source, box, at_most=Fraction(1) if crop is Crop.LFILL else None)
    size = rounded_size((min(box[0], covered[0]), min(box[1], covered[1])))
    factor = max(Fraction(size[0], source[0]), Fraction(size[1], source[1]))
    zoom = _zoom(factor, crop, component.aggressiveness)
    seen = rounded_size((source[0] * factor * zoom, source[1] * factor * zoom))
    seen = max(seen[0], size[0]), max(seen[1], size[1])
    reach = rounded_size((size[0] * zoom, size[1] * zoom))
    reach = min(reach[0], seen[0]), min(reach[1], seen[1])
    x, y = seen[0] / source[0], seen[1] / source[1]
    held = tuple((left * x, top * y, right * x, bottom * y) for left, top, right, bottom in favoured)
    return Window((0, 0, *source), seen), Look(size, reach, ground if crop in AUTO_ONLY else None, held, source)


def _zoom(factor: Fraction, crop: Crop | None, aggressiveness: int | None) -> Fraction:
    """How many times larger than needed the picture is kept: never larger than it came."""
    if crop is None or crop not in ZOOMING:
        return Fraction(1)
    wanted = 1 + Fraction(AGGRESSIVENESS[crop] if aggressiveness is None else aggressiveness, AGGRESSIVENESS_MAX)
    return max(Fraction(1), min(wanted, 1 / factor))


def check_look(component: Component) -> None:
    """Raises BadTransformation for automatic gravity where it means nothing, and for modes that mean nothing without."""
    text = echo(build_component(component))
    if component.gravity in LOOKING and component.crop not in AUTO_CROPS:
        raise BadTransformation(REFUSAL)
    if component.gravity is Gravity.AUTO:
        if component.aggressiveness is not None and component.crop not in ZOOMING:
            raise BadTransformation.component(f"{text} (only thumb, auto and auto_pad come closer)")
        if component.x is not None or component.y is not None:
            raise BadTransformation.component(f"{text} (x and y do not go with g_auto)")
    elif component.crop in AUTO_ONLY:
        raise BadTransformation.component(f"{text} (needs g_auto)")
    elif component.crop is Crop.AUTO and component.gravity is None:
        raise BadTransformation.component(f"{text} (needs a gravity)")


def without_looking(transformation: Transformation, faces: Faces = NOBODY) -> Transformation:
    """For an animation, which is cut around what somebody named, or else its centre.

    Raises BadTransformation for what may have to be padded.
    """
    return Transformation(with_own(transformation.components, lambda component: _placed(component, faces)))


def _placed(component: Component, faces: Faces) -> Component:
    if component.crop in AUTO_ONLY:
        raise BadTransformation.component(f"{echo(build_component(component))} (not for animations)")
    if component.gravity is not Gravity.AUTO:
        return component
    is_named = faces.settled(component) is Gravity.CUSTOM
    gravity = Gravity.CUSTOM if is_named else Gravity.CENTER
    return replace(component, gravity=gravity, focal=None, aggressiveness=None)
