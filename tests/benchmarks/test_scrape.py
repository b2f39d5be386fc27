"""What was added between two scrapes, and what they cannot say."""

from __future__ import annotations

import pytest

from benchmarks.scrape import Scrape

BEFORE = """# TYPE hits_total counter
hits_total{cache="memory",status="2xx"} 5
hits_total{cache="memory",status="5xx"} 1
hits_total{cache="disk",status="2xx"} 7
# TYPE kills_total counter
# TYPE took_seconds histogram
took_seconds_bucket{cache="memory",le="0.1"} 1
took_seconds_bucket{cache="memory",le="1"} 1
took_seconds_bucket{cache="memory",le="+Inf"} 1
took_seconds_sum{cache="memory"} 0.05
took_seconds_count{cache="memory"} 1
"""
AFTER = """# TYPE hits_total counter
hits_total{cache="memory",status="2xx"} 105
hits_total{cache="memory",status="5xx"} 1
hits_total{cache="disk",status="2xx"} 8
# TYPE kills_total counter
kills_total{reason="memory"} 2
# TYPE took_seconds histogram
took_seconds_bucket{cache="memory",le="0.1"} 99
took_seconds_bucket{cache="memory",le="1"} 101
took_seconds_bucket{cache="memory",le="+Inf"} 101
took_seconds_sum{cache="memory"} 5.05
took_seconds_count{cache="memory"} 101
"""


@pytest.fixture
def grown() -> Scrape:
    return Scrape.read(AFTER).since(Scrape.read(BEFORE))


def test_only_what_was_added_counts_by_the_labels_that_are_asked_for(grown: Scrape) -> None:
    assert grown.total("hits_total", cache="memory", status="2xx") == 100
    assert grown.total("hits_total", cache="memory") == 100
    assert grown.total("hits_total") == 101


def test_a_sample_that_was_not_there_before_began_at_nothing(grown: Scrape) -> None:
    assert grown.total("kills_total") == 2


def test_a_counter_without_events_is_zero_and_a_misspelt_one_is_a_mistake() -> None:
    assert Scrape.read(BEFORE).total("kills_total") == 0
    with pytest.raises(LookupError, match="kisses_total"):
        Scrape.read(BEFORE).total("kisses_total")


def test_a_quantile_is_the_bound_of_its_bucket_and_the_mean_is_exact(grown: Scrape) -> None:
    assert grown.quantile("took_seconds", 0.5, cache="memory") == 0.1
    assert grown.quantile("took_seconds", 0.99, cache="memory") == 1.0
    assert grown.mean("took_seconds", cache="memory") == pytest.approx(0.05)
