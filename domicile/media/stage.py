"""One component, ready to perform: what it comes to on a picture of a size, with faces in it.

The order inside one component is that of cloudinary-compat 3.1: crop and resize, angle, effect, corners, border,
background, opacity. What is found in the pixels alone is a place (`look.py`) or a colour, not a size; but for trims, behind
which a chain is planned anew (`trims.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

from domicile.media.carry import carried
from domicile.media.corners import Corners, corners_of
from domicile.media.errors import LimitExceeded
from domicile.media.faces import NOBODY, Faces
from domicile.media.frame import OPAQUE, Canvas, framed
from domicile.media.geometry import Side, Window, rounded
from domicile.media.halo import SHADOW, Halo, halo_of
from domicile.media.look import Look
from domicile.media.negotiate import hides
from domicile.media.params.adjustment import HEAVY, OPENS_HOLES
from domicile.media.redaction import REDACTIONS, Redaction, redaction_of, without_region
from domicile.media.transformation import Background, Border, Color, Component, Effect
from domicile.media.turns import Turn, turns_of

OPACITY_FULL = 100
COPIES = 4
BYTES_PER_PIXEL = 4
"""Pillow stores RGB and RGBA in four bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanLimits:
    """Bounds on what may be made; MediaLimits has the settings."""

    output_pixels_max: int
    output_side_max: int
    animation_pixels_max: int
    avif_pixels_max: int
    working_bytes_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One component, ready to perform. None (or empty) means: leave as it is. `size` is the size of its result."""

    window: Window | None
    look: Look | None
    canvas: Canvas | None
    turns: tuple[Turn, ...]
    effect: Effect | None
    redaction: Redaction | None
    color: Color | None
    halo: Halo | None
    corners: Corners | None
    border: Border | None
    """In pixels of the result."""
    background: Background | None
    opacity: int | None
    size: Side

    @property
    def is_window_only(self) -> bool:
        does_more = (self.look, self.canvas, self.turns, self.effect, self.redaction, self.corners, self.border)
        return not any(does_more) and self.background is None and self.opacity is None

    @property
    def area(self) -> int:
        """Pixels of the largest picture it makes, or of the several that a border, a halo or an effect is made of."""
        is_heavy = self.effect is not None and self.effect.name in HEAVY
        made = area_of(self.size) * (COPIES if is_heavy or self.halo or (self.border and self.corners) else 1)
        return max(made, area_of(self.window.size) if self.look and self.window else 0)


def area_of(size: Side) -> int:
    return size[0] * size[1]


def plan_stage(
    component: Component,
    source: Side,
    density: Fraction,
    *,
    has_alpha: bool,
    faces: Faces = NOBODY,
    plain: Side | None = None,
    measure: Side | None = None,
) -> Stage:
    """What one component does to a picture of that size, with these faces; at density 1 it would be of size `plain`.

    `measure`: what shares of width and height are of, when that is not the picture itself.
    """
    # X and y beside a shadow say where it falls.
    is_shadow = component.effect is not None and component.effect.name == SHADOW
    cropped = replace(component, x=None, y=None) if is_shadow else without_region(component)
    frame = framed(cropped, source, density, has_alpha=has_alpha, faces=faces, measure=measure)
    turns = turns_of(component, frame.size)
    size = shown = _turned(component, frame.size)
    halo = halo_of(component, size, density)
    size = halo.around(size) if halo else size
    border = _border(component.border, density)
    return Stage(
        window=frame.window,
        look=frame.look,
        canvas=frame.canvas,
        turns=turns,
        effect=None if component.effect and component.effect.name in REDACTIONS else component.effect,
        redaction=redaction_of(
            component,
            shown,
            _turned(component, plain or source),
            carried(faces, source, frame.window, frame.canvas, turns),
        ),
        color=component.color,
        halo=halo,
        corners=corners_of(component.radii, size, density),
        border=border,
        background=component.background,
        opacity=component.opacity,
        size=(size[0] + 2 * border.width, size[1] + 2 * border.width) if border else size,
    )


def _turned(component: Component, size: Side) -> Side:
    turns = turns_of(component, size)
    return turns[-1].size if turns else size


def _border(border: Border | None, density: Fraction) -> Border | None:
    if border is None or border.width == 0:
        return None
    return replace(border, width=rounded(border.width * density))


def alpha_after(stage: Stage, *, has_alpha: bool) -> bool:
    """May the result of the stage be transparent somewhere?"""
    is_cleared = stage.background is not None and hides(stage.background)
    is_cut = stage.corners is not None or any(turn.degrees % 90 for turn in stage.turns)
    is_cut = is_cut or (stage.effect is not None and stage.effect.name in OPENS_HOLES)
    ground = stage.canvas.color if stage.canvas else stage.look.ground if stage.look else None
    is_padded = ground is not None and ground.alpha < OPAQUE
    is_padded = is_padded or (stage.border is not None and stage.border.color.alpha < OPAQUE)
    is_faded = stage.opacity is not None and stage.opacity < OPACITY_FULL
    return is_faded or (not is_cleared and (has_alpha or is_cut or is_padded))


def check_stage(stage: Stage, limits: PlanLimits) -> None:
    """Raises LimitExceeded."""
    if stage.is_window_only and stage.window is None:
        return  # quality, format and flags leave the size as it was: that has its own limits
    sizes = [stage.size, *(turn.size for turn in stage.turns)]
    sizes += [stage.window.size] if stage.window else []
    sizes += [stage.canvas.size] if stage.canvas else []
    check_sizes(sizes, limits)


def check_sizes(sizes: Iterable[Side], limits: PlanLimits) -> None:
    """Raises LimitExceeded."""
    for size in sizes:
        if max(size) > limits.output_side_max:
            raise LimitExceeded(
                f"Maximum image width/height is {limits.output_side_max}. Requested {size[0]}x{size[1]}"
            )
        if area_of(size) > limits.output_pixels_max:
            raise LimitExceeded(f"Maximum image size is {limits.output_pixels_max} pixels. Requested {area_of(size)}")
