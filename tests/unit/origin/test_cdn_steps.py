from __future__ import annotations

from dataclasses import replace

import pytest

from domicile.media.cdn_calls import Confirmed, Failed, Later
from origin.cdn_steps import (
    PATIENCE,
    RETRY_SECONDS,
    RETRY_SECONDS_MAX,
    Pace,
    Stage,
    Standing,
    Times,
    answered,
    fenced,
    lapsed,
    paced,
)

TIMES = Times(in_flight=90.0, lifetime=300.0)
FIRST = fenced(Standing(), now=1000.0)


def test_the_first_is_due_at_the_fence() -> None:
    assert (FIRST.stage, FIRST.fenced_at, FIRST.due_at) == (Stage.FIRST, 1000.0, 1000.0)


@pytest.mark.parametrize(
    ("now", "takes", "due"), [(1001.0, 0.0, 1090.0), (1080.0, 0.0, 1090.0), (1080.0, 20.0, 1100.0), (2000, 0, 2000)]
)
def test_the_second_comes_when_nothing_is_on_its_way_any_more_and_the_first_is_carried_out(
    now: float, takes: float, due: float
) -> None:
    second = answered(FIRST, Confirmed(evidence="id", in_seconds=takes), TIMES, now=now)
    assert (second.stage, second.due_at, second.said) == (Stage.SECOND, due, "id")
    assert second.first_at == now + takes


def test_it_is_done_once_the_second_is_confirmed_and_carried_out() -> None:
    second = answered(FIRST, Confirmed(evidence="1"), TIMES, now=1001.0)
    done = answered(second, Confirmed(evidence="2", in_seconds=5.0), TIMES, now=1090.0)
    assert (done.stage, done.due_at, done.said) == (Stage.DONE, 1095.0, "2")


@pytest.mark.parametrize("stage", [Stage.FIRST, Stage.SECOND])
@pytest.mark.parametrize("verdict", [Failed(reason="no"), Later(in_seconds=1.0), Later(in_seconds=1.0, token="t")])
def test_nothing_but_a_confirmation_leads_on(stage: Stage, verdict: Failed | Later) -> None:
    after = answered(replace(FIRST, stage=stage), verdict, TIMES, now=1001.0)
    assert after.stage is stage
    assert after.due_at > 1001.0


def test_it_is_tried_again_more_and_more_seldom_and_never_gives_up() -> None:
    standing, pauses = FIRST, []
    for _ in range(40):
        now = standing.due_at
        standing = answered(standing, Failed(reason="no"), TIMES, now=now)
        pauses.append(standing.due_at - now)
    assert pauses[:3] == [RETRY_SECONDS, 2 * RETRY_SECONDS, 4 * RETRY_SECONDS]
    assert pauses == sorted(pauses)
    assert pauses[-1] == RETRY_SECONDS_MAX


def test_a_cdn_is_left_in_peace_as_long_as_it_asks_for() -> None:
    assert answered(FIRST, Later(in_seconds=1800.0), TIMES, now=1000.0).due_at == 2800.0
    assert paced(Pace(), Later(in_seconds=1800.0), now=1000.0).until == 2800.0


def test_what_has_begun_there_is_still_asked_after_when_the_cdn_is_busy_and_begun_anew_when_it_knows_nothing_of_it() -> (
    None
):
    begun = answered(FIRST, Later(in_seconds=5.0, token="I1"), TIMES, now=1000.0)
    busy = answered(begun, Later(in_seconds=5.0), TIMES, now=1005.0)
    assert (begun.token, busy.token, busy.said) == ("I1", "I1", PATIENCE)
    assert answered(busy, Failed(reason="404"), TIMES, now=1010.0).token == ""


def test_an_account_that_refuses_waits_longer_each_time_until_it_answers() -> None:
    pace = Pace()
    for pause in (RETRY_SECONDS, 2 * RETRY_SECONDS):
        pace = paced(pace, Failed(reason="no"), now=0.0)
        assert pace.until == pause
    assert paced(pace, Later(in_seconds=5.0, token="t"), now=0.0) == Pace()
    assert paced(pace, Confirmed(evidence="id"), now=0.0) == Pace()


@pytest.mark.parametrize("stage", [Stage.FIRST, Stage.SECOND])
def test_it_lapses_exactly_when_the_last_copy_that_can_be_is_too_old(stage: Stage) -> None:
    standing = replace(FIRST, stage=stage, token="t")
    assert lapsed(standing, TIMES, now=1389.99) is None
    end = lapsed(replace(standing, said="it refuses"), TIMES, now=1390.0)
    assert end is not None
    assert (end.stage, end.said, end.token, end.due_at) == (Stage.LAPSED, "it refuses", "", 1390.0)


def test_what_is_not_fenced_does_not_lapse() -> None:
    assert lapsed(Standing(), TIMES, now=1e12) is None
    assert lapsed(replace(FIRST, stage=Stage.DONE), TIMES, now=1e12) is None
    assert lapsed(replace(FIRST, stage=Stage.LAPSED), TIMES, now=1e12) is None
