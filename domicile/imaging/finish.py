"""From finished frames to a file, with what `f_auto` and `q_auto` leave open until the pixels are there.

`f_auto` has chosen by the client and by what the original promises (`negotiate.py`). Here it looks at the picture itself:
a drawing is written without loss where that is smaller, and what could have been transparent and is not need not be PNG.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from domicile.imaging.choice import Chosen, chosen, target_of, usual
from domicile.imaging.encode import LOSSY, encode, lossy
from domicile.imaging.perceived import SIDE_MIN
from domicile.imaging.present import Frame
from domicile.media.negotiate import LEGACY, PREFERENCES
from domicile.media.plan import Plan
from domicile.media.reasons import How, Kind, Reasons

FLAT_SHARE = 0.5
"""Of the pixels of a drawing at least so many have exactly the colour of the one before."""
LOOKED_AT_MAX = 1 << 18
"""Pixels that are asked whether a picture is a drawing, in whole rows."""
GRAPHIC_PIXELS_MAX = 1 << 22
"""A larger picture is not written twice."""


@dataclass(frozen=True, slots=True)
class Negotiable:
    """`f_auto`: the client's bucket, whether this picture can be written in a format, and what a flag says of a PNG."""

    bucket: str
    fits: Callable[[str], bool]
    png_bits: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """`plan`: in the format that was written."""

    body: bytes
    plan: Plan
    reasons: Reasons


def finish(frames: Sequence[Frame], plan: Plan, loop: int | None, open_to: Negotiable | None = None) -> File:
    """`loop`: times played, 0 for ever. `open_to`: None unless the format was left to us."""
    kind = None
    if open_to is not None:
        frames, plan, kind = _looked_at(frames, plan, open_to)
    number = _number(frames, plan)
    body = encode(frames, plan, loop, number.number if number else None)
    reasons = Reasons(format=plan.format, kind=kind, number=number.number if number else 0, how=_how(number))
    if kind is Kind.GRAPHIC and open_to is not None and plan.format in LOSSY:
        plain = _without_loss(plan, open_to)
        smaller = encode(frames, plain, loop, lossless=True) if open_to.fits(plain.format) else body
        if len(smaller) < len(body):
            body, plan = smaller, plain
            reasons = Reasons(format=plain.format, kind=kind, how=How.LOSSLESS)
    return File(body=body, plan=plan, reasons=reasons)


def _without_loss(plan: Plan, open_to: Negotiable) -> Plan:
    if open_to.bucket != LEGACY:
        return replace(plan, format="webp", progressive=False)
    return replace(plan, format="png", progressive=False, png_bits=open_to.png_bits)


def _looked_at(frames: Sequence[Frame], plan: Plan, open_to: Negotiable) -> tuple[Sequence[Frame], Plan, Kind]:
    if len(frames) > 1:
        return frames, plan, Kind.ANIMATION
    (frame,) = frames
    picture = frame.image
    is_opaque = picture.mode != "RGBA" or picture.getchannel("A").getextrema() == (255, 255)
    if is_opaque and picture.mode == "RGBA":
        frames = [replace(frame, image=picture.convert("RGB"))]
        if plan.format == "png" and open_to.fits("jpg"):
            plan = replace(plan, format="jpg", has_alpha=False, png_bits=None)
    if is_drawing(picture):
        return frames, plan, Kind.GRAPHIC
    best = PREFERENCES.get(open_to.bucket, (plan.format,))[0]
    return frames, plan, Kind.SIZE if best != plan.format else Kind.PHOTO if is_opaque else Kind.ALPHA


def is_drawing(picture: Image.Image) -> bool:
    """Flat colours and sharp edges: text, diagrams, screens. Asked of evenly spread rows."""
    width, height = picture.size
    if width < 2 or width * height > GRAPHIC_PIXELS_MAX:
        return False
    step = -(-width * height // LOOKED_AT_MAX)
    rows = np.asarray(picture)[::step]
    same = np.all(rows[:, 1:] == rows[:, :-1], axis=2)
    return bool(np.count_nonzero(same) >= FLAT_SHARE * same.size)


def is_probed(plan: Plan) -> bool:
    """Will copies of the picture be looked at?"""
    return _is_automatic(plan) and not plan.animated and min(plan.size) >= SIDE_MIN


def _is_automatic(plan: Plan) -> bool:
    return plan.quality is not None and plan.quality.level is None and plan.format in LOSSY


def _number(frames: Sequence[Frame], plan: Plan) -> Chosen | None:
    """What `q_auto` comes to; None where it was not asked for or nothing is lost."""
    quality = plan.quality
    if quality is None or not _is_automatic(plan):
        return None
    target = target_of(quality)
    if not is_probed(plan):
        return Chosen(usual(plan.format, target), is_measured=False)
    return chosen(frames[0].image, plan.format, target, lambda probe, n: lossy(probe, plan.format, n, quality.chroma))


def _how(number: Chosen | None) -> How | None:
    if number is None:
        return None
    return How.SCORE if number.is_measured else How.USUAL
