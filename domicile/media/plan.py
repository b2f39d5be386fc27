"""Transformation + facts about the original + output format -> Plan: all that is decided before a pixel is touched.

The order inside one component is that of cloudinary-compat 3.1: crop and resize, angle, effect, corners, border,
background, opacity; components apply one after the other. What is found in the pixels alone is a place (`look.py`) or a
colour, not a size; but for trims, behind which a chain is planned anew (`trims.py`). The file knows no library and no
clock: two edges make the same plan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from domicile.media.carry import as_stored, carried
from domicile.media.corners import Corners, corners_of
from domicile.media.errors import BadTransformation, LimitExceeded
from domicile.media.faces import NOBODY, Faces, through_canvas
from domicile.media.facts import SourceFacts
from domicile.media.frame import OPAQUE, Canvas, framed
from domicile.media.geometry import Side, Window, composed, rounded, stored_window, upright_size
from domicile.media.halo import SHADOW, Halo, halo_of
from domicile.media.layers import has_layers
from domicile.media.look import Look, without_looking
from domicile.media.negotiate import hides, is_original
from domicile.media.params.adjustment import HEAVY, OPENS_HOLES
from domicile.media.params.flags import ANIMATED, is_progressive, kept_metadata, png_bits
from domicile.media.params.space import CMYK, KEEP_CMYK, TINY
from domicile.media.redaction import REDACTIONS, Redaction, check_redaction, redaction_of, without_region
from domicile.media.transformation import Background, Border, Color, Component, Effect, Quality, Transformation
from domicile.media.turns import Turn, turned_first, turns_of

ALWAYS_ANIMATED = frozenset({"gif", "webp", "avif"})
"""Output formats that keep an animation. PNG keeps it when the original is an animated PNG or fl_apng asks for it."""
NO_ALPHA_BITS = 24
OPACITY_FULL = 100
COPIES = 4
BYTES_PER_PIXEL = 4
"""Pillow stores RGB and RGBA in four bytes."""


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
        made = _area(self.size) * (COPIES if is_heavy or self.halo or (self.border and self.corners) else 1)
        return max(made, _area(self.window.size) if self.look and self.window else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one rendition is made."""

    format: str
    animated: bool
    orientation: int
    """EXIF orientation to undo after `window`; 1 when there is none or `a_ignore` was asked for."""
    window: Window
    """Region and size in *stored* coordinates: applied while decoding, before turning upright."""
    stages: tuple[Stage, ...]
    size: Side
    has_alpha: bool
    """May the result be transparent somewhere?"""
    faces: Faces
    """Where they are in the result."""
    plain: Side
    """The size that it would have at density 1."""
    quality: Quality | None
    progressive: bool
    png_bits: int | None
    """Of a still PNG, when a flag says so."""
    is_cmyk: bool
    """Of a JPEG: is it written in four inks?"""
    has_profile: bool
    """Is the file to say that it is sRGB?"""
    keeps: str
    """Metadata that was asked to be kept, if the policy allows: "attribution", "iptc" or ""."""
    info_only: bool
    untouched: bool
    """No transformation at all: the picture is redelivered, upright and without metadata."""

    @property
    def pixel_bytes_max(self) -> int:
        """Bytes of the largest pair of pictures that one step holds, decoding left out."""
        first = _area(self.window.size)
        most = first * (1 if self.orientation == 1 else 2)
        for before, stage in zip((self.window.size, *(s.size for s in self.stages)), self.stages, strict=False):
            most = max(most, _area(before) + (0 if stage.is_window_only and stage.window is None else stage.area))
        return most * BYTES_PER_PIXEL


def _area(size: Side) -> int:
    return size[0] * size[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanLimits:
    """Bounds on what may be made; MediaLimits has the settings."""

    output_pixels_max: int
    output_side_max: int
    animation_pixels_max: int
    avif_pixels_max: int
    working_bytes_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What is decided before the format is: it follows from the result's size, when `f_auto` chooses it."""

    shown: Side
    """The size of the original as displayed, or as stored under `a_ignore`."""
    stages: tuple[Stage, ...]
    size: Side
    has_alpha: bool
    faces: Faces
    plain: Side


def make_outline(
    transformation: Transformation,
    facts: SourceFacts,
    limits: PlanLimits,
    faces: Faces = NOBODY,
    plain: Side | None = None,
) -> Outline:
    """Raises BadTransformation (nothing left to show) and LimitExceeded (a step too large).

    `faces`: of the original as displayed. `plain`: what the original's size would be at density 1, if it is another.
    """
    components = transformation.components
    if has_layers(components):
        raise BadTransformation("Layers are not supported yet")
    check_redaction(components)
    orientation = _orientation(components, facts)
    shown = current = upright_size(_stored(facts), orientation)
    if orientation != facts.orientation:
        faces = as_stored(faces, facts.orientation, _stored(facts))
    stages: list[Stage] = []
    density, has_alpha = _density(components), facts.has_alpha
    plain = None if density == 1 else plain or shown
    for component in components:
        for part in turned_first(component, current):
            stage = plan_stage(part, current, density, has_alpha=has_alpha, faces=faces, plain=plain)
            _within(stage, limits)
            stages.append(stage)
            faces = _faces_after(stage, current, faces)
            plain = None if plain is None else plan_stage(part, plain, Fraction(1), has_alpha=False).size
            current, has_alpha = stage.size, _alpha_after(stage, has_alpha=has_alpha)
    return Outline(
        shown=shown, stages=tuple(stages), size=current, has_alpha=has_alpha, faces=faces, plain=plain or current
    )


def _faces_after(stage: Stage, before: Side, faces: Faces) -> Faces:
    """Where they are in the result of the stage; nobody knows after a look (`check_redaction` has refused who asks)."""
    if stage.look is not None:
        return Faces(is_moving=faces.is_moving)
    faces = carried(faces, before, stage.window, stage.canvas, stage.turns)
    around = stage.border.width if stage.border else 0
    left, top = (stage.halo.left, stage.halo.top) if stage.halo else (0, 0)
    return through_canvas(faces, (around + left, around + top), stage.size)


def _stored(facts: SourceFacts) -> Side:
    return upright_size((facts.width, facts.height), facts.orientation)


def _orientation(components: tuple[Component, ...], facts: SourceFacts) -> int:
    return 1 if any("ignore" in component.angles for component in components) else facts.orientation


def make_plan(
    transformation: Transformation,
    facts: SourceFacts,
    output_format: str,
    limits: PlanLimits,
    faces: Faces = NOBODY,
    plain: Side | None = None,
) -> Plan:
    """Decide everything. Raises BadTransformation (nothing left to show) and LimitExceeded (result too large)."""
    animated = is_animated(facts, output_format, transformation.flags)
    bits = png_bits(transformation) if output_format == "png" else None
    if animated:
        transformation = without_looking(transformation, faces)
        if bits is not None:
            raise BadTransformation.component(f"fl_png{bits} (not for animations)")
    components = transformation.components
    outline = make_outline(transformation, facts, limits, faces, plain)
    if animated and _area(outline.size) * facts.frames > limits.animation_pixels_max:
        raise LimitExceeded(f"Maximum total of an animation is {limits.animation_pixels_max} pixels")
    window, stages = _leading_window(list(outline.stages), outline.shown)
    orientation = _orientation(components, facts)
    return Plan(
        format=output_format,
        animated=animated,
        orientation=orientation,
        window=stored_window(window, orientation, _stored(facts)),
        stages=tuple(stages),
        size=outline.size,
        has_alpha=outline.has_alpha and bits != NO_ALPHA_BITS,
        faces=outline.faces,
        plain=outline.plain,
        quality=_last_quality(components),
        progressive=output_format == "jpg" and is_progressive(transformation),
        png_bits=bits,
        is_cmyk=output_format == "jpg" and _is_cmyk(transformation.color_space, facts),
        has_profile=transformation.color_space == TINY,
        keeps=kept_metadata(transformation),
        info_only="getinfo" in transformation.flags,
        untouched=is_original(transformation, output_format, facts),
    )


def is_animated(facts: SourceFacts, output_format: str, flags: frozenset[str]) -> bool:
    """Does the original stay an animation in that format, under these flags?"""
    if not facts.is_animated:
        return False
    if output_format == "png":
        return facts.format == "png" or not flags.isdisjoint(ANIMATED)
    return output_format in ALWAYS_ANIMATED


def _is_cmyk(color_space: str | None, facts: SourceFacts) -> bool:
    return color_space == CMYK or (color_space == KEEP_CMYK and facts.mode == "CMYK")


def _density(components: tuple[Component, ...]) -> Fraction:
    """`dpr` multiplies all pixel sizes of the whole chain, also those of earlier components; the last one counts."""
    asked = [component.dpr for component in components if component.dpr is not None]
    return Fraction(str(asked[-1])) if asked else Fraction(1)


def _last_quality(components: tuple[Component, ...]) -> Quality | None:
    asked = [component.quality for component in components if component.quality is not None]
    return asked[-1] if asked else None


def plan_stage(
    component: Component,
    source: Side,
    density: Fraction,
    *,
    has_alpha: bool,
    faces: Faces = NOBODY,
    plain: Side | None = None,
) -> Stage:
    """What one component does to a picture of that size, with these faces; at density 1 it would be of size `plain`."""
    # X and y beside a shadow say where it falls.
    is_shadow = component.effect is not None and component.effect.name == SHADOW
    cropped = replace(component, x=None, y=None) if is_shadow else without_region(component)
    frame = framed(cropped, source, density, has_alpha=has_alpha, faces=faces)
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


def _alpha_after(stage: Stage, *, has_alpha: bool) -> bool:
    """May the result of the stage be transparent somewhere?"""
    is_cleared = stage.background is not None and hides(stage.background)
    is_cut = stage.corners is not None or any(turn.degrees % 90 for turn in stage.turns)
    is_cut = is_cut or (stage.effect is not None and stage.effect.name in OPENS_HOLES)
    ground = stage.canvas.color if stage.canvas else stage.look.ground if stage.look else None
    is_padded = ground is not None and ground.alpha < OPAQUE
    is_padded = is_padded or (stage.border is not None and stage.border.color.alpha < OPAQUE)
    is_faded = stage.opacity is not None and stage.opacity < OPACITY_FULL
    return is_faded or (not is_cleared and (has_alpha or is_cut or is_padded))


def _within(stage: Stage, limits: PlanLimits) -> None:
    if stage.is_window_only and stage.window is None:
        return  # quality, format and flags leave the size as it was: that has its own limits
    sizes = [stage.size, *(turn.size for turn in stage.turns)]
    sizes += [stage.window.size] if stage.window else []
    sizes += [stage.canvas.size] if stage.canvas else []
    for size in sizes:
        if max(size) > limits.output_side_max:
            raise LimitExceeded(
                f"Maximum image width/height is {limits.output_side_max}. Requested {size[0]}x{size[1]}"
            )
        if _area(size) > limits.output_pixels_max:
            raise LimitExceeded(f"Maximum image size is {limits.output_pixels_max} pixels. Requested {_area(size)}")


def _leading_window(stages: list[Stage], shown: Side) -> tuple[Window, list[Stage]]:
    """Take the first crop-and-resize out of the stages, so that the decoder can shrink while it reads.

    A pure crop followed by a resize is one window; two resizes are not (the first one loses detail on purpose).
    """
    window = Window((0, 0, *shown), shown)
    while stages:
        stage = stages[0]
        if stage.window is not None:
            if not window.is_pure_crop:
                break
            window = composed(window, stage.window, shown)
        if not stage.is_window_only:
            return window, [replace(stage, window=None), *stages[1:]]
        stages = stages[1:]
    return window, stages
