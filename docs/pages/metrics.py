"""docs/metrics.md: every metric with its labels and what it means, as a scraper sees the names."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry

from docs.pages.cells import MADE, cell
from domicile.service.metrics import new_registry
from edge.counters import totals
from edge.exporter import NODE_HELP
from edge.metrics import HELP, PREFIX, Gauge
from origin.app import ROUTE_NAMES
from origin.metrics import Metrics

METRICS_HEAD = f"""# Metrics

{MADE}

Prometheus text at `/metrics` of each tier, for private networks (`metrics_networks`). Labels take values from fixed lists, anything else counts as `other`: no request can
make a series, and no name, path or address can become a label. `process_*` are the usual ones."""


def metrics() -> str:
    """One table a tier, as a scraper sees the names."""
    common = {name for name, *_ in _registered(new_registry(tier="edge", version="", region=""))}
    ours = [row for row in _registered(Metrics(region="eu-de", routes=ROUTE_NAMES).registry) if row[0] not in common]
    build = ("domicile_build_info", "gauge", "tier, version, region", "Always 1; says what runs here (origin).")
    parts = [
        METRICS_HEAD,
        f"## The edge\n\n{_table(sorted(_edge_rows()))}",
        f"## The origin\n\n{_table(sorted([build, *ours]))}",
    ]
    return "\n\n".join(parts) + "\n"


Row = tuple[str, str, str, str]


def _registered(registry: CollectorRegistry) -> Iterator[Row]:
    for collector in list(registry._collector_to_names):  # noqa: SLF001 — families without samples are not collected
        labels = ", ".join(getattr(collector, "_labelnames", ()))
        for family in collector.describe() if hasattr(collector, "describe") else collector.collect():
            if family.name.startswith("domicile_"):
                name = f"{family.name}_total" if family.type == "counter" else family.name
                yield name, family.type, labels, family.documentation


def _edge_rows() -> Iterator[Row]:
    gauges = {str(gauge) for gauge in Gauge}
    seen: dict[str, tuple[str, ...]] = {}
    for point in totals([]):
        seen.setdefault(point.name, tuple(point.labels))
    for name, text in HELP.items():
        kind = "gauge" if name in gauges else "histogram" if name.endswith("_seconds") else "counter"
        labels = seen[name]
        yield f"{PREFIX}{name}{'_total' if kind == 'counter' else ''}", kind, ", ".join(labels), text
    for name, text in NODE_HELP.items():
        yield PREFIX + name, "counter" if name.endswith("_total") else "gauge", "", text


def _table(rows: list[Row]) -> str:
    body = "\n".join(f"| `{name}` | {kind} | {labels or '–'} | {cell(text)} |" for name, kind, labels, text in rows)
    return f"| name | type | labels | meaning |\n|---|---|---|---|\n{body}"
