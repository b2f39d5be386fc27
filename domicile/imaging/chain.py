"""A chain behind a trim, on decoded frames: planned anew for what was left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import msgspec

from domicile.imaging.layers import Layers, made_ready
from domicile.imaging.present import Frame
from domicile.imaging.resample import resample
from domicile.imaging.staged import Finished, staged
from domicile.imaging.trimming import trimmed
from domicile.media.errors import LimitExceeded
from domicile.media.faces import through_window
from domicile.media.facts import SourceFacts
from domicile.media.geometry import WholeBox, Window, rounded
from domicile.media.plan import NO_ALPHA_BITS, Plan, make_plan
from domicile.media.stage import BYTES_PER_PIXEL, PlanLimits
from domicile.media.transformation import Transformation
from domicile.media.trims import trim_at_end


def finished(
    frames: Sequence[Frame],
    parts: Sequence[Transformation],
    plans: tuple[Plan, Plan],
    facts: SourceFacts,
    limits: PlanLimits,
    *,
    layers: Layers,
) -> tuple[list[Frame], Plan]:
    """What the first part left, trimmed, and the other parts performed; the plan with the size that came of it.

    `plans`: of the first part, and of the chain as if nothing were trimmed. Raises BadTransformation and LimitExceeded.
    """
    done, (plan, whole) = list(frames), plans
    for before, part in pairwise(parts):
        asked = trim_at_end(before)
        assert asked is not None  # that is where the chain was parted
        done, box = trimmed(done, asked)
        plan = _plan_of(part, done, _cut(plan, box), facts, limits, layers=layers)
        laid = made_ready(plan.makings, layers, limits.working_bytes_max - _bytes_of(done))
        done = [_performed(frame, plan, laid) for frame in done]
    return done, replace(whole, size=plan.size, has_alpha=plan.has_alpha and whole.png_bits != NO_ALPHA_BITS)


def _cut(plan: Plan, box: WholeBox) -> Plan:
    """The plan whose result was trimmed to that box: faces are carried along, and what pixels are counted in."""
    size = box[2] - box[0], box[3] - box[1]
    plain = (
        max(1, rounded(Fraction(size[0] * plan.plain[0], plan.size[0]))),
        max(1, rounded(Fraction(size[1] * plan.plain[1], plan.size[1]))),
    )
    return replace(plan, faces=through_window(plan.faces, Window(box, size)), plain=plain)


def _plan_of(
    part: Transformation,
    frames: Sequence[Frame],
    before: Plan,
    facts: SourceFacts,
    limits: PlanLimits,
    *,
    layers: Layers,
) -> Plan:
    width, height = frames[0].image.size
    has_alpha = any(frame.image.mode == "RGBA" for frame in frames)
    left = msgspec.structs.replace(facts, width=width, height=height, orientation=1, has_alpha=has_alpha)
    plan = make_plan(part, left, before.format, limits, before.faces, before.plain, inputs=layers.inputs)
    if _bytes_of(frames) + plan.pixel_bytes_max > limits.working_bytes_max:
        raise LimitExceeded("Image needs more memory than allowed (working_bytes_max)")
    return plan


def _bytes_of(frames: Sequence[Frame]) -> int:
    return sum(frame.image.width * frame.image.height for frame in frames) * BYTES_PER_PIXEL


def _performed(frame: Frame, plan: Plan, laid: Finished) -> Frame:
    return staged(
        replace(frame, image=resample(frame.image, plan.window)), plan.stages, laid, tells_cuts=plan.info_only
    )
