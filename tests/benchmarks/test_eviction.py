"""The simulated hit ratios come from the real core, the same at each run, and in the order that the design counts on."""

from __future__ import annotations

import pytest

from benchmarks import eviction

SCALE = 0.03


@pytest.fixture(scope="module")
def rows() -> dict[tuple[str, str, str], dict[str, float]]:
    return {(row["trace"], row["capacity"], row["policy"]): row for row in eviction.measure(scale=SCALE)}


STEADY = [trace.name for trace in eviction.TRACES if not trace.drifts]


@pytest.mark.parametrize("trace", STEADY)
@pytest.mark.parametrize("capacity", ["1%", "10%"])
def test_what_is_asked_for_again_stays_better_than_by_age_or_by_recency(
    rows: dict[tuple[str, str, str], dict[str, float]], trace: str, capacity: str
) -> None:
    def of(policy: str, what: str = "hit_percent") -> float:
        return rows[trace, capacity, policy][what]

    assert of("S3-FIFO (RAM)") > of("LRU") > of("FIFO") > 0
    waiting = "S3-FIFO, strangers wait (disk)"
    assert of(waiting) > of("LRU")
    assert of(waiting, "written_percent") < of("S3-FIFO (RAM)", "written_percent") / 3


def test_a_trace_is_the_same_each_time() -> None:
    trace = eviction.TRACES[2]
    one, other = (list(eviction.asked(trace, requests=500, objects=50)) for _ in range(2))
    assert one == other
    assert 100 < len({name for name, _ in one}) < 300
