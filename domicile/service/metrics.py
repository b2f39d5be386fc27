"""Metrics helpers: families whose labels are bounded, and the page that Prometheus scrapes.

Rules of the file: every metric starts with `domicile_`; a label takes values from a list fixed when the metric is made,
and any other value is counted as "other". So no name, path or address can become a label, and no client can make series.
The tier's `metrics.py` declares its metrics with these; docs/metrics.md lists every one of them (a test compares).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

LATENCY_BUCKETS_SECONDS: Final = (
    0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip

LABELS_MAX = 4
VALUES_MAX = 192
"""Values one label may take; families with more series than labels^values allow are a design error."""

OTHER: Final = "other"
_NAME = re.compile(r"domicile_[a-z][a-z0-9_]{2,80}")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9_.:/+\- ]{1,64}")

Values = Mapping[str, Iterable[str]]


def fold(value: str, allowed: Iterable[str]) -> str:
    """`value` when it is allowed, else "other"."""
    return value if value in allowed else OTHER


class Labels:
    """Names and allowed values of a family's labels."""

    __slots__ = ("_allowed", "names")

    def __init__(self, values: Values) -> None:
        if len(values) > LABELS_MAX:
            raise ValueError(f"more than {LABELS_MAX} labels")
        self._allowed = {name: frozenset(allowed) for name, allowed in values.items()}
        self.names = tuple(values)
        for name, allowed in self._allowed.items():
            if len(allowed) > VALUES_MAX:
                raise ValueError(f"label {name} may take more than {VALUES_MAX} values")
            for value in allowed:
                if not _LABEL_VALUE.fullmatch(value):
                    raise ValueError(f"label {name}: {value!r} is not a plain value")

    def bound(self, given: Mapping[str, str]) -> tuple[str, ...]:
        """Values in order, each folded. Raises KeyError when a label is missing or unknown."""
        if given.keys() != self._allowed.keys():
            raise KeyError(f"labels are {', '.join(self.names) or 'none'}")
        return tuple(fold(given[name], self._allowed[name]) for name in self.names)


class BoundedCounter:
    """A counter: `add(1, route="image", status="200")`."""

    def __init__(self, registry: CollectorRegistry, name: str, text: str, values: Values) -> None:
        self._labels = Labels(values)
        self._family = Counter(_checked(name), text, self._labels.names, registry=registry)

    def add(self, amount: float = 1, /, **labels: str) -> None:
        bound = self._labels.bound(labels)
        (self._family.labels(*bound) if bound else self._family).inc(amount)


class BoundedGauge:
    """A gauge: `set(3.5, pool="render")`."""

    def __init__(self, registry: CollectorRegistry, name: str, text: str, values: Values) -> None:
        self._labels = Labels(values)
        self._family = Gauge(_checked(name), text, self._labels.names, registry=registry)

    def set(self, value: float, /, **labels: str) -> None:
        bound = self._labels.bound(labels)
        (self._family.labels(*bound) if bound else self._family).set(value)


class BoundedHistogram:
    """A histogram: `observe(0.0123, route="image", cache="hit")`."""

    def __init__(
        self,
        registry: CollectorRegistry,
        name: str,
        text: str,
        values: Values,
        *,
        buckets: Iterable[float] = LATENCY_BUCKETS_SECONDS,
    ) -> None:
        self._labels = Labels(values)
        self._family = Histogram(_checked(name), text, self._labels.names, registry=registry, buckets=tuple(buckets))

    def observe(self, value: float, /, **labels: str) -> None:
        bound = self._labels.bound(labels)
        (self._family.labels(*bound) if bound else self._family).observe(value)


def new_registry(*, tier: str, version: str, region: str) -> CollectorRegistry:
    """A registry with the process' own numbers and `domicile_build_info`."""
    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    info = Gauge(
        "domicile_build_info", "Always 1; says what runs here.", ("tier", "version", "region"), registry=registry
    )
    info.labels(tier, version, region).set(1)
    return registry


def exposition(registry: CollectorRegistry, accept: str = "") -> tuple[bytes, str]:
    """The page for a scraper and its Content-Type, in the format that its Accept header asks for."""
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a metric's name: {name!r} (domicile_, lower case, unit last)")
    return name
