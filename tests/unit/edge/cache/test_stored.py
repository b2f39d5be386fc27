from __future__ import annotations

import math

import pytest

from edge.cache.dates import format_date
from edge.cache.fields import values
from edge.cache.stored import renewed
from edge.cache.validate import updated
from tests.unit.edge.cache.heads import NOW, fields, got, stored


def test_it_is_fresh_until_its_lifetime_is_over() -> None:
    one = stored(cache_control="max-age=10", age="4")
    assert one.is_fresh(NOW)
    assert one.age(NOW + 3) == 7
    assert one.is_fresh(NOW + 5.9)
    assert not one.is_fresh(NOW + 6)
    assert not one.is_fresh(NOW - 1)


def test_an_unreadable_age_is_never_fresh() -> None:
    assert stored(cache_control="max-age=10", age="old").stale_seconds(NOW) == math.inf


def test_what_must_not_be_kept_is_not() -> None:
    one = stored(
        cache_control='max-age=9, no-cache="a", private="b"',
        a="1",
        b="2",
        c="3",
        connection="d",
        d="4",
        te="x",
        keep_alive="y",
    )
    assert [name for name, _ in one.fields] == ["Date", "Cache-Control", "C"]


def test_what_varies_by_everything_cannot_be_kept() -> None:
    with pytest.raises(ValueError):
        stored(vary="*")


def test_a_confirmation_makes_it_as_young_as_itself() -> None:
    one = stored(cache_control="max-age=10", age="9", foo="1")
    answer = got(304, NOW + 100, cache_control="max-age=20", foo="2", age="3")
    again = renewed(one, answer, updated(one.fields, answer.fields), fields(), heuristic_fraction=0.1)
    assert again is not None
    assert (again.status, again.body, again.lifetime, again.age(NOW + 101)) == (200, one.body, 20, 4)
    assert values(again.fields, "foo") == ["2"]
    assert values(again.fields, "date") == [format_date(NOW + 100)]
    assert values(again.fields, "age") == []


def test_a_confirmation_that_varies_by_everything_ends_it() -> None:
    one = stored(cache_control="max-age=10")
    answer = got(304, vary="*")
    assert renewed(one, answer, updated(one.fields, answer.fields), fields(), heuristic_fraction=0.1) is None


def test_its_cost_is_more_than_its_body() -> None:
    assert stored(body=b"x" * 5000, foo="y" * 100).cost_bytes > 5100


def test_what_selects_a_response_takes_room_as_the_response_does() -> None:
    """Viewers choose it, and it may be larger than the body."""
    small, large = (stored(fields(cookie="x" * length), vary="Cookie") for length in (1, 8001))
    assert large.cost_bytes - small.cost_bytes == 8000
