"""What the agent exports: every number once, and no more often than once a second."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from edge.counters import Counters
from edge.exporter import NODE_HELP, SCRAPE_SECONDS, NodeCollector, Scrape
from edge.metrics import HELP, PREFIX, Cache, Count, Gauge, Route
from edge.page import SharedPage


def scraped(page: SharedPage) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    registry = CollectorRegistry()
    registry.register(NodeCollector(page, lambda: dict.fromkeys(NODE_HELP, 7.0)))
    text = generate_latest(registry).decode()
    return {
        (sample.name.removeprefix(PREFIX), tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def page(tmp_path: Path) -> SharedPage:
    return SharedPage.create(tmp_path / "page", workers=2)


def test_every_count_of_every_worker_is_added_up(page: SharedPage) -> None:
    for slot in page.slots[:2]:
        counters = Counters(slot.counters)
        for at, count in enumerate(Count, 1):
            counters.add(count, at)
    found = scraped(page)
    for at, count in enumerate(Count, 1):
        name, _, label = count.partition("|")
        key, _, text = label.partition("=")
        assert found[f"{name}_total", ((key, text),) if key else ()] == 2 * at


def test_gauges_and_the_agents_own_numbers_are_there(page: SharedPage) -> None:
    counters = Counters(page.slots[0].counters)
    for at, gauge in enumerate(Gauge, 1):
        counters.set(gauge, at)
    found = scraped(page)
    assert [found[str(gauge), ()] for gauge in Gauge] == list(range(1, len(Gauge) + 1))
    assert all(found[name, ()] == 7.0 for name in NODE_HELP)


def test_latencies_are_cumulative_buckets_with_their_sum(page: SharedPage) -> None:
    meter = Counters(page.slots[0].counters).meter(Route.DELIVERY, Cache.MEMORY)
    for seconds in (0.00005, 0.002, 99.0):
        meter.count(200, seconds, 10)
    found = scraped(page)
    labels = (("cache", "memory"), ("route", "delivery"))

    def bucket(bound: str) -> float:
        return found["request_seconds_bucket", tuple(sorted((*labels, ("le", bound))))]

    assert [bucket(bound) for bound in ("0.0001", "0.001", "0.0025", "10", "+Inf")] == [1, 1, 2, 2, 3]
    assert found["request_seconds_sum", labels] == pytest.approx(99.00205)
    assert found["request_seconds_count", labels] == 3
    assert found["sent_bytes_total", labels] == 30


def test_every_series_has_its_help(page: SharedPage) -> None:
    names = {str(count).partition("|")[0] for count in Count} | {str(gauge) for gauge in Gauge}
    assert names <= set(HELP)


def test_however_many_ask_the_text_is_made_once_a_second() -> None:
    now, made = [100.0], []

    def generate() -> bytes:
        made.append(now[0])
        return str(now[0]).encode()

    scrape = Scrape(generate, clock=lambda: now[0])
    assert {scrape.text() for _ in range(1000)} == {b"100.0"}
    now[0] += SCRAPE_SECONDS * 0.9
    assert scrape.text() == b"100.0"
    now[0] = 100.0 + SCRAPE_SECONDS
    assert (scrape.text(), made) == (b"101.0", [100.0, 101.0])
