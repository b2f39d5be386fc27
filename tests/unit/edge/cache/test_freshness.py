from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cache.dates import format_date
from edge.cache.directives import rules_of
from edge.cache.freshness import (
    HEURISTIC_SECONDS_MAX,
    current_age,
    explicit_lifetime,
    heuristic_lifetime,
    initial_age,
)

NOW = 1_700_000_000.5


def lifetime(*fields: tuple[str, str]) -> int | None:
    return explicit_lifetime(rules_of(fields), fields, received=NOW)


def at(seconds: float) -> str:
    return format_date(NOW + seconds)


@pytest.mark.parametrize(
    "fields, seconds",
    [
        ((("Expires", at(100)), ("Date", at(0))), 100),
        ((("Expires", at(100)), ("Date", at(50))), 50),
        ((("Expires", at(100)),), 100),
        ((("Expires", at(100)), ("Date", "yesterday")), 100),
        ((("Expires", at(-100)), ("Date", at(0))), 0),
        ((("Expires", at(0)), ("Date", at(0))), 0),
        ((("Expires", "0"), ("Date", at(0))), 0),
        ((("Expires", at(100)), ("Expires", at(200))), 0),
        ((("Expires", at(100)), ("Expires", at(100)), ("Date", at(0))), 100),
        ((("Expires", at(100)), ("Cache-Control", "max-age=1")), 1),
        ((("Expires", at(100)), ("Cache-Control", "max-age=x")), 0),
        ((("Expires", at(100)), ("CDN-Cache-Control", "must-revalidate")), None),
        ((("Date", at(0)),), None),
    ],
)
def test_a_stated_lifetime(fields: tuple[tuple[str, str], ...], seconds: int | None) -> None:
    assert lifetime(*fields) == seconds


@pytest.mark.parametrize(
    "status, extra, seconds",
    [
        (200, (), 100),
        (404, (), 100),
        (201, (), 0),
        (599, (), 0),
        (599, (("Cache-Control", "public"),), 100),
        (200, (("CDN-Cache-Control", "public"),), 0),
    ],
)
def test_a_lifetime_is_guessed_for_statuses_that_allow_it(
    status: int, extra: tuple[tuple[str, str], ...], seconds: int
) -> None:
    fields = (("Last-Modified", at(-1000)), ("Date", at(0)), *extra)
    assert heuristic_lifetime(rules_of(fields), status, fields, received=NOW, fraction=0.1) == seconds


def test_a_guess_is_bounded_and_can_be_forbidden() -> None:
    fields = (("Last-Modified", at(-(10**9))),)
    assert heuristic_lifetime(rules_of(fields), 200, fields, received=NOW, fraction=0.1) == HEURISTIC_SECONDS_MAX
    assert heuristic_lifetime(rules_of(fields), 200, fields, received=NOW, fraction=0.0) == 0
    ahead = (("Last-Modified", at(1000)),)
    assert heuristic_lifetime(rules_of(ahead), 200, ahead, received=NOW, fraction=0.1) == 0


def age(*fields: tuple[str, str], delay: float = 0.0) -> float:
    return initial_age(fields, requested=NOW - delay, received=NOW)


@pytest.mark.parametrize(
    "fields, seconds",
    [
        ((), 2.0),
        ((("Age", "10"),), 12.0),
        ((("Age", "010"),), 12.0),
        ((("Age", "1"), ("Date", at(-30))), 30.0),
        ((("Age", "50"), ("Date", at(-30))), 52.0),
        ((("Date", at(30)),), 2.0),
        ((("Date", "never"),), 2.0),
    ],
)
def test_the_age_at_receipt(fields: tuple[tuple[str, str], ...], seconds: float) -> None:
    assert age(*fields, delay=2.0) == seconds


@pytest.mark.parametrize("text", ["abc", "-1", "7.0", "7200, 0", "0, 7200", "0,0", "5;a=b", "", "\u0665", "+1", "1 2"])
def test_an_age_that_cannot_be_read_is_the_greatest(text: str) -> None:
    assert age(("Age", text)) == math.inf


def test_two_ages_cannot_be_read() -> None:
    assert age(("Age", "0"), ("Age", "0")) == math.inf


@given(st.integers(0, 10**6), st.floats(0, 1e6), st.floats(0, 1e6))
def test_age_grows_with_time_and_is_unknown_when_the_clock_goes_back(stated: int, waited: float, more: float) -> None:
    start = age(("Age", str(stated)))
    assert current_age(start, received=NOW, now=NOW + waited) >= stated
    assert current_age(start, received=NOW, now=NOW + waited) <= current_age(
        start, received=NOW, now=NOW + waited + more
    )
    assert current_age(start, received=NOW, now=NOW - 1 - more) == math.inf
