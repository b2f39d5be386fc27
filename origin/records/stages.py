"""How far a call of the Erasures API has come, and what is to be done next. Decides only; no clock, no database.

    erase        (awaiting_approval ->) (restricted, while its grace lasts ->) (blocked_by_hold ->)
                 accepted -> sealed -> fenced -> purging -> verified -> receipted
                 partial: a place failed, or gives something away;  cancelled: before anything was taken
    restrict     accepted -> restricted
    unrestrict   accepted -> unrestricted

`next_step` is asked again under the head's lock before each step, so neither a hold that was placed meanwhile nor a
cancellation is missed. A restriction ends in the transaction that erases: there is no moment between (I15, I16).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """What was asked for."""

    ERASE = "erase"
    RESTRICT = "restrict"
    UNRESTRICT = "unrestrict"


class Stage(StrEnum):
    """The `state` of a statement."""

    AWAITING_APPROVAL = "awaiting_approval"
    RESTRICTED = "restricted"
    UNRESTRICTED = "unrestricted"
    BLOCKED_BY_HOLD = "blocked_by_hold"
    ACCEPTED = "accepted"
    SEALED = "sealed"
    """No key of it is left; edges are waited for."""
    FENCED = "fenced"
    """No edge serves it any more; each place is asked whether that is so."""
    PURGING = "purging"
    """The same, and a CDN has not purged twice yet."""
    VERIFIED = "verified"
    """Every place was asked, and gives nothing away; what is left is to forget what was asked after, and the receipt."""
    RECEIPTED = "receipted"
    PARTIAL = "partial"
    CANCELLED = "cancelled"


class Step(StrEnum):
    """What is to be done next."""

    WAIT = "wait"
    """For an approval, for the end of the grace, or for that of a hold."""
    CANCEL = "cancel"
    """Nobody has approved it in time."""
    HIDE = "hide"
    """Some are restricted by this and still shown."""
    SHOW = "show"
    """Some are to be restricted no more."""
    TAKE = "take"
    """Erase those that no hold keeps."""
    END = "end"
    """Nothing is left that this has selected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A call that is not carried out at once, as it stands now."""

    mode: Mode
    now: float
    approve_until: float = 0.0
    """Until when an approval is waited for; 0: none is needed, or it was given."""
    grace_until: float = 0.0
    is_cancelled: bool = False
    free: bool = False
    """Something that it selected is there, and no hold keeps it."""
    held: bool = False
    """Something that it selected is kept by a hold."""
    shown: bool = False
    """Something that it restricts is not hidden yet."""
    held_restricted: bool = True
    """What a hold keeps is restricted meanwhile."""


def next_step(at: Standing) -> Step:
    """One step; asked again after it."""
    if at.is_cancelled:
        return Step.SHOW if at.free or at.held else Step.END
    if at.approve_until:
        return Step.CANCEL if at.now >= at.approve_until else Step.WAIT
    match at.mode:
        case Mode.RESTRICT:
            return Step.HIDE if at.shown else Step.END
        case Mode.UNRESTRICT:
            return Step.SHOW if at.free or at.held else Step.END
        case Mode.ERASE:
            return _next_of_erase(at)


def _next_of_erase(at: Standing) -> Step:
    if at.now < at.grace_until:
        return Step.HIDE if at.shown else Step.WAIT
    if at.free:
        return Step.TAKE
    if at.held:
        return Step.HIDE if at.shown and at.held_restricted else Step.WAIT
    return Step.END


def may_cancel(at: Standing, *, taken: int) -> bool:
    """Before anything was taken, and while something is waited for. `taken`: versions that are gone."""
    if at.mode is not Mode.ERASE or at.is_cancelled or taken:
        return False
    return bool(at.approve_until) or at.now < at.grace_until or (at.held and not at.free)


def waiting_stage(at: Standing) -> Stage | None:
    """What is waited for, before anything is carried out or between; None: nothing is."""
    if at.is_cancelled:
        return Stage.CANCELLED
    if at.approve_until:
        return Stage.AWAITING_APPROVAL
    if at.mode is Mode.ERASE and at.now < at.grace_until:
        return Stage.RESTRICTED
    if at.mode is Mode.ERASE and at.held:
        return Stage.BLOCKED_BY_HOLD
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """How far places have come that only answer: edges, CDNs, and both when they are asked whether they have forgotten."""

    fenced: bool
    """No edge can serve it."""
    purged: bool = True
    """Every CDN has purged, or its copies are too old."""
    verified: bool = True
    """Every place was asked, and gives nothing away."""
    settled: bool = True
    """Nothing more comes of asking."""
    troubled: bool = False
    """A place gave something away, or did not say what it should have."""
    receipted: bool = True
    """What was asked after is forgotten."""


def stage_of(at: Standing | None, outside: Outside, *, finished: bool, left: int, keys_gone: bool) -> Stage:
    """The state of now. `at`: None for an erasure that was carried out at once. `left`: versions whose key or bytes may be
    there; `keys_gone`: none of their keys is.
    """
    if at is not None and (waiting := waiting_stage(at)) is not None:
        return waiting
    if at is not None and at.mode is not Mode.ERASE:
        done = Stage.RESTRICTED if at.mode is Mode.RESTRICT else Stage.UNRESTRICTED
        return done if finished and outside.fenced and outside.purged else Stage.ACCEPTED
    if outside.fenced and left:
        return Stage.PARTIAL
    if not keys_gone or not finished:
        return Stage.ACCEPTED
    return _stage_outside(outside) if outside.fenced else Stage.SEALED


def _stage_outside(outside: Outside) -> Stage:
    """Keys and bytes are gone, and no edge serves any of it."""
    if outside.purged and outside.settled:
        if outside.receipted:
            return Stage.RECEIPTED
        return Stage.VERIFIED if outside.verified else Stage.PARTIAL
    if outside.troubled:
        return Stage.PARTIAL
    return Stage.FENCED if outside.purged else Stage.PURGING
