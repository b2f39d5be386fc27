"""How often a place is asked, and when nobody waits for it any more."""

from __future__ import annotations

import pytest

from domicile.media.probe import Tally
from origin.probe_steps import RETRY_SECONDS, RETRY_SECONDS_MAX, WHY, Outcome, Standing, answered, begun, never

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
    unclear = [Tally(asked=1, **{what: 1}) for what in ("refused", "unreachable", "unjudged", "limited")]
    for tally in (FOUND, *unclear):
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


def test_a_limit_that_lets_through_some_questions_is_met_again_soon_and_one_that_lets_through_none_more_rarely() -> (
    None
):
    standing, now, pauses = Standing(until=5000.0), 0.0, list[float]()
    for answers in (2, 1, 0, 0, 3):
        before = begun(standing)
        tally = Tally(asked=before.asked + answers + 1, absent=before.absent + answers, limited=1)
        standing = answered(standing, tally, now=now)
        pauses.append(standing.due_at - now)
        now = standing.due_at
    assert pauses == [RETRY_SECONDS, RETRY_SECONDS, 2 * RETRY_SECONDS, 4 * RETRY_SECONDS, RETRY_SECONDS]
    assert begun(standing) == Tally(asked=6, absent=6)
    assert begun(answered(standing, FOUND, now=now)) == Tally()  # it is purged, and all is asked anew
    assert begun(answered(standing, Tally(asked=8, absent=6, limited=1, unreachable=1), now=now)) == Tally()


@pytest.mark.parametrize(("said", "waited"), [(0.0, RETRY_SECONDS), (70.0, 70.0), (3600.0, RETRY_SECONDS_MAX)])
def test_a_place_that_says_when_it_takes_questions_again_is_left_alone_so_long_within_bounds(
    said: float, waited: float
) -> None:
    assert (
        answered(Standing(until=5000.0), Tally(asked=1, limited=1), now=5.0, wait_seconds=said).due_at == 5.0 + waited
    )


def test_what_cannot_be_asked_is_settled_at_once() -> None:
    assert never("no", now=1.0).is_settled
    assert never("no", now=1.0).is_in_trouble
