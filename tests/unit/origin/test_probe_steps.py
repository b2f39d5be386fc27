"""How often a place is asked, and when nobody waits for it any more."""

from __future__ import annotations

import pytest

from domicile.media.probe import Tally
from origin.probe_steps import RETRY_SECONDS, RETRY_SECONDS_MAX, WHY, Outcome, Standing, answered, never

CLEAN, FOUND = Tally(asked=3, absent=3), Tally(asked=1, found=1)


def test_a_clean_answer_verifies_and_nothing_else_does() -> None:
    fresh = Standing(until=100.0)
    assert not fresh.is_in_trouble
    verified = answered(fresh, CLEAN, now=5.0)
    assert (verified.outcome, verified.due_at, verified.why, verified.is_in_trouble) == (
        Outcome.VERIFIED,
        5.0,
        "",
        False,
    )
    for tally in (FOUND, Tally(asked=1, refused=1), Tally(asked=1, unreachable=1), Tally(asked=1, unjudged=1)):
        tried = answered(fresh, tally, now=5.0)
        assert (tried.outcome, tried.why) == (Outcome.PENDING, WHY[tally.verdict])
        assert tried.is_in_trouble
        assert answered(tried, CLEAN, now=6.0).outcome is Outcome.VERIFIED


def test_it_is_asked_ever_more_rarely_and_not_for_ever() -> None:
    standing, pauses, now = Standing(until=5000.0), list[float](), 0.0
    while not standing.is_settled:
        standing = answered(standing, FOUND, now=now)
        pauses.append(standing.due_at - now)
        now = max(standing.due_at, now + 1)
    assert pauses[:4] == [RETRY_SECONDS * 2**number for number in range(4)]
    assert max(pauses) == pytest.approx(RETRY_SECONDS_MAX)
    assert (standing.outcome, standing.tries) == (Outcome.FAILED, len(pauses))
    assert standing.is_in_trouble


def test_what_cannot_be_asked_is_settled_at_once() -> None:
    assert never("no", now=1.0).is_settled
    assert never("no", now=1.0).is_in_trouble
