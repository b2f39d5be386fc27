"""Where in the shared page a worker counts, in integers: workers add, the agent exports. One add is a few hundred nanoseconds.

Each worker has COUNTERS_MAX integers in the page; this file says which is which. Latencies are histograms in seconds.
Counters of a slot go on when its worker is replaced, so they never fall while the node is up; gauges start at 0.
Source: decisions J (prometheus_client costs 1.0 to 2.4 microseconds a hit).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from edge.metrics import BOUNDS_SECONDS, FORMATS, RESULTS, STATUS_CLASSES, Cache, Count, Gauge, Route
from edge.page import COUNTERS_MAX

MICROSECONDS = 1_000_000

_PAIRS: tuple[tuple[Route, Cache], ...] = (
    *((Route.DELIVERY, cache) for cache in Cache),
    *((route, Cache.NONE) for route in Route if route is not Route.DELIVERY),
)
_PAIR_AT = {pair: at for at, pair in enumerate(_PAIRS)}
_BUCKETS = len(BOUNDS_SECONDS) + 1

_REQUESTS = 0
_BYTES = _REQUESTS + len(_PAIRS) * len(STATUS_CLASSES)
_SECONDS = _BYTES + len(_PAIRS)
_COUNTS = _SECONDS + len(_PAIRS) * (_BUCKETS + 1)
_TRANSFORMS = _COUNTS + len(Count)
_TRANSFORM_SECONDS = _TRANSFORMS + len(FORMATS) * len(RESULTS)
_WAIT_SECONDS = _TRANSFORM_SECONDS + len(FORMATS) * (_BUCKETS + 1)
_GAUGES = _WAIT_SECONDS + _BUCKETS + 1
WORDS = _GAUGES + len(Gauge)
"""Integers in use; a test holds it below COUNTERS_MAX."""

_COUNT_AT = {count: _COUNTS + at for at, count in enumerate(Count)}
_GAUGE_AT = {gauge: _GAUGES + at for at, gauge in enumerate(Gauge)}
_FORMAT_AT = {name: at for at, name in enumerate(FORMATS)}
_RESULT_AT = {name: at for at, name in enumerate(RESULTS)}

if WORDS > COUNTERS_MAX:  # pragma: no cover - a programming error
    raise AssertionError("the page has no room for so many counters")


class Meter:
    """Counts the responses of one route and cache tier of one worker."""

    __slots__ = ("_bytes", "_requests", "_seconds", "_words")

    def __init__(self, words: memoryview, pair: int) -> None:
        self._words = words
        self._requests = _REQUESTS + pair * len(STATUS_CLASSES) - 2
        self._bytes = _BYTES + pair
        self._seconds = _SECONDS + pair * (_BUCKETS + 1)

    def count(self, status: int, seconds: float, body_bytes: int) -> None:
        words = self._words
        words[self._requests + (status // 100 if 200 <= status < 600 else 5)] += 1
        words[self._bytes] += body_bytes
        _observe(words, self._seconds, seconds)

    def count_quick(self, successes: int, redirections: int, *, seconds: float, body_bytes: int) -> None:
        """Several responses of 2xx and 3xx, each within QUICK_SECONDS; `seconds` of them all."""
        words = self._words
        words[self._requests + 2] += successes
        words[self._requests + 3] += redirections
        words[self._bytes] += body_bytes
        words[self._seconds] += successes + redirections
        words[self._seconds + _BUCKETS] += int(seconds * MICROSECONDS)


class Counters:
    """One worker's counters. `words` is its slot's view of the shared page."""

    __slots__ = ("_words",)

    def __init__(self, words: memoryview) -> None:
        self._words = words
        for at in range(_GAUGES, WORDS):
            words[at] = 0

    def meter(self, route: Route, cache: Cache = Cache.NONE) -> Meter:
        """What counts responses of one route and tier; take it once, the hot path then looks nothing up.

        Every route but DELIVERY counts under Cache.NONE.
        """
        return Meter(self._words, _PAIR_AT[route, cache if route is Route.DELIVERY else Cache.NONE])

    def request(self, route: Route, cache: Cache, status: int, seconds: float, body_bytes: int) -> None:
        """One response, off the hot path."""
        self.meter(route, cache).count(status, seconds, body_bytes)

    def add(self, count: Count, by: int = 1) -> None:
        self._words[_COUNT_AT[count]] += by

    def set(self, gauge: Gauge, value: int) -> None:
        """A gauge's present value, 0 or more."""
        self._words[_GAUGE_AT[gauge]] = value

    def transform(self, format_name: str, result: str, seconds: float) -> None:
        """One transform. Unknown formats count as "other"; `result` is one of RESULTS."""
        at = _FORMAT_AT.get(format_name, _FORMAT_AT["other"])
        self._words[_TRANSFORMS + at * len(RESULTS) + _RESULT_AT[result]] += 1
        _observe(self._words, _TRANSFORM_SECONDS + at * (_BUCKETS + 1), seconds)

    def wait(self, seconds: float) -> None:
        """What one transform waited."""
        _observe(self._words, _WAIT_SECONDS, seconds)


def _observe(words: memoryview, at: int, seconds: float) -> None:
    words[at + bisect_left(BOUNDS_SECONDS, seconds)] += 1
    if seconds > 0:
        words[at + _BUCKETS] += int(seconds * MICROSECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One sample: `buckets` for histograms (not cumulative, the last is +Inf), else `value`."""

    name: str
    labels: Mapping[str, str]
    value: float = 0.0
    buckets: tuple[int, ...] = ()


def totals(slots: Iterable[memoryview]) -> Iterator[Point]:
    """Sums over all workers, one point a series; order and set are always the same."""
    views = [view[:WORDS].tolist() for view in slots]
    sums = [sum(column) for column in zip(*views, strict=True)] if views else [0] * WORDS
    for pair, at in _PAIR_AT.items():
        labels = {"route": str(pair[0]), "cache": str(pair[1])}
        for offset, status in enumerate(STATUS_CLASSES):
            yield Point(name="requests", labels={**labels, "status": status}, value=sums[_REQUESTS + at * 4 + offset])
        yield Point(name="sent_bytes", labels=labels, value=sums[_BYTES + at])
        yield _histogram("request_seconds", labels, sums, _SECONDS + at * (_BUCKETS + 1))
    for count, at in _COUNT_AT.items():
        name, _, label = count.partition("|")
        key, _, text = label.partition("=")
        yield Point(name=name, labels={key: text} if key else {}, value=sums[at])
    for format_name, at in _FORMAT_AT.items():
        for result, offset in _RESULT_AT.items():
            value = sums[_TRANSFORMS + at * len(RESULTS) + offset]
            yield Point(name="transforms", labels={"format": format_name, "result": result}, value=value)
        yield _histogram("transform_seconds", {"format": format_name}, sums, _TRANSFORM_SECONDS + at * (_BUCKETS + 1))
    yield _histogram("transform_wait_seconds", {}, sums, _WAIT_SECONDS)
    for gauge, at in _GAUGE_AT.items():
        yield Point(name=str(gauge), labels={}, value=sums[at])


def _histogram(name: str, labels: Mapping[str, str], sums: list[int], at: int) -> Point:
    return Point(
        name=name,
        labels=labels,
        value=sums[at + _BUCKETS] / MICROSECONDS,
        buckets=tuple(sums[at : at + _BUCKETS]),
    )
