"""A chain of components on decoded frames: the stages that were planned, then, after each trim, those that were not yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import msgspec

from domicile.imaging.present import Frame
from domicile.imaging.resample import resample
from domicile.imaging.steps import perform
from domicile.imaging.steps.look import told
from domicile.imaging.steps.reframe import reframe
from domicile.imaging.trimming import trimmed
from domicile.media.errors import LimitExceeded
from domicile.media.faces import through_window
from domicile.media.facts import SourceFacts
from domicile.media.geometry import WholeBox, Window, rounded
from domicile.media.plan import BYTES_PER_PIXEL, NO_ALPHA_BITS, Plan, PlanLimits, make_plan
from domicile.media.transformation import Transformation
from domicile.media.trims import trim_at_end


def staged(frame: Frame, plan: Plan) -> Frame:
    """All stages of the plan, on a frame that shows its window."""
    image, cuts = frame.image, frame.cuts
    for stage in plan.stages:
        if plan.info_only and stage.look is not None:
            cuts = (*cuts, told(reframe(image, stage), stage.look))
        image = perform(image, stage)
    return replace(frame, image=image, cuts=cuts)


def finished(
    frames: Sequence[Frame],
    parts: Sequence[Transformation],
    plans: tuple[Plan, Plan],
    facts: SourceFacts,
    limits: PlanLimits,
) -> tuple[list[Frame], Plan]:
    """What the first part left, trimmed, and the other parts performed; the plan with the size that came of it.

    `plans`: of the first part, and of the chain as if nothing were trimmed. Raises BadTransformation and LimitExceeded.
    """
    done, (plan, whole) = list(frames), plans
    for before, part in pairwise(parts):
        asked = trim_at_end(before)
        assert asked is not None  # that is where the chain was parted
        done, box = trimmed(done, asked)
        plan = _plan_of(part, done, _cut(plan, box), facts, limits)
        done = [_performed(frame, plan) for frame in done]
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
    part: Transformation, frames: Sequence[Frame], before: Plan, facts: SourceFacts, limits: PlanLimits
) -> Plan:
    width, height = frames[0].image.size
    has_alpha = any(frame.image.mode == "RGBA" for frame in frames)
    left = msgspec.structs.replace(facts, width=width, height=height, orientation=1, has_alpha=has_alpha)
    plan = make_plan(part, left, before.format, limits, before.faces, before.plain)
    held = width * height * len(frames) * BYTES_PER_PIXEL
    if held + plan.pixel_bytes_max > limits.working_bytes_max:
        raise LimitExceeded("Image needs more memory than allowed (working_bytes_max)")
    return plan


def _performed(frame: Frame, plan: Plan) -> Frame:
    return staged(replace(frame, image=resample(frame.image, plan.window)), plan)
