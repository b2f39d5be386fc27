"""Transformation + facts about the original + output format -> Plan: all that is decided before a pixel is touched.

The order inside one component is that of cloudinary-compat 3.1: crop and resize, angle, effect, corners, background,
opacity; components apply one after the other. The file knows no library and no clock: two edges make the same plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from domicile.media.errors import BadTransformation, LimitExceeded
from domicile.media.facts import SourceFacts
from domicile.media.frame import OPAQUE, Canvas, framed
from domicile.media.geometry import Side, Window, composed, stored_window, upright_size
from domicile.media.negotiate import is_original
from domicile.media.params.flags import ANIMATED, BASELINE, PNG_BITS, PROGRESSIVE
from domicile.media.transformation import Color, Component, Effect, Quality, Radii, Transformation
from domicile.media.turns import Turn, turns_of

ALWAYS_ANIMATED = frozenset({"gif", "webp", "avif"})
"""Output formats that keep an animation. PNG keeps it when the original is an animated PNG or fl_apng asks for it."""
NO_ALPHA_BITS = 24
OPACITY_FULL = 100
BYTES_PER_PIXEL = 4
"""Pillow stores RGB and RGBA in four bytes."""


@dataclass(frozen=True, slots=True)
class Corner:
    """The radii of one corner; different for an ellipse."""

    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One component, ready to perform. None (or empty) means: leave as it is. `size` is the size of its result."""

    window: Window | None
    canvas: Canvas | None
    turns: tuple[Turn, ...]
    effect: Effect | None
    corners: tuple[Corner, Corner, Corner, Corner] | None
    background: Color | None
    opacity: int | None
    size: Side

    @property
    def is_window_only(self) -> bool:
        return (
            not (self.canvas or self.turns or self.effect or self.corners or self.background) and self.opacity is None
        )


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
    quality: Quality | None
    progressive: bool
    png_bits: int | None
    """A pixel of a PNG; None leaves it to the picture."""
    info_only: bool
    untouched: bool
    """No transformation at all: the picture is redelivered, upright and without metadata."""

    @property
    def pixel_bytes_max(self) -> int:
        """Bytes of the largest pair of pictures that one step holds, decoding left out."""
        first = _area(self.window.size)
        most = first * (1 if self.orientation == 1 else 2)
        for before, stage in zip((self.window.size, *(s.size for s in self.stages)), self.stages, strict=False):
            most = max(
                most, _area(before) + (0 if stage.is_window_only and stage.window is None else _area(stage.size))
            )
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


def make_outline(transformation: Transformation, facts: SourceFacts, limits: PlanLimits) -> Outline:
    """Raises BadTransformation (nothing left to show) and LimitExceeded (a step too large)."""
    components = transformation.components
    shown = current = upright_size(_stored(facts), _orientation(components, facts))
    stages: list[Stage] = []
    density, has_alpha = _density(components), facts.has_alpha
    for component in components:
        stage = plan_stage(component, current, density, has_alpha=has_alpha)
        _within(stage, limits)
        stages.append(stage)
        current, has_alpha = stage.size, _alpha_after(stage, has_alpha=has_alpha)
    return Outline(shown=shown, stages=tuple(stages), size=current, has_alpha=has_alpha)


def _stored(facts: SourceFacts) -> Side:
    return upright_size((facts.width, facts.height), facts.orientation)


def _orientation(components: tuple[Component, ...], facts: SourceFacts) -> int:
    return 1 if any("ignore" in component.angles for component in components) else facts.orientation


def make_plan(transformation: Transformation, facts: SourceFacts, output_format: str, limits: PlanLimits) -> Plan:
    """Decide everything. Raises BadTransformation (nothing left to show) and LimitExceeded (result too large)."""
    components = transformation.components
    outline = make_outline(transformation, facts, limits)
    animated = _is_animated(facts, output_format, transformation.flags)
    png_bits = _png_bits(components) if output_format == "png" else None
    if animated and png_bits is not None:
        raise BadTransformation.component(f"fl_png{png_bits} (not for animations)")
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
        has_alpha=outline.has_alpha if png_bits is None else png_bits != NO_ALPHA_BITS,
        quality=_last_quality(components),
        progressive=output_format == "jpg" and is_progressive(transformation),
        png_bits=png_bits,
        info_only="getinfo" in transformation.flags,
        untouched=is_original(transformation, output_format, facts),
    )


def is_progressive(transformation: Transformation) -> bool:
    """Was a progressive JPEG asked for? The last component that speaks of it counts. All scans of ours are alike."""
    asked = [flag for component in transformation.components for flag in component.flags if flag in PROGRESSIVE]
    return bool(asked) and asked[-1] != BASELINE


def _is_animated(facts: SourceFacts, output_format: str, flags: frozenset[str]) -> bool:
    if not facts.is_animated:
        return False
    if output_format == "png":
        return facts.format == "png" or not flags.isdisjoint(ANIMATED)
    return output_format in ALWAYS_ANIMATED


def _png_bits(components: tuple[Component, ...]) -> int | None:
    """The last component that speaks of it counts."""
    asked = [PNG_BITS[flag] for component in components for flag in component.flags if flag in PNG_BITS]
    return asked[-1] if asked else None


def _density(components: tuple[Component, ...]) -> Fraction:
    """`dpr` multiplies all pixel sizes of the whole chain, also those of earlier components; the last one counts."""
    asked = [component.dpr for component in components if component.dpr is not None]
    return Fraction(str(asked[-1])) if asked else Fraction(1)


def _last_quality(components: tuple[Component, ...]) -> Quality | None:
    asked = [component.quality for component in components if component.quality is not None]
    return asked[-1] if asked else None


def plan_stage(component: Component, source: Side, density: Fraction, *, has_alpha: bool) -> Stage:
    """What one component does to a picture of that size."""
    frame = framed(component, source, density, has_alpha=has_alpha)
    turns = turns_of(component, frame.size)
    size = turns[-1].size if turns else frame.size
    return Stage(
        window=frame.window,
        canvas=frame.canvas,
        turns=turns,
        effect=component.effect,
        corners=_corners(component.radii, size, density),
        background=component.background,
        opacity=component.opacity,
        size=size,
    )


def _alpha_after(stage: Stage, *, has_alpha: bool) -> bool:
    """May the result of the stage be transparent somewhere?"""
    is_cleared = stage.background is not None and stage.background.alpha == OPAQUE
    is_cut = stage.corners is not None or any(turn.degrees % 90 for turn in stage.turns)
    is_padded = stage.canvas is not None and stage.canvas.color.alpha < OPAQUE
    is_faded = stage.opacity is not None and stage.opacity < OPACITY_FULL
    return is_faded or (not is_cleared and (has_alpha or is_cut or is_padded))


def _corners(radii: Radii | None, size: Side, density: Fraction) -> tuple[Corner, Corner, Corner, Corner] | None:
    """CSS Backgrounds 3, 5.5: radii that would overlap shrink together."""
    width, height = size
    if radii is None:
        return None
    if radii.is_max:
        corner = Corner(width / 2, height / 2)
        return corner, corner, corner, corner
    top_left, top_right, bottom_right, bottom_left = (float(radius * density) for radius in radii.corners)
    if not (top_left or top_right or bottom_right or bottom_left):
        return None
    sums = (
        (width, top_left + top_right),
        (width, bottom_left + bottom_right),
        (height, top_left + bottom_left),
        (height, top_right + bottom_right),
    )
    factor = min([1.0, *(side / total for side, total in sums if total > 0)])
    a, b, c, d = (Corner(r * factor, r * factor) for r in (top_left, top_right, bottom_right, bottom_left))
    return a, b, c, d


def _within(stage: Stage, limits: PlanLimits) -> None:
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
            return window, [_without_window(stage), *stages[1:]]
        stages = stages[1:]
    return window, stages


def _without_window(stage: Stage) -> Stage:
    return Stage(
        window=None,
        canvas=stage.canvas,
        turns=stage.turns,
        effect=stage.effect,
        corners=stage.corners,
        background=stage.background,
        opacity=stage.opacity,
        size=stage.size,
    )
