"""The node's numbers in Prometheus' text form, made by the agent at each scrape from the shared page and its own state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from edge.counters import Point, totals
from edge.metrics import BOUNDS_SECONDS, HELP, PREFIX, Gauge
from edge.page import SharedPage

SCRAPE_SECONDS = 1.0
"""How long one answer is good for: viewers may ask as often as they like, and the agent has better things to do."""

_GAUGES = frozenset(str(gauge) for gauge in Gauge)
_BOUNDS = (*(f"{bound:g}" for bound in BOUNDS_SECONDS), "+Inf")

NODE_HELP = {
    "lease_headroom_seconds": "Seconds until this node must stop serving unless its lease is renewed.",
    "journal_lag_entries": "Entries that the last lease named and this node has not applied, all tenants.",
    "workers_alive": "Workers that run and have joined.",
    "workers_configured": "Workers that should run.",
    "tenants_served": "Tenants that this node may serve.",
    "tenants_refused": "Tenants that the origin refuses here, or whose journal this node refuses.",
    "keyring_keys": "Keys of cached objects in the agent's memory.",
    "registered_objects": "Rows of the register of cached objects.",
    "journal_reserve_bytes": "Disk kept for the journal; 0 while it is given up because the disk is full.",
    "events_applied": "Number of the last event that workers were told of.",
    "erasures_in_memory": "Erasures since the oldest worker process began: freed memory of workers may still hold what was erased.",
    "workers_killed_total": "Workers killed because they did not take an event in time.",
    "lease_renewals_total": "Leases granted.",
    "journal_acks_total": "Acks that the origin took.",
    "begun_anew_total": "Times that this node gave its lease up and began anew, because its machine may have been copied or put back.",
    "agent_origin_failures_total": "Lease, journal and ack calls that failed, or could not be written down.",
    "reports_lost_total": "Renditions that could not be reported.",
}
"""The agent's own numbers: names ending in _total count, the others are gauges."""


class Scrape:
    """The text of a scrape, made at most once in SCRAPE_SECONDS however many ask."""

    def __init__(self, generate: Callable[[], bytes], *, clock: Callable[[], float]) -> None:
        """`clock`: seconds that do not go back."""
        self._generate = generate
        self._clock = clock
        self._text = b""
        self._good_until = float("-inf")

    def text(self) -> bytes:
        now = self._clock()
        if now >= self._good_until:
            self._text = self._generate()
            self._good_until = now + SCRAPE_SECONDS
        return self._text


class NodeCollector(Collector):
    """Collects from the page, and asks `own` for the agent's numbers (keys of NODE_HELP)."""

    def __init__(self, page: SharedPage, own: Callable[[], dict[str, float]]) -> None:
        self._page = page
        self._own = own

    def collect(self) -> Iterator[Metric]:
        yield from _families(totals(slot.counters for slot in self._page.slots[: self._page.workers]))
        own = self._own()
        for name, text in NODE_HELP.items():
            if name.endswith("_total"):
                yield CounterMetricFamily(PREFIX + name.removesuffix("_total"), text, value=own[name])
            else:
                yield GaugeMetricFamily(PREFIX + name, text, value=own[name])

    def describe(self) -> Iterator[Metric]:
        """Nothing: names are known without collecting."""
        return iter(())


def _families(points: Iterable[Point]) -> Iterator[Metric]:
    grouped: dict[str, list[Point]] = {}
    for point in points:
        grouped.setdefault(point.name, []).append(point)
    for name, series in grouped.items():
        yield _family(name, series)


def _family(name: str, series: list[Point]) -> Metric:
    labels = tuple(series[0].labels)
    full, text = PREFIX + name, HELP[name]
    if series[0].buckets:
        histogram = HistogramMetricFamily(full, text, labels=labels)
        for point in series:
            histogram.add_metric(tuple(point.labels.values()), _cumulative(point.buckets), point.value)
        return histogram
    family = (GaugeMetricFamily if name in _GAUGES else CounterMetricFamily)(full, text, labels=labels)
    for point in series:
        family.add_metric(tuple(point.labels.values()), point.value)
    return family


def _cumulative(buckets: tuple[int, ...]) -> list[tuple[str, float]]:
    total, out = 0, []
    for bound, count in zip(_BOUNDS, buckets, strict=True):
        total += count
        out.append((bound, float(total)))
    return out
