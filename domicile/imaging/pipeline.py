"""One rendition: parse, plan, decode the window, perform the stages, encode."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from domicile.imaging.color import ToSrgb
from domicile.imaging.decode import decode_frames
from domicile.imaging.encode import CONTENT_TYPES, encode
from domicile.imaging.guarded import decoder_limits, making, refusal
from domicile.imaging.job import Done, MediaLimits, Outcome, RenderJob, Timings
from domicile.imaging.present import Frame, present
from domicile.imaging.redeliver import can_copy, copied
from domicile.imaging.source import Bytes, Source, open_source
from domicile.imaging.steps import perform
from domicile.imaging.writable import planned
from domicile.media.errors import LimitExceeded, MediaError
from domicile.media.grammar import parse_transformation
from domicile.media.plan import Plan, PlanLimits

INFO_CONTENT_TYPE = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """A finished file and how long its parts took."""

    body: bytes
    plan: Plan
    frames: int
    timings: Timings


def render(source: Bytes, job: RenderJob) -> tuple[Outcome, bytes]:
    """Done and the body, or Refused and nothing. Never raises for what the bytes or the transformation are."""
    try:
        transformation = parse_transformation(job.transformation, job.limits)
        with decoder_limits(job.limits):
            opened = open_source(source, job.limits)
            limits = _plan_limits(job.limits)
            plan = planned(transformation, job.extension, opened.facts(), job.bucket, limits)
            rendition = rendered(opened, plan, job.limits)
    except MediaError as error:
        return refusal(error), b""
    return _done(opened, rendition)


def rendered(source: Source, plan: Plan, limits: MediaLimits) -> Rendition:
    """Make the rendition. Raises UndecodableMedia, LimitExceeded."""
    if can_copy(source, plan):
        return _copied(source, plan, limits)
    frame_count = source.claims.frames if plan.animated else 1
    # An animation is encoded from all its frames at once.
    held = plan.size[0] * plan.size[1] * 4 * frame_count if plan.animated else plan.pixel_bytes_max
    if held > limits.working_bytes_max:
        raise LimitExceeded("Image needs more memory than allowed")
    to_srgb = ToSrgb(source.claims.icc)
    decode = transform = 0.0
    frames: list[Frame] = []
    started = time.perf_counter()
    for stored in decode_frames(source, plan, limits.working_bytes_max):
        decoded = time.perf_counter()
        frames.append(_staged(present(stored, plan.orientation, to_srgb), plan))
        decode, transform = decode + decoded - started, transform + time.perf_counter() - decoded
        started = time.perf_counter()
    with making(f"Image is too large for {plan.format}"):
        body = encode(frames, plan, source.claims.loop)
    timings = Timings(decode=decode, transform=transform, encode=time.perf_counter() - started)
    return Rendition(body=body, plan=plan, frames=len(frames), timings=timings)


def _copied(source: Source, plan: Plan, limits: MediaLimits) -> Rendition:
    started = time.perf_counter()
    body = copied(source, limits.source_pixels_max)
    timings = Timings(decode=time.perf_counter() - started)
    return Rendition(body=body, plan=plan, frames=source.claims.frames, timings=timings)


def _staged(frame: Frame, plan: Plan) -> Frame:
    image = frame.image
    for stage in plan.stages:
        image = perform(image, stage)
    return Frame(image, frame.duration_ms)


def _plan_limits(limits: MediaLimits) -> PlanLimits:
    return PlanLimits(
        output_pixels_max=limits.output_pixels_max,
        output_side_max=limits.output_side_max,
        animation_pixels_max=limits.animation_pixels_max,
    )


def _done(source: Source, rendition: Rendition) -> tuple[Done, bytes]:
    plan, body, content_type = rendition.plan, rendition.body, CONTENT_TYPES[rendition.plan.format]
    facts = source.facts()
    if plan.info_only:
        info = {
            "input": {"width": facts.width, "height": facts.height, "bytes": facts.body_bytes},
            "output": {"width": plan.size[0], "height": plan.size[1], "bytes": len(body), "format": plan.format},
        }
        body, content_type = json.dumps(info, separators=(",", ":")).encode(), INFO_CONTENT_TYPE
    done = Done(
        source=facts,
        content_type=content_type,
        format=plan.format,
        width=plan.size[0],
        height=plan.size[1],
        frames=rendition.frames,
        timings=rendition.timings,
    )
    return done, body
