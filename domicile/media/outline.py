"""A chain walked from a picture to its result: the size, the faces and the transparency after each part; no pixel needed.

Layers are walked the same way, each from its own picture, at the place in the chain where they are laid over it: what is
measured on the picture below is known there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from domicile.media.carry import as_stored, carried
from domicile.media.errors import BadTransformation, LimitExceeded
from domicile.media.faces import NOBODY, Faces, through_canvas
from domicile.media.facts import SourceFacts
from domicile.media.geometry import Side, Window, composed, rounded, stored_window, upright_size
from domicile.media.layers import Overlaid, Part, nested, own_components, page_of
from domicile.media.overlay import (
    LAID_MAX,
    NOTHING,
    Inputs,
    Making,
    Overlay,
    Place,
    Shown,
    blend_of,
    faces_on,
    is_solid,
    placement_of,
    places_of,
)
from domicile.media.params.adjustment import BLENDS
from domicile.media.placement import Blend
from domicile.media.redaction import check_redaction, first_redacted
from domicile.media.stage import PlanLimits, Stage, alpha_after, check_sizes, check_stage, plan_stage
from domicile.media.text import TextBox, TextLayer
from domicile.media.textbox import boxed
from domicile.media.transformation import Component, Transformation
from domicile.media.trims import TRIM
from domicile.media.turns import turned_first


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What is decided before the format is: it follows from the result's size, when `f_auto` chooses it."""

    shown: Side
    """The size of the original as displayed, or as stored under `a_ignore`."""
    orientation: int
    """EXIF orientation to undo; 1 when there is none or `a_ignore` was asked for."""
    stages: tuple[Stage | Overlay, ...]
    size: Side
    has_alpha: bool
    faces: Faces
    plain: Side
    """The size that it would have at density 1."""


@dataclass(slots=True)
class _Laid:
    """How often layers were laid so far."""

    times: int = 0

    def again(self) -> None:
        """Raises LimitExceeded."""
        self.times += 1
        if self.times > LAID_MAX:
            raise LimitExceeded(f"Too many layers - at most {LAID_MAX} may be laid in all")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """What is the same for a chain and all its layers."""

    density: Fraction
    limits: PlanLimits
    inputs: Inputs
    laid: _Laid


@dataclass(frozen=True, slots=True)
class _Below:
    """What a layer is measured on."""

    picture: Side
    region: Side
    flags: frozenset[str]
    """Said where it is placed: they count for all that is done to it."""

    def measure(self, component: Component) -> Side | None:
        flags = component.flags | self.flags
        if "region_relative" in flags:
            return self.region
        return self.picture if "relative" in flags else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """As far as the chain has come."""

    size: Side
    has_alpha: bool
    faces: Faces
    plain: Side | None
    """None when nothing is told apart from `size`."""


def make_outline(
    transformation: Transformation,
    facts: SourceFacts,
    limits: PlanLimits,
    faces: Faces = NOBODY,
    plain: Side | None = None,
    *,
    inputs: Inputs = NOTHING,
) -> Outline:
    """Raises BadTransformation (nothing left to show) and LimitExceeded (a step too large).

    `faces`: of the original as displayed. `plain`: what the original's size would be at density 1, if it is another.
    """
    terms = _Terms(density=_density(transformation.components), limits=limits, inputs=inputs, laid=_Laid())
    return _outlined(nested(transformation.components), Shown(facts=facts, faces=faces), terms, plain=plain)


def leading_window(stages: tuple[Stage | Overlay, ...], shown: Side) -> tuple[Window, tuple[Stage | Overlay, ...]]:
    """Take the first crop-and-resize out of the stages, so that the decoder can shrink while it reads.

    A pure crop followed by a resize is one window; two resizes are not (the first one loses detail on purpose).
    """
    window = Window((0, 0, *shown), shown)
    while stages:
        stage = stages[0]
        if isinstance(stage, Overlay):
            break
        if stage.window is not None:
            if not window.is_pure_crop:
                break
            window = composed(window, stage.window, shown)
        if not stage.is_window_only:
            return window, (replace(stage, window=None), *stages[1:])
        stages = stages[1:]
    return window, stages


def stored_size(facts: SourceFacts) -> Side:
    """Of the pixels before they are turned upright."""
    return upright_size((facts.width, facts.height), facts.orientation)


def _outlined(
    parts: tuple[Part, ...], source: Shown, terms: _Terms, *, plain: Side | None = None, below: _Below | None = None
) -> Outline:
    facts, faces, stored = source.facts, source.faces, stored_size(source.facts)
    components = tuple(own_components(parts))
    check_redaction(components)
    _check_effects(parts, is_layer=below is not None)
    orientation = 1 if any("ignore" in component.angles for component in components) else facts.orientation
    shown = upright_size(stored, orientation)
    if orientation != facts.orientation:
        faces = as_stored(faces, facts.orientation, stored)
    stages: list[Stage | Overlay] = []
    picture = _Picture(
        size=shown, has_alpha=facts.has_alpha, faces=faces, plain=None if terms.density == 1 else plain or shown
    )
    for part in parts:
        for stage, after in (
            _laid(part, picture, terms) if isinstance(part, Overlaid) else _done(part, picture, terms, below)
        ):
            stages.append(stage)
            picture = after
    return Outline(
        shown=shown,
        orientation=orientation,
        stages=tuple(stages),
        size=picture.size,
        has_alpha=picture.has_alpha,
        faces=picture.faces,
        plain=picture.plain or picture.size,
    )


def _check_effects(parts: tuple[Part, ...], *, is_layer: bool) -> None:
    for part in parts:
        if isinstance(part, Overlaid) or part.effect is None:
            continue
        if part.effect.name in BLENDS:
            raise BadTransformation.component(f"e_{part.effect.name} (needs a layer)")
        if is_layer and part.effect.name == TRIM:
            raise BadTransformation.component(f"e_{TRIM} (not in a layer)")


# --- one component ----------------------------------------------------------------------------------------------------


def _done(
    component: Component, picture: _Picture, terms: _Terms, below: _Below | None
) -> Iterator[tuple[Stage, _Picture]]:
    measure = below.measure(component) if below is not None else None
    for part in turned_first(component, picture.size):
        stage = plan_stage(
            part,
            picture.size,
            terms.density,
            has_alpha=picture.has_alpha,
            faces=picture.faces,
            plain=picture.plain,
            measure=measure,
        )
        check_stage(stage, terms.limits)
        plain = picture.plain
        if plain is not None:
            small = None if measure is None else _divided(measure, terms.density)
            plain = plan_stage(part, plain, Fraction(1), has_alpha=False, measure=small).size
        picture = _Picture(
            size=stage.size,
            has_alpha=alpha_after(stage, has_alpha=picture.has_alpha),
            faces=_faces_after(stage, picture.size, picture.faces),
            plain=plain,
        )
        yield stage, picture


def _faces_after(stage: Stage, before: Side, faces: Faces) -> Faces:
    """Where they are in the result of the stage; nobody knows after a look (`check_redaction` has refused who asks)."""
    if stage.look is not None:
        return Faces(is_moving=faces.is_moving)
    faces = carried(faces, before, stage.window, stage.canvas, stage.turns)
    around = stage.border.width if stage.border else 0
    left, top = (stage.halo.left, stage.halo.top) if stage.halo else (0, 0)
    return through_canvas(faces, (around + left, around + top), stage.size)


def _divided(size: Side, density: Fraction) -> Side:
    return rounded(size[0] / density), rounded(size[1] / density)


def _density(components: tuple[Component, ...]) -> Fraction:
    """`dpr` multiplies all pixel sizes of the whole chain, also those of earlier components; the last one counts."""
    asked = [component.dpr for component in components if component.dpr is not None]
    return Fraction(str(asked[-1])) if asked else Fraction(1)


# --- one layer --------------------------------------------------------------------------------------------------------


def _laid(part: Overlaid, picture: _Picture, terms: _Terms) -> Iterator[tuple[Overlay, _Picture]]:
    """The layer wherever it is put, one after the other."""
    places, moved = places_of(part.placing, picture.size, picture.faces), (0, 0)
    for place in places:
        overlay, faces = _overlay(part, place.moved(moved), picture, terms)
        placement = overlay.placement
        _check_room(part, overlay, picture.size)
        moved = moved[0] + placement.base_at[0], moved[1] + placement.base_at[1]
        check_sizes([placement.canvas], terms.limits)
        plain = picture.plain
        if plain is not None:
            plain = (
                rounded(Fraction(placement.canvas[0] * plain[0], picture.size[0])),
                rounded(Fraction(placement.canvas[1] * plain[1], picture.size[1])),
            )
        picture = _Picture(
            size=placement.canvas,
            has_alpha=overlay.is_whole and not overlay.is_solid,
            faces=faces_on(placement, picture.faces, faces, overlay.making.size),
            plain=plain,
        )
        yield overlay, picture


def _overlay(part: Overlaid, place: Place, picture: _Picture, terms: _Terms) -> tuple[Overlay, Faces]:
    terms.laid.again()
    below = _Below(picture.size, place.size(picture.size), part.placing.flags)
    making, faces = _making(part, below, terms)
    placement = placement_of(part.placing, place, picture.size, making.size, terms.density)
    blend = blend_of(part.placing)
    is_whole = blend is Blend.MASK or picture.has_alpha or placement.grows(picture.size)
    overlay = Overlay(
        making=making,
        placement=placement,
        blend=blend,
        is_under=part.layer.is_under,
        is_solid=is_solid(making, placement, blend),
        is_whole=is_whole,
    )
    return overlay, faces


def _making(part: Overlaid, below: _Below, terms: _Terms) -> tuple[Making, Faces]:
    content, parts, box, drawn = part.layer.content, part.parts, TextBox(density=terms.density), (0, 0)
    if isinstance(content, TextLayer):
        box, parts = boxed(content, parts, terms.density, below.measure)
        drawn = terms.inputs.measure(content, box)
        source = Shown(facts=_facts_of_text(drawn))
    else:
        source = terms.inputs.shown(content, page_of(part))
    if source.redaction:
        parts = (first_redacted(source.redaction), *parts)
    outline = _outlined(parts, source, terms, below=below)
    window, stages = leading_window(outline.stages, outline.shown)
    making = Making(
        content=content,
        page=page_of(part),
        box=box,
        drawn=drawn,
        orientation=outline.orientation,
        window=stored_window(window, outline.orientation, stored_size(source.facts)),
        stages=stages,
        size=outline.size,
        has_alpha=outline.has_alpha,
    )
    return making, outline.faces


def _facts_of_text(size: Side) -> SourceFacts:
    return SourceFacts(
        format="png",
        width=size[0],
        height=size[1],
        frames=1,
        has_alpha=True,
        orientation=1,
        body_bytes=0,
        md5="",
    )


def _check_room(part: Overlaid, overlay: Overlay, picture: Side) -> None:
    """Raises BadTransformation for a text that sticks out, where that was forbidden."""
    if "text_disallow_overflow" not in part.placing.flags or not isinstance(part.layer.content, TextLayer):
        return
    (left, top), (width, height) = overlay.placement.layer_at, overlay.making.size
    is_inside = left >= 0 and top >= 0 and left + width <= picture[0] and top + height <= picture[1]
    if overlay.size != picture or not (is_inside or overlay.placement.is_tiled):
        raise BadTransformation.component("fl_text_disallow_overflow (the text is larger than the image)")
