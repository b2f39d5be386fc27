"""One rendition: parse, plan, decode the window, perform the stages, encode."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from domicile.imaging.attribution import FIELDS, packet
from domicile.imaging.chain import finished
from domicile.imaging.color import ToSrgb
from domicile.imaging.decode import decode_frames
from domicile.imaging.encode import can_write
from domicile.imaging.faces import faces_of
from domicile.imaging.finish import Negotiable, finish, is_probed
from domicile.imaging.guarded import decoder_limits, making, refusal
from domicile.imaging.job import Done, MediaLimits, Outcome, RenderJob, Timings
from domicile.imaging.layers import NO_LAYERS, Layers, made_ready, open_layers
from domicile.imaging.pages import page_of
from domicile.imaging.plan_limits import plan_limits
from domicile.imaging.present import Frame, present
from domicile.imaging.profiles import tiny_srgb
from domicile.imaging.redeliver import can_copy, copied
from domicile.imaging.source import Bytes, Source, open_source
from domicile.imaging.staged import staged
from domicile.imaging.tags import TAKES, tagged
from domicile.media.errors import BadTransformation, LimitExceeded, MediaError
from domicile.media.faces import NOBODY, Faces
from domicile.media.geometry import WholeBox
from domicile.media.grammar import parse_transformation
from domicile.media.layers import has_layers, nested, own_components
from domicile.media.negotiate import AUTO, TYPES, VECTOR_TYPES, choose_format
from domicile.media.outline import make_outline
from domicile.media.params.flags import is_progressive, png_bits
from domicile.media.plan import Plan, is_animated, make_plan
from domicile.media.redaction import first_redacted
from domicile.media.stage import BYTES_PER_PIXEL
from domicile.media.transformation import Transformation
from domicile.media.trims import parts_of
from domicile.media.writing import cannot_write

INFO_CONTENT_TYPE = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """A finished file and how long its parts took."""

    body: bytes
    plan: Plan
    frames: int
    timings: Timings
    reasons: str = ""
    """`Reasons.text`."""
    cuts: tuple[WholeBox, ...] = ()
    """Where automatic gravity cut the first frame; known when nothing but that is asked for."""


def render(source: Bytes, job: RenderJob, layers: Sequence[Bytes] = ()) -> tuple[Outcome, bytes]:
    """Done and the body, or Refused and nothing. Never raises for what the bytes or the transformation are.

    `layers`: the bodies of `job.layers`, in that order.
    """
    try:
        transformation = _asked(job)
        with decoder_limits(job.limits):
            opened = open_source(source, job.limits)
            own = Transformation(tuple(own_components(nested(transformation.components))))
            shown = page_of(opened, own.page, job.limits, own.density)
            started = time.perf_counter()
            animated = _shows_all(shown, transformation, job)
            faces = faces_of(shown, own, job.limits, animated=animated, coordinates=job.coordinates)
            opened_layers = open_layers(transformation, job.layers, layers, job.limits)
            looked = time.perf_counter() - started
            wanted, open_to = _format(shown, transformation, job, faces, opened_layers)
            rendition = rendered(shown, transformation, wanted, job.limits, faces, open_to, layers=opened_layers)
            rendition = replace(rendition, body=_tagged(shown, rendition, job))
    except MediaError as error:
        return refusal(error), b""
    timings = msgspec.structs.replace(rendition.timings, transform=rendition.timings.transform + looked)
    return _done(opened, replace(rendition, timings=timings))


def _asked(job: RenderJob) -> Transformation:
    """What the URL asks for, after what the policy does to the original: no component comes before that one."""
    transformation = parse_transformation(job.transformation, job.limits)
    if not job.redaction:
        return transformation
    return Transformation((first_redacted(job.redaction), *transformation.components))


def _shows_all(source: Source, transformation: Transformation, job: RenderJob) -> bool:
    """Will every frame be in the rendition? What an animation becomes does not depend on its size."""
    facts = source.facts()
    if not facts.is_animated:
        return False
    wanted = choose_format(transformation, job.extension, facts, job.bucket, lambda _: True)
    return is_animated(facts, wanted, transformation.flags)


def rendered(
    source: Source,
    transformation: Transformation,
    wanted: str,
    limits: MediaLimits,
    faces: Faces = NOBODY,
    open_to: Negotiable | None = None,
    *,
    layers: Layers = NO_LAYERS,
) -> Rendition:
    """Make the rendition in the format `wanted`, or one that its pixels suit better where the format is `open_to` that.

    Raises UndecodableMedia, LimitExceeded, BadTransformation.
    """
    if wanted in VECTOR_TYPES:
        return _as_drawing(source, transformation, wanted, limits)
    if not can_write(wanted):
        raise BadTransformation(f"Unsupported image format - {wanted}")
    plan = _planned(transformation, source, wanted, limits, faces, layers)
    if can_copy(source, plan):
        return _copied(source, plan, limits)
    _check_memory(source, plan, limits)
    parts = parts_of(transformation)
    first = plan if len(parts) == 1 else _planned(parts[0], source, wanted, limits, faces, layers)
    if len(parts) > 1:
        _check_frames(source, first, limits)
    frames, timings = _frames(source, first, limits, layers)
    started = time.perf_counter()
    if len(parts) > 1:
        frames, plan = finished(frames, parts, (first, plan), source.facts(), plan_limits(limits), layers=layers)
        _check_memory(source, plan, limits)
    timings = msgspec.structs.replace(timings, transform=timings.transform + time.perf_counter() - started)
    started = time.perf_counter()
    with making(f"Image is too large for {plan.format}"):
        file = finish(frames, plan, source.claims.loop, open_to)
    timings = msgspec.structs.replace(timings, encode=time.perf_counter() - started)
    return Rendition(
        body=file.body,
        plan=file.plan,
        frames=len(frames),
        timings=timings,
        reasons=file.reasons.text(),
        cuts=frames[0].cuts,
    )


def _planned(
    transformation: Transformation, source: Source, wanted: str, limits: MediaLimits, faces: Faces, layers: Layers
) -> Plan:
    return make_plan(transformation, source.facts(), wanted, plan_limits(limits), faces, inputs=layers.inputs)


def _format(
    source: Source, transformation: Transformation, job: RenderJob, faces: Faces, layers: Layers
) -> tuple[str, Negotiable | None]:
    """The format by what is known before pixels are; and for `f_auto`, what else may be written."""
    facts, limits = source.facts(), plan_limits(job.limits)
    outline = make_outline(transformation, facts, limits, faces, inputs=layers.inputs)
    progressive = is_progressive(transformation)

    def fits(name: str) -> bool:
        return can_write(name) and not cannot_write(
            name, outline.size, limits, has_alpha=outline.has_alpha, progressive=progressive and name == "jpg"
        )

    has_alpha = outline.has_alpha if has_layers(transformation.components) else None
    wanted = choose_format(transformation, job.extension, facts, job.bucket, fits, has_alpha=has_alpha)
    if transformation.wanted_format != AUTO:
        return wanted, None
    return wanted, Negotiable(job.bucket, fits, png_bits(transformation))


def _check_memory(source: Source, plan: Plan, limits: MediaLimits) -> None:
    """Raises LimitExceeded."""
    if plan.pixel_bytes_max > limits.working_bytes_max:
        raise LimitExceeded("Image needs more memory than allowed (working_bytes_max)")
    complaint = cannot_write(
        plan.format,
        plan.size,
        plan_limits(limits),
        frames=source.claims.frames if plan.animated else 1,
        has_alpha=plan.has_alpha,
        progressive=plan.progressive,
        probed=is_probed(plan),
    )
    if complaint is not None:
        raise LimitExceeded(complaint)


def _check_frames(source: Source, first: Plan, limits: MediaLimits) -> None:
    """All frames of what is trimmed are held until the last one tells by how much. Raises LimitExceeded."""
    frames = source.claims.frames if first.animated else 1
    held = frames * first.size[0] * first.size[1] * BYTES_PER_PIXEL
    if held + first.pixel_bytes_max > limits.working_bytes_max:
        raise LimitExceeded("Image needs more memory than allowed (working_bytes_max)")


def _frames(source: Source, plan: Plan, limits: MediaLimits, layers: Layers) -> tuple[list[Frame], Timings]:
    """The finished pictures; what they were decoded from is not held any more when they are encoded."""
    to_srgb = ToSrgb(source.claims.icc)
    decode = transform = 0.0
    frames: list[Frame] = []
    started = time.perf_counter()
    laid = made_ready(plan.makings, layers, limits.working_bytes_max)
    for stored in decode_frames(source, plan, limits.working_bytes_max - plan.layer_bytes):
        decoded = time.perf_counter()
        shown = present(stored, plan.orientation, to_srgb)
        frames.append(staged(shown, plan.stages, laid, tells_cuts=plan.info_only))
        decode, transform = decode + decoded - started, transform + time.perf_counter() - decoded
        started = time.perf_counter()
    return frames, Timings(decode=decode, transform=transform)


def _copied(source: Source, plan: Plan, limits: MediaLimits) -> Rendition:
    started = time.perf_counter()
    body = copied(source, limits)
    timings = Timings(decode=time.perf_counter() - started)
    return Rendition(body=body, plan=plan, frames=source.claims.frames, timings=timings)


def _as_drawing(source: Source, transformation: Transformation, wanted: str, limits: MediaLimits) -> Rendition:
    """Cleaned, and drawn once first: what cannot be drawn is refused, not passed on."""
    assert source.vector is not None
    started = time.perf_counter()
    source.vector.check()
    plan = make_plan(transformation, source.facts(), wanted, plan_limits(limits))
    timings = Timings(decode=time.perf_counter() - started)
    return Rendition(body=source.vector.text, plan=plan, frames=1, timings=timings)


def _tagged(source: Source, rendition: Rendition, job: RenderJob) -> bytes:
    """With what was asked to be said of it: its colours, and its maker, where the policy allows that and hides nothing."""
    plan, xmp = rendition.plan, b""
    if plan.keeps and plan.format in TAKES and job.metadata in FIELDS and not job.redaction:
        xmp = packet(source, min(plan.keeps, job.metadata))  # "attribution" comes before "iptc", and is the less
    icc = tiny_srgb() if plan.has_profile and not plan.is_cmyk else b""
    return tagged(rendition.body, plan.format, plan.size, icc=icc, xmp=xmp)


def _done(source: Source, rendition: Rendition) -> tuple[Done, bytes]:
    plan, body, content_type = rendition.plan, rendition.body, (TYPES | VECTOR_TYPES)[rendition.plan.format]
    facts = source.facts()
    if plan.info_only:
        info: dict[str, Any] = {
            "input": {"width": facts.width, "height": facts.height, "bytes": facts.body_bytes},
            "output": {"width": plan.size[0], "height": plan.size[1], "bytes": len(body), "format": plan.format},
        }
        if rendition.cuts:
            info["g_auto_info"] = [
                {"x": left, "y": top, "width": right - left, "height": bottom - top}
                for left, top, right, bottom in rendition.cuts
            ]
        body, content_type = json.dumps(info, separators=(",", ":")).encode(), INFO_CONTENT_TYPE
    done = Done(
        source=facts,
        content_type=content_type,
        format=plan.format,
        width=plan.size[0],
        height=plan.size[1],
        frames=rendition.frames,
        timings=rendition.timings,
        reasons=rendition.reasons,
    )
    return done, body
