"""Token buckets by cloud."""

from __future__ import annotations

import pytest

from edge import rates
from edge.rates import Rates, TokenBucket


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(per_second=2.0, burst=3, now=10.0)
    assert [bucket.take(10.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(10.5), bucket.take(10.5)] == [True, False]
    assert [bucket.take(99.0) for _ in range(4)] == [True, True, True, False]


def test_another_rate_gives_nothing_by_itself() -> None:
    bucket = TokenBucket(per_second=0.0, burst=3, now=0.0)
    assert bucket.take(0.0)
    bucket.allow(per_second=1.0, burst=1)
    assert [bucket.take(0.0), bucket.take(0.0), bucket.take(1.0)] == [True, False, True]
    bucket.allow(per_second=1.0, burst=5)
    assert not bucket.take(1.0)


def test_a_share_of_less_than_one_request_is_one() -> None:
    assert TokenBucket(per_second=1.0, burst=0.25, now=0.0).take(0.0)


def test_a_cloud_that_is_asked_too_often_takes_nothing_from_another() -> None:
    by_cloud = Rates(per_second=1.0, burst=1)
    assert [by_cloud.take("a", 0.0), by_cloud.take("a", 0.0), by_cloud.take("b", 0.0)] == [True, False, True]
    assert by_cloud.take("a", 1.0)


def test_without_a_rate_nothing_is_counted() -> None:
    by_cloud = Rates(per_second=0.0, burst=1)
    assert all(by_cloud.take("a", 0.0) for _ in range(10))
    assert len(by_cloud) == 0


def test_only_so_many_clouds_are_kept_and_the_busy_ones_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "CLOUDS_MAX", 2)
    by_cloud = Rates(per_second=0.001, burst=1)
    assert [by_cloud.take(cloud, 0.0) for cloud in ("a", "b", "a", "c", "a")] == [True, True, False, True, False]
    assert len(by_cloud) == 2
