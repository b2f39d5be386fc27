"""Transformation + facts about the original + output format -> Plan: all that is decided before a pixel is touched.

Components apply one after the other (`outline.py`); the first crop and resize is done while decoding. The file knows no
library and no clock: two edges make the same plan.
"""

from __future__ import annotations

from dataclasses import dataclass

from domicile.media.errors import BadTransformation, LimitExceeded
from domicile.media.faces import NOBODY, Faces
from domicile.media.facts import SourceFacts
from domicile.media.geometry import Side, Window, stored_window
from domicile.media.look import without_looking
from domicile.media.negotiate import is_original
from domicile.media.outline import leading_window, make_outline, stored_size
from domicile.media.overlay import LAID_PIXELS_MAX, NOTHING, Inputs, Making, Overlay
from domicile.media.params.flags import ANIMATED, is_progressive, kept_metadata, png_bits
from domicile.media.params.space import CMYK, KEEP_CMYK, TINY
from domicile.media.stage import BYTES_PER_PIXEL, PlanLimits, Stage, area_of
from domicile.media.text import DRAWING_BYTES
from domicile.media.transformation import Component, Quality, Transformation

ALWAYS_ANIMATED = frozenset({"gif", "webp", "avif"})
"""Output formats that keep an animation. PNG keeps it when the original is an animated PNG or fl_apng asks for it."""
NO_ALPHA_BITS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one rendition is made."""

    format: str
    animated: bool
    orientation: int
    """EXIF orientation to undo after `window`; 1 when there is none or `a_ignore` was asked for."""
    window: Window
    """Region and size in *stored* coordinates: applied while decoding, before turning upright."""
    stages: tuple[Stage | Overlay, ...]
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
    def makings(self) -> tuple[Making, ...]:
        """The layers that are finished before the picture is, each once."""
        return makings_of(self.stages)

    @property
    def layer_bytes(self) -> int:
        """Bytes of the finished layers, which are held while the picture is made."""
        return sum(making.bytes for making in self.makings)

    @property
    def pixel_bytes_max(self) -> int:
        """Bytes of the largest pair of pictures that one step holds, decoding left out, and of all layers."""
        own = _bytes_of(self.window, self.orientation, self.stages)
        return max(own + self.layer_bytes, _making_bytes(self.makings))


def makings_of(stages: tuple[Stage | Overlay, ...]) -> tuple[Making, ...]:
    return tuple(dict.fromkeys(stage.making for stage in stages if isinstance(stage, Overlay)))


def _bytes_of(window: Window, orientation: int, stages: tuple[Stage | Overlay, ...]) -> int:
    first = area_of(window.size)
    most = first * (1 if orientation == 1 else 2)
    for before, stage in zip((window.size, *(s.size for s in stages)), stages, strict=False):
        is_nothing = isinstance(stage, Stage) and stage.is_window_only and stage.window is None
        most = max(most, area_of(before) + (0 if is_nothing else stage.area))
    return most * BYTES_PER_PIXEL


def _making_bytes(makings: tuple[Making, ...]) -> int:
    """Bytes at most while layers are finished one after the other, those inside others first."""
    held = most = 0
    for making in makings:
        inside = makings_of(making.stages)
        own = _bytes_of(making.window, making.orientation, making.stages) + sum(one.bytes for one in inside)
        own += area_of(making.drawn) * DRAWING_BYTES
        most = max(most, held + own, held + _making_bytes(inside))
        held += making.bytes
    return most


def make_plan(
    transformation: Transformation,
    facts: SourceFacts,
    output_format: str,
    limits: PlanLimits,
    faces: Faces = NOBODY,
    plain: Side | None = None,
    *,
    inputs: Inputs = NOTHING,
) -> Plan:
    """Decide everything. Raises BadTransformation (nothing left to show) and LimitExceeded (result too large)."""
    animated = is_animated(facts, output_format, transformation.flags)
    bits = png_bits(transformation) if output_format == "png" else None
    if animated:
        transformation = without_looking(transformation, faces)
        if bits is not None:
            raise BadTransformation.component(f"fl_png{bits} (not for animations)")
    components = transformation.components
    outline = make_outline(transformation, facts, limits, faces, plain, inputs=inputs)
    if animated and area_of(outline.size) * facts.frames > limits.animation_pixels_max:
        raise LimitExceeded(f"Maximum total of an animation is {limits.animation_pixels_max} pixels")
    work = sum(stage.work for stage in outline.stages if isinstance(stage, Overlay))
    if work * (facts.frames if animated else 1) > LAID_PIXELS_MAX:
        raise LimitExceeded(f"Image is too large for its layers - at most {LAID_PIXELS_MAX} pixels are laid over")
    window, stages = leading_window(outline.stages, outline.shown)
    return Plan(
        format=output_format,
        animated=animated,
        orientation=outline.orientation,
        window=stored_window(window, outline.orientation, stored_size(facts)),
        stages=stages,
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


def _last_quality(components: tuple[Component, ...]) -> Quality | None:
    asked = [component.quality for component in components if component.quality is not None]
    return asked[-1] if asked else None
