"""By when an erasure has to be fenced, and verified: the formula of decisions D.1, and how late each statement was.

    fenced    by max(its commit, the newest start of the origin) + L (1 + rho) + epsilon, or with the acks before that
    verified  by then + L (1 + rho) + epsilon, once the key is destroyed and the originals are deleted: every edge that may serve has
              looked for it (it is asked again EDGE_RETRY_SECONDS_MAX after it could not), or has no lease any more. One that can be
              heard and cannot hear keeps its lease as far as anybody knows, and is waited for as long as that lasts

A start that is over (a wall clock was set, a whole node was killed) says nothing more, and has its lease as far as anybody knows: it
is waited for from then on. One with a worker that hangs, or that is heard and cannot hear, keeps its lease and can say nothing of use: it is
waited for until that is over, and it was asked once more. Both are `Trouble`, and count when they begin before everything was to be over.

The commit is taken to be at the first statement, which comes a second after it at most. While nobody can answer nobody can be told, so
the end of each absence is a bound as well; an origin that starts anew waits anew, and asks edges nothing before it knows again that all
are fenced.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import origin.records.opening  # before what it is made of, which imports one another
from origin.fenced import CLOCK_DRIFT, CLOCK_MARGIN_SECONDS
from origin.probe_steps import EDGE_RETRY_SECONDS_MAX
from tests.chaos.book import Life
from tests.chaos.plan import EDGE_LENGTH

POLL_SECONDS = 0.1
"""How often a statement is asked for again."""
SCHEDULING_SECONDS_MAX = 10.0
"""What a busy machine may add: processes that wait for a processor, on both sides. It is no part of the guarantee that
nothing is served, only of when that is told."""


@dataclass(frozen=True, slots=True)
class Absence:
    """The origin, or its database, could not answer."""

    began: float
    ended: float
    is_start: bool = False
    """A new process, which waits again for everybody."""
    is_database: bool = False
    """What could not be written down is looked after within MAINTENANCE_SECONDS."""


@dataclass(frozen=True, slots=True, order=True)
class Trouble:
    """An edge is waited for."""

    began: float
    until: float


def silent_seconds(lease_seconds: float) -> float:
    """L (1 + rho) + epsilon: after so long a silence nobody serves what was committed before it."""
    return lease_seconds * (1 + CLOCK_DRIFT) + CLOCK_MARGIN_SECONDS


def fenced_by(life: Life, lease_seconds: float, absences: Iterable[Absence]) -> float:
    assert life.erasing_at is not None
    assert life.answered_at is not None
    committed, told = life.answered_at, life.answered_at
    for absence in absences:
        if absence.ended > life.erasing_at and (life.fenced_at is None or absence.began < life.fenced_at):
            told = max(told, absence.ended)
            if absence.is_start:
                committed = max(committed, absence.ended)
    return max(committed + silent_seconds(lease_seconds), told)


def known_again_by(life: Life, lease_seconds: float, absences: Iterable[Absence]) -> float:
    """That it is fenced, by the process of the origin that verifies it."""
    assert life.erasing_at is not None
    starts = [one.ended for one in absences if one.is_start and one.ended > life.erasing_at]
    before = [at for at in starts if life.verified_at is None or at < life.verified_at]
    return max(before, default=0.0) + silent_seconds(lease_seconds)


def over(at: float, lease_seconds: float) -> Trouble:
    """A start of an edge ended."""
    return Trouble(at, at + silent_seconds(lease_seconds))


def hung(began: float, ended: float) -> Trouble:
    """An edge had its lease and could not look."""
    return Trouble(began, ended + EDGE_RETRY_SECONDS_MAX)


def verified_by(
    life: Life, lease_seconds: float, absences: Sequence[Absence], troubles: Iterable[Trouble] = ()
) -> float:
    """`troubles`: in order."""
    assert life.erasing_at is not None
    until = life.verified_at
    fenced = max(fenced_by(life, lease_seconds, absences), known_again_by(life, lease_seconds, absences))
    by = fenced + silent_seconds(lease_seconds) + EDGE_LENGTH[1] * lease_seconds
    for absence in absences:
        if absence.ended > life.erasing_at and (until is None or absence.began < until):
            by = max(by, absence.ended + (origin.records.opening.MAINTENANCE_SECONDS if absence.is_database else 0.0))
    for trouble in troubles:
        if trouble.began <= by:
            by = max(by, trouble.until)
    return by


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """Of all erasures; seconds."""

    erasures: int
    fenced: float
    """Longest time from the call to the statement that says so."""
    verified: float
    fenced_late: float
    """Most of it beyond the formula; below 0: sooner, by acks."""
    verified_late: float


def worst(
    lives: Sequence[Life], lease_seconds: float, absences: Sequence[Absence], troubles: Sequence[Trouble] = ()
) -> Worst:
    """Of those that are verified. `troubles`: in order."""
    done = [
        (life.erasing_at, life.fenced_at, life.verified_at, life)
        for life in lives
        if life.erasing_at is not None and life.fenced_at is not None and life.verified_at is not None
    ]
    return Worst(
        erasures=len(done),
        fenced=max(fenced - asked for asked, fenced, _, _ in done),
        verified=max(verified - asked for asked, _, verified, _ in done),
        fenced_late=max(fenced - fenced_by(life, lease_seconds, absences) for _, fenced, _, life in done),
        verified_late=max(
            verified - verified_by(life, lease_seconds, absences, troubles) for _, _, verified, life in done
        ),
    )


def latest(
    lives: Sequence[Life], lease_seconds: float, absences: Sequence[Absence], troubles: Sequence[Trouble] = ()
) -> Life:
    """The one that was verified the longest after it had to be."""
    done = [(life.verified_at, life) for life in lives if life.fenced_at is not None and life.verified_at is not None]
    return max(done, key=lambda one: one[0] - verified_by(one[1], lease_seconds, absences, troubles))[1]
