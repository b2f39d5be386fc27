from __future__ import annotations

import pytest

from edge.verdict import Verdict, judge


@pytest.mark.parametrize(
    ("fresh", "age", "verdict"),
    [
        (True, 0, Verdict.HIT),
        (True, 9.9, Verdict.HIT),
        (True, 10, Verdict.STALE),
        (True, -1, Verdict.MISS),
        (False, 0, Verdict.MISS),
        (False, 11, Verdict.MISS),
    ],
)
def test_the_fence_beats_age_and_a_clock_gone_back_is_a_miss(fresh: bool, age: float, verdict: Verdict) -> None:
    assert judge(fresh=fresh, stored_at=1000.0, ttl_seconds=10, now=1000.0 + age) is verdict
