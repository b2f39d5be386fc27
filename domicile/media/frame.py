"""Crop modes: which part of the picture is shown, at which size, on which canvas (cloudinary-compat 3.2).

One function a mode; each takes the size of the previous output and the box that was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import assert_never

from domicile.media.errors import BadTransformation
from domicile.media.faces import FOCUS_GRAVITIES, NOBODY, Faces
from domicile.media.focus import box_itself, crop_around, fill_around, thumb_around
from domicile.media.geometry import (
    Box,
    Exact,
    Side,
    Window,
    clamped,
    contained,
    covering,
    crop_window,
    exact,
    fill_window,
    offset,
    rounded_size,
)
from domicile.media.grammar import build_component, echo
from domicile.media.look import Look, check_look, looked
from domicile.media.transformation import PADDING, Blurred, Color, Component, Crop, Gravity, Pixels, Size

ASPECT_DENOMINATOR_MAX = 10_000
"""As in params/size.py: a float names exactly one fraction."""
OPAQUE = 255
NEEDS_SIZE = frozenset({Crop.CROP, Crop.THUMB, Crop.AUTO, Crop.FILL_PAD, Crop.AUTO_PAD})
AROUND_A_POINT = frozenset({Crop.CROP, Crop.FILL, Crop.LFILL, Crop.THUMB, Crop.AUTO})
SHOWS_ALL = frozenset({None, Crop.SCALE, Crop.FIT, Crop.LIMIT, Crop.MFIT})
"""Modes without a place to choose: gravity and offsets have no effect."""
WHITE = Color(255, 255, 255)
TRANSPARENT = Color(255, 255, 255, 0)
CUTTING = frozenset({Crop.CROP, Crop.THUMB})
"""Modes that cut a face out of a picture, without a size as well."""
ZOOM = 1.0


@dataclass(frozen=True, slots=True)
class Canvas:
    """A larger ground with the picture on it; `at` may be negative, the picture is then cut."""

    size: Side
    at: tuple[int, int]
    color: Color


@dataclass(frozen=True, slots=True)
class Frame:
    """What crop-and-resize comes to. `window` is None when the picture stays as it is."""

    window: Window | None
    canvas: Canvas | None
    size: Side
    look: Look | None = None
    """What is cut out of the window's result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The box of a component in pixels of density 1, resolved against the picture it meets."""

    source: Side
    box: Exact
    gravity: Gravity
    focus: Box | None
    """The face, or faces, that matter more than the gravity."""
    component: Component
    density: Fraction

    def shift(self, outer: Side) -> Exact:
        """X and y: pixels times density, or shares of the ground that the offset is measured on."""
        x, y = self.component.x, self.component.y
        return (
            length(x, outer[0], self.density) if x is not None else Fraction(0),
            length(y, outer[1], self.density) if y is not None else Fraction(0),
        )

    def point(self) -> Exact:
        """X and y as a place on the picture; its middle where one is missing."""
        x, y = self.shift(self.source)
        return (
            x if self.component.x is not None else Fraction(self.source[0], 2),
            y if self.component.y is not None else Fraction(self.source[1], 2),
        )


def framed(
    component: Component,
    source: Side,
    density: Fraction,
    *,
    has_alpha: bool,
    faces: Faces = NOBODY,
    measure: Side | None = None,
) -> Frame:
    """Resolve c, w, h, ar, g, x, y, z and dpr of one component. Raises BadTransformation when a crop shows nothing.

    `measure`: what shares of width and height are of, when that is not the picture itself.
    """
    check_look(component)
    if isinstance(component.background, Blurred) and component.crop not in PADDING:
        raise _refused(component, "a blurred background is for padding")
    cuts_faces = component.crop in CUTTING and component.gravity in FOCUS_GRAVITIES
    if component.zoom is not None and not cuts_faces:
        raise _refused(component, "z needs c_crop or c_thumb with g_face, g_faces or g_custom")
    gravity = faces.settled(component) or _default_gravity(component)
    focus = faces.focus(gravity)
    gravity = gravity if focus is not None else faces.fallback(gravity)
    box = _box(component, source, density, measure or source)
    if box is None:
        _refuse_what_needs_a_size(component, cuts_faces=cuts_faces)
        window = box_itself(source, focus, component.zoom or ZOOM) if cuts_faces and focus else _all_of(source)
        return _as_frame(source, window, None)
    if component.zoom is not None and component.crop is Crop.CROP:
        raise _refused(component, "z needs c_thumb, or c_crop without a size")
    if gravity is Gravity.XY_CENTER and component.crop not in AROUND_A_POINT | SHOWS_ALL:
        raise _refused(component, "xy_center is for crop, fill, lfill, thumb and auto")
    if gravity is Gravity.AUTO and component.crop is not None:
        ground = _ground(component, has_alpha=has_alpha)
        window, look = looked(source, box, component, ground, faces.favoured(component))
        return Frame(window if window.changes(source) else None, None, look.size, look)
    asked = Asked(
        source=source,
        box=box,
        gravity=faces.fallback(gravity),
        focus=focus,
        component=component,
        density=density,
    )
    return _as_frame(source, *_mode(asked, has_alpha=has_alpha))


def _as_frame(source: Side, window: Window, canvas: Canvas | None) -> Frame:
    return Frame(window if window.changes(source) else None, canvas, canvas.size if canvas else window.size)


def _all_of(source: Side) -> Window:
    return Window((0, 0, *source), source)


def _refuse_what_needs_a_size(component: Component, *, cuts_faces: bool) -> None:
    """An offset has nothing to move without a box, and a rectangle is not cut out at no size: not a picture unchanged.

    A face is a size.
    """
    if component.x is not None or component.y is not None or (component.crop in NEEDS_SIZE and not cuts_faces):
        raise _refused(component, "needs a width, a height or an aspect ratio")


def _refused(component: Component, reason: str) -> BadTransformation:
    return BadTransformation.component(f"{echo(build_component(component))} ({reason})")


def _default_gravity(component: Component) -> Gravity:
    """X and y without gravity count from the top-left corner when a rectangle is cut out."""
    if component.crop is Crop.CROP and (component.x is not None or component.y is not None):
        return Gravity.NORTH_WEST
    return Gravity.CENTER


def _box(component: Component, source: Side, density: Fraction, measure: Side) -> Exact | None:
    """Width and height asked for; a missing one follows from `ar`, else from the picture. None: no size asked for."""
    aspect = None
    if component.aspect is not None:
        aspect = Fraction(component.aspect).limit_denominator(ASPECT_DENOMINATOR_MAX)
    width = length(component.width, measure[0], density) if component.width is not None else None
    height = length(component.height, measure[1], density) if component.height is not None else None
    if width is not None and height is not None:
        return width, height
    if aspect is None and "ignore_aspect_ratio" in component.flags and (width or height) is not None:
        return width or Fraction(source[0]), height or Fraction(source[1])
    ratio = aspect if aspect is not None else Fraction(source[0], source[1])
    if width is not None:
        return width, width / ratio
    if height is not None:
        return height * ratio, height
    if aspect is None:
        return None
    # Only an aspect ratio: above 1 the width is kept, else the height (docs of `ar`).
    return (Fraction(source[0]), source[0] / aspect) if aspect > 1 else (source[1] * aspect, Fraction(source[1]))


def length(size: Size, side: int, density: Fraction) -> Fraction:
    """Pixels times density, or a share of that side."""
    if isinstance(size, Pixels):
        return size.value * density
    return Fraction(str(size.value)) * side


def _mode(asked: Asked, *, has_alpha: bool) -> tuple[Window, Canvas | None]:
    crop = asked.component.crop or Crop.SCALE
    one = Fraction(1)
    match crop:
        case Crop.SCALE:
            return _whole(asked.source, asked.box), None
        case Crop.FIT:
            return _whole(asked.source, contained(asked.source, asked.box)), None
        case Crop.LIMIT:
            return _whole(asked.source, contained(asked.source, asked.box, at_most=one)), None
        case Crop.MFIT:
            return _whole(asked.source, contained(asked.source, asked.box, at_least=one)), None
        case Crop.FILL | Crop.THUMB | Crop.AUTO:
            # A thumbnail without faces fills by compass, and so does an automatic one that is told where to look.
            return _filled(asked, rounded_size(asked.box)), None
        case Crop.LFILL:
            scaled = covering(asked.source, asked.box, at_most=one)
            return _filled(asked, rounded_size((min(asked.box[0], scaled[0]), min(asked.box[1], scaled[1])))), None
        case Crop.PAD | Crop.LPAD | Crop.MPAD:
            return _padded(asked, _held(asked, crop), has_alpha=has_alpha)
        case Crop.CROP:
            return _cropped(asked), None
        case Crop.FILL_PAD | Crop.AUTO_PAD:
            raise _refused(asked.component, "needs g_auto")
        case _:
            assert_never(crop)


def _whole(source: Side, size: Exact) -> Window:
    return Window((0, 0, *source), rounded_size(size))


def _held(asked: Asked, crop: Crop) -> Window:
    """The picture that is padded."""
    if crop is Crop.MPAD:
        return Window((0, 0, *asked.source), asked.source)
    return _whole(asked.source, contained(asked.source, asked.box, at_most=Fraction(1) if crop is Crop.LPAD else None))


def _filled(asked: Asked, size: Side) -> Window:
    if asked.focus is not None and asked.component.crop is Crop.THUMB:
        return thumb_around(asked.source, size, asked.focus, asked.component.zoom or ZOOM)
    if asked.focus is not None:
        return fill_around(asked.source, size, asked.focus, asked.shift(size))
    if asked.gravity is not Gravity.XY_CENTER:
        return fill_window(asked.source, size, asked.gravity, asked.shift(size))
    factor = max(Fraction(size[0], asked.source[0]), Fraction(size[1], asked.source[1]))
    x, y = asked.point()
    at = x * factor - Fraction(size[0], 2), y * factor - Fraction(size[1], 2)
    return fill_window(asked.source, size, Gravity.NORTH_WEST, at)


def _cropped(asked: Asked) -> Window:
    if asked.focus is not None:
        return crop_around(asked.source, rounded_size(asked.box), asked.focus, asked.shift(asked.source))
    if asked.gravity is Gravity.XY_CENTER:
        return _cropped_around(asked)
    window = crop_window(asked.source, rounded_size(asked.box), asked.gravity, asked.shift(asked.source))
    if window is None:
        raise _refused(asked.component, "outside the image")
    return window


def _cropped_around(asked: Asked) -> Window:
    """A rectangle around a point, moved inwards where it would stick out."""
    wanted = rounded_size(asked.box)
    size = min(wanted[0], asked.source[0]), min(wanted[1], asked.source[1])
    x, y = asked.point()
    at = x - Fraction(size[0], 2), y - Fraction(size[1], 2)
    left, top = (value.__floor__() for value in clamped(at, exact(asked.source), exact(size)))
    return Window((left, top, left + size[0], top + size[1]), size)


def _padded(asked: Asked, inner: Window, *, has_alpha: bool) -> tuple[Window, Canvas]:
    size = rounded_size(asked.box)
    if asked.component.crop is Crop.MPAD:  # never smaller than the picture, whose own size stays
        size = max(size[0], inner.size[0]), max(size[1], inner.size[1])
    # Rounding apart must not make the picture a pixel larger than its ground.
    inner = Window(inner.box, (min(inner.size[0], size[0]), min(inner.size[1], size[1])))
    outer = (Fraction(size[0]), Fraction(size[1]))
    held = (Fraction(inner.size[0]), Fraction(inner.size[1]))
    left, top = offset(outer, held, asked.gravity, asked.shift(size))
    ground = _ground(asked.component, has_alpha=has_alpha)
    return inner, Canvas(size, (left.__floor__(), top.__floor__()), ground)


def _ground(component: Component, *, has_alpha: bool) -> Color:
    ground = component.background or (TRANSPARENT if has_alpha else WHITE)
    # The background step lays a colour that can be seen through under all of it, once. What depends on the picture
    # is settled when it is there.
    return ground if isinstance(ground, Color) and ground.alpha == OPAQUE else TRANSPARENT
