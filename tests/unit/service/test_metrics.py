"""No client can make a series, and no name of a person can become a label."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from domicile.service.metrics import (
    BoundedCounter,
    BoundedGauge,
    BoundedHistogram,
    Labels,
    exposition,
    fold,
    new_registry,
)

STATUSES = {"status": ("200", "404")}


def page(registry: CollectorRegistry) -> str:
    return exposition(registry)[0].decode()


def test_a_value_outside_the_list_is_counted_as_other() -> None:
    registry = CollectorRegistry()
    counter = BoundedCounter(registry, "domicile_requests_total", "Requests.", STATUSES)
    counter.add(status="200")
    counter.add(2, status="jane-doe.jpg")
    assert 'domicile_requests_total{status="200"} 1.0' in page(registry)
    assert 'domicile_requests_total{status="other"} 2.0' in page(registry)
    assert "jane" not in page(registry)
    assert fold("x", ("a",)) == "other"


def test_gauges_and_histograms_are_bounded_too_and_labels_are_optional() -> None:
    registry = CollectorRegistry()
    BoundedGauge(registry, "domicile_lease_headroom_seconds", "Seconds left.", {}).set(3.5)
    histogram = BoundedHistogram(registry, "domicile_request_seconds", "Time.", STATUSES, buckets=(0.1, 1))
    histogram.observe(0.05, status="200")
    assert "domicile_lease_headroom_seconds 3.5" in page(registry)
    assert 'domicile_request_seconds_bucket{le="0.1",status="200"} 1.0' in page(registry)


@pytest.mark.parametrize("labels", [{}, {"state": "200"}, {"status": "200", "path": "/x"}])
def test_missing_or_unknown_labels_are_a_programming_error(labels: dict[str, str]) -> None:
    counter = BoundedCounter(CollectorRegistry(), "domicile_requests_total", "Requests.", STATUSES)
    with pytest.raises(KeyError):
        counter.add(**labels)


@pytest.mark.parametrize("name", ["requests_total", "domicile_Requests", "domicile_a-b", "domicile_"])
def test_a_name_outside_the_scheme_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a metric's name"):
        BoundedGauge(CollectorRegistry(), name, "x", {})


def test_too_many_labels_or_values_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 4 labels"):
        Labels(dict.fromkeys("abcde", ("x",)))
    with pytest.raises(ValueError, match="more than 192 values"):
        Labels({"a": [str(number) for number in range(193)]})
    with pytest.raises(ValueError, match="not a plain value"):
        Labels({"a": ('x"y\n',)})


def test_a_registry_says_what_runs_here_and_a_scraper_may_choose_its_format() -> None:
    registry = new_registry(tier="edge", version="0.1.0", region="eu-de")
    assert 'domicile_build_info{region="eu-de",tier="edge",version="0.1.0"} 1.0' in page(registry)
    assert "process_resident_memory_bytes" in page(registry)
    body, content_type = exposition(registry, "application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
