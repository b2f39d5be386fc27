"""What comes next for a purge at a CDN: pure decisions, persisted by `records.cdn_purges`, carried out by `cdn_worker`.

fence    wait until no edge can serve the old bytes: a CDN that is purged before takes them again
first    purge; then wait for what was on its way into the CDN's store when it was fenced (D + T)
second   purge again
done     the second is confirmed and carried out
lapsed   the CDN did not say so, and the lifetime that was sent with every copy is over
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from domicile.media.cdn_calls import Confirmed, Failed, Later, Verdict

RETRY_SECONDS, RETRY_SECONDS_MAX = 5.0, 600.0
DOUBLINGS_MAX = 16
PATIENCE = "the CDN asks for patience"
DENIED = "the policy lets no metadata go out from here, so the CDN is not told"


class Stage(StrEnum):
    FENCE = "fence"
    FIRST = "first"
    SECOND = "second"
    DONE = "done"
    LAPSED = "lapsed"


CLOSED = (Stage.DONE, Stage.LAPSED)
"""Nothing comes after these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """In seconds."""

    in_flight: float
    """D + T: an answer may be that long on its way from an edge into the CDN's store."""
    lifetime: float
    """The longest k·C of copies that are out there: after so long none is used any more, whatever the CDN was told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a purge at one CDN has come."""

    stage: Stage = Stage.FENCE
    due_at: float = 0.0
    """When the next call is due; when it was over, once it is."""
    fenced_at: float = 0.0
    first_at: float = 0.0
    """When the CDN had carried out the first purge, by its own word."""
    attempts: int = 0
    token: str = ""
    """Of a purge that has begun there and is asked after."""
    said: str = ""
    """The CDN's name for its purge, or what went wrong last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How an account is spoken to after it has refused, was busy or silent: not at all for a while, whatever is due."""

    refusals: int = 0
    until: float = 0.0


def paced(pace: Pace, verdict: Verdict, *, now: float) -> Pace:
    """After a call."""
    match verdict:
        case Later(in_seconds=seconds, token=""):
            return Pace(refusals=pace.refusals + 1, until=now + max(seconds, _pause(pace.refusals)))
        case Failed():
            return Pace(refusals=pace.refusals + 1, until=now + _pause(pace.refusals))
        case _:
            return Pace()


def fenced(standing: Standing, *, now: float) -> Standing:
    """No edge can serve the old bytes from here on."""
    return replace(standing, stage=Stage.FIRST, fenced_at=now, due_at=now)


def answered(standing: Standing, verdict: Verdict, times: Times, *, now: float) -> Standing:
    """After a call, and after one that was not answered at all (`Failed`)."""
    match verdict:
        case Confirmed(evidence=evidence, in_seconds=seconds) if standing.stage is Stage.FIRST:
            first_at = now + seconds
            second = replace(standing, stage=Stage.SECOND, first_at=first_at, attempts=0, token="", said=evidence)
            return replace(second, due_at=max(first_at, standing.fenced_at + times.in_flight))
        case Confirmed(evidence=evidence, in_seconds=seconds):
            return replace(standing, stage=Stage.DONE, due_at=now + seconds, attempts=0, token="", said=evidence)
        case Later(in_seconds=seconds, token=token) if token:
            return replace(standing, due_at=now + seconds, token=token)
        case Later(in_seconds=seconds):
            tried = replace(standing, attempts=standing.attempts + 1, said=PATIENCE)  # what has begun there goes on
            return replace(tried, due_at=now + max(seconds, _pause(standing.attempts)))
        case Failed(reason=reason):
            tried = replace(standing, attempts=standing.attempts + 1, token="", said=reason)
            return replace(tried, due_at=now + _pause(standing.attempts))


def lapsed(standing: Standing, times: Times, *, now: float) -> Standing | None:
    """Over without the CDN's word, when no copy can be in use any more; None before that. What went wrong stays said."""
    is_called_for = standing.stage in {Stage.FIRST, Stage.SECOND}
    if not is_called_for or now < standing.fenced_at + times.in_flight + times.lifetime:
        return None
    return replace(standing, stage=Stage.LAPSED, due_at=now, token="")


def _pause(attempts: int) -> float:
    return min(RETRY_SECONDS_MAX, RETRY_SECONDS * 2.0 ** min(attempts, DOUBLINGS_MAX))
