"""Write docs/settings.md, docs/metrics.md, docs/errors.md, docs/policy.md and docs/openapi.json from the code: `make docs`. A test compares them.

python docs/generate.py            write
python docs/generate.py --check    say which are out of date, exit 1
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, get_args

from prometheus_client import CollectorRegistry

import edge.errors
import origin.errors
from domicile.cli.options import SAME_AS, ServeSettings
from domicile.media.errors import MediaError
from domicile.media.policy import Activity, Preset
from domicile.media.policy_file import from_mapping
from domicile.service.metrics import new_registry
from domicile.service.settings import GIB, KIB, MIB, Known, Secret, known_settings
from edge.counters import totals as edge_points
from edge.exporter import NODE_HELP
from edge.metrics import HELP, PREFIX, Gauge
from edge.settings import EdgeSettings
from origin.api.openapi import describe
from origin.app import ROUTE_NAMES, ROUTES, UPLOAD_ROUTES
from origin.fenced import CLOCK_DRIFT, CLOCK_MARGIN_SECONDS
from origin.metrics import Metrics
from origin.settings import OriginSettings

DOCS = Path(__file__).resolve().parent
MADE = "Made by `make docs` from the code; a test compares. Do not edit."

SETTINGS_HEAD = f"""# Settings

{MADE}

A setting has a dotted name. In a TOML file (`--config FILE`) the dots are tables; as an environment variable it is in capitals
with underscores and the prefix `DOMICILE_`: `edge.cache.ram_bytes_max` is `DOMICILE_EDGE_CACHE_RAM_BYTES_MAX`. The command line
beats the environment, which beats the file. A value that is not allowed ends the process with exit code 2 and names the setting,
the value and what is allowed.

With `domicile serve`, these may only be set through the first name:

{{both}}

What a tenant allows, and how long copies may live, is not a setting but a [policy](policy.md): `DATA/policies/CLOUD.toml`, written with
the strictest values and comments when the cloud is created."""

METRICS_HEAD = f"""# Metrics

{MADE}

Prometheus text at `/metrics` of each tier, for private networks (`metrics_networks`). Labels take values from fixed lists, anything else counts as `other`: no request can
make a series, and no name, path or address can become a label. `process_*` are the usual ones."""

ERRORS_HEAD = f"""# Errors

{MADE}

What can go wrong, in the domain's words (`domicile/media/errors.py`), and the status that each door gives it. Delivery answers
with an empty body and the reason in `X-Cld-Error`; the Upload and Admin API with `{{{{"error": {{{{"message": "…"}}}}}}}}`; the
wire between the tiers with a code. Delivery errors are never cached. Statuses of the Upload API are those that the official SDKs'
uploaders accept. Signed purges have a door of their own: before the signature is proved every refusal is the same 401.

| error | delivery | upload API | admin API | wire | meaning |
|---|---|---|---|---|---|
""".replace("{{", "{").replace("}}", "}")

POLICY_HEAD = f"""# Policy of a cloud

{MADE}

One TOML file a cloud, `DATA/policies/CLOUD.toml`, written with the strictest values when the cloud is created. It is the tenant's own
reading of the law, and Domicile holds to it; it is not legal advice. What is left out takes the value of the interpretation. After a
change: restart the origin, or send it SIGHUP. A key that is not in this table is refused."""

HOME = "eu-de"
"""The region in which the defaults of docs/policy.md are shown."""
POLICY_KEYS = {
    "tenant": "The cloud's name; it must be that of the file.",
    "version": "A number of yours, for your own records. It travels with every permit.",
    "interpretation": "Where the rest begins: `strict-eu` keeps everything in the origin's own region, `eu` in the European Economic "
    "Area, `global` anywhere.",
    "zones": "A table of activities, each with the zones in which it may happen: a region (`eu-de`), a country (`de`), `eu`, `eea` or "
    "`world`. An activity that is left out takes the interpretation's zones; an empty list allows it nowhere.",
    "lifetimes.browser_seconds_max": "B, below. Above 60 only with `declared_non_personal`.",
    "lifetimes.shared_seconds_max": "C, below.",
    "lifetimes.edge_seconds_max": "How long an edge may serve a copy without reading it again; purges do not wait for it.",
    "lease_seconds": "L, below: 1 to 3600.",
    "erased_status": "What a URL of an erased asset answers: 404 like any name that never was, or 410.",
    "quotas": "A table of what this cloud may take at most; what is left out has no limit of its own: `assets_max`, `bytes_max` (of originals), "
    "`uploads_in_flight_max`, `renders_per_day_max` (that API calls ask for), `calls_per_hour_max` ([more](tenants.md)).",
    "timing_allow_origin": "Origins whose pages may read Server-Timing.",
    "declared_non_personal": "You declare that this cloud holds no personal data: longer lifetimes outside, no `must-revalidate`.",
    "originals": "Delivery without a transformation: `stripped` of EXIF, GPS and other metadata, or `as-is`.",
    "strict_transformations": "Without a signature, URLs get originals and transformations that are `allowed_for_strict`, named or spelled out; all "
    "else is 401.",
    "metadata": "What `fl_keep_iptc` and `fl_keep_attribution` may keep in renditions: `none`, `attribution` (creator, credit and "
    "copyright) or `iptc` (headline, description and keywords as well). Never places, times, or addresses.",
    "pdf": "Are PDFs taken in as images, and their pages shown? `refuse` or `accept`.",
    "redaction": "A table, docs/redaction.md: what every viewer gets, whatever the URL says.",
    "redaction.faces": "`pixelate` or `blur` all faces before anything else is done to a picture. The table needs it.",
    "redaction.folders": "Where, cut at a slash; empty is all of the cloud, and is then left out.",
    "redaction.except_signed": "URLs with a valid signature show the picture as it is.",
    "remote": "A table, docs/remote.md: pictures from elsewhere. Without hosts, or with `zones.ingress_fetch` empty, none"
    " are fetched.",
    "remote.hosts": "Hosts that may be fetched from: `images.example.org`, `*.example.net` for every name below it, with a"
    " port where it is not the usual one.",
    "remote.delivery": "URLs of type `fetch` and layers `l_fetch`: `off`, `signed`, or `open` to everybody.",
    "remote.refresh_seconds": "A fetched picture that is older is asked for again when it is wanted next: 10 and more.",
    "notifications": "A table, docs/webhooks.md: who is told of changes. Without hosts, or with `zones.egress_webhook` empty,"
    " nobody is.",
    "notifications.hosts": "Hosts that a `notification_url` may name, written like `remote.hosts`.",
    "notifications.digest": "Hash of `X-Cld-Signature`: `sha1` or `sha256`, as `signature_algorithm` of your SDKs.",
    "backups": "A table, docs/backups.md: versions that are kept when they are deleted or replaced. Needs `zones.backup` where the"
    " originals are.",
    "backups.days": "How long they can be restored: at most `origin.records.backup_days_max`; 0: not at all.",
    "backups.always": "Every upload counts as one with `backup=true`.",
    "erasures": "A table, docs/erasures.md: what an erasure waits for.",
    "erasures.approval_above": "An erasure waits until a second API key has approved it when it is of more assets than this, together with those whose"
    " erasure nobody had to approve within `erasures.approval_window_seconds`; 0: none does.",
    "erasures.approval_window_seconds": "How long what a cloud has erased without an approval counts: up to 7_776_000; 0: each call is counted by itself.",
    "erasures.held_restricted": "What a legal hold keeps from being erased is restricted meanwhile.",
}
ZONES = {
    Activity.STORE: "Originals are kept.",
    Activity.TRANSFORM: "Originals are decoded and renditions made; only here their keys are released.",
    Activity.CACHE: "Sealed copies are kept by edges.",
    Activity.DELIVER: "Edges answer viewers. Where the viewers are, nobody asks.",
    Activity.BACKUP: "Deleted and replaced versions are kept for a while, to be restored.",
    Activity.METADATA: "Names are looked up.",
    Activity.LOGS: "Logs are kept (they hold keyed hashes only).",
    Activity.METRICS: "Metrics are collected.",
    Activity.KEYS: "Keys are kept.",
    Activity.INGRESS_FETCH: "Originals are fetched from elsewhere, by the origin (docs/remote.md).",
    Activity.EGRESS_WEBHOOK: "Notifications are sent elsewhere, by the origin (docs/webhooks.md).",
}

BOUNDS_HEAD = """## How long a copy can last

Five values bound it, and they stand in one table so that their sum can be seen.

| | what it is | where it is set | default |
|---|---|---|---|"""

BOUNDS = """
From the moment an erase or a purge is answered, until no copy that Domicile knows how to bound is served any more:

- **edges that answer**: when the call is answered `fenced`, at once. Bytes already handed to a viewer's connection: cut off when they can
  be, and after D at the latest.
- **an edge that is cut off**: {fence}. Then it serves nothing until it has caught up.
- **browsers**: B after that. **Shared caches** (a CDN that is not purged): C after that, for each in a row.
- **a CDN that is purged when the entry is fenced**: a request that it sent before may still come back for D + T, so the last purge
  goes out at fenced + D + T.

With the defaults of `strict-eu` and an edge cut off: {total}, and twice C with two CDNs in a row. A copy that somebody saved is not
bounded by anything."""

SECTIONS: tuple[tuple[str, str, type[Any]], ...] = (
    ("serve", "`domicile serve`: what it decides for both tiers", ServeSettings),
    ("edge", "The edge", EdgeSettings),
    ("origin", "The origin", OriginSettings),
)


# --- settings ---------------------------------------------------------------------------------------------------------


def settings() -> str:
    """One table a section."""
    both = "\n".join(f"- `{ours}` sets {', '.join(f'`{name}`' for name in theirs)}" for ours, theirs in SAME_AS.items())
    parts = [SETTINGS_HEAD.format(both=both)]
    for prefix, title, cls in SECTIONS:
        rows = "\n".join(_setting_row(known) for known in known_settings(cls, prefix))
        parts.append(f"## {title}\n\n| setting | default | allowed | meaning |\n|---|---|---|---|\n{rows}")
    return "\n\n".join(parts) + "\n"


def _setting_row(known: Known) -> str:
    return f"| `{known.name}` | {_value(known.default, in_bytes='bytes' in known.name)} | {_allowed(known)} | {_cell(known.rule.doc)} |"


def _value(value: Any, *, in_bytes: bool) -> str:
    match value:
        case None | "" | ():
            return "empty"
        case bool():
            return f"`{str(value).lower()}`"
        case Secret():
            return "`***`"
        case int() | float():
            return _number(value, in_bytes=in_bytes)
        case tuple():
            return f"`{', '.join(map(str, value))}`"
        case _:
            return f"`{value}`"


def _number(value: float, *, in_bytes: bool) -> str:
    whole = int(value)
    if whole != value:
        return f"{value:g}"
    for unit, size in (("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if in_bytes and whole >= size and whole % size == 0:
            return f"{whole // size} {unit}"
    return f"{whole:_}"


def _allowed(known: Known) -> str:
    rule, in_bytes = known.rule, "bytes" in known.name
    if rule.choices:
        return ", ".join(f"`{choice}`" for choice in rule.choices)
    if rule.like:
        return _cell(rule.like)
    names = {
        int: "whole number",
        float: "number",
        bool: "true, false",
        Path: "path",
        str: "text",
        Secret: "text, never shown",
    }
    kinds = [
        kind for kind in (get_args(known.type) or (known.type,)) if kind is not type(None) and kind is not Ellipsis
    ]
    text = "texts" if getattr(known.type, "__origin__", None) is tuple else names.get(kinds[0], kinds[0].__name__)
    bounds = [f"≥ {_number(rule.at_least, in_bytes=in_bytes)}"] if rule.at_least is not None else []
    bounds += [f"≤ {_number(rule.at_most, in_bytes=in_bytes)}"] if rule.at_most is not None else []
    return ", ".join([text, *bounds])


# --- metrics ----------------------------------------------------------------------------------------------------------


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
    for point in edge_points([]):
        seen.setdefault(point.name, tuple(point.labels))
    for name, text in HELP.items():
        kind = "gauge" if name in gauges else "histogram" if name.endswith("_seconds") else "counter"
        labels = seen[name]
        yield f"{PREFIX}{name}{'_total' if kind == 'counter' else ''}", kind, ", ".join(labels), text
    for name, text in NODE_HELP.items():
        yield PREFIX + name, "counter" if name.endswith("_total") else "gauge", "", text


def _table(rows: list[Row]) -> str:
    body = "\n".join(f"| `{name}` | {kind} | {labels or '–'} | {_cell(text)} |" for name, kind, labels, text in rows)
    return f"| name | type | labels | meaning |\n|---|---|---|---|\n{body}"


# --- errors -----------------------------------------------------------------------------------------------------------


def errors() -> str:
    """Every kind of MediaError and what each door makes of it."""
    rows = []
    for kind in _kinds(MediaError):
        at = origin.errors.STATUS[kind]
        text = _cell(inspect.getdoc(kind) or "")
        rows.append(
            f"| `{kind.__name__}` | {edge.errors.STATUS[kind]} | {at.upload} | {at.admin} | {at.wire} | {text} |"
        )
    return ERRORS_HEAD + "\n".join(rows) + "\n"


def _kinds(base: type[MediaError]) -> Iterator[type[MediaError]]:
    for kind in base.__subclasses__():
        if kind.__module__ == MediaError.__module__:
            yield kind
            yield from _kinds(kind)


# --- policy -----------------------------------------------------------------------------------------------------------


def policy() -> str:
    """Every key with its default by interpretation, and what the times add up to. Raises for a key without a meaning."""
    presets = [_flat(_default(preset)) for preset in Preset]
    missing = {key for key in presets[0] if key.partition(".")[0] not in POLICY_KEYS and key not in POLICY_KEYS}
    if missing or set(ZONES) != set(Activity):
        raise LookupError(f"no meaning for {sorted(missing) or set(Activity) ^ set(ZONES)}")
    heads = " | ".join(f"`{preset}`" for preset in Preset)
    keys = [f"| `{key}` | {_defaults(presets, key)} | {_cell(text)} |" for key, text in POLICY_KEYS.items()]
    zones = [
        f"| `zones.{activity}` | {_defaults(presets, f'zones.{activity}')} | {text} |"
        for activity, text in ZONES.items()
    ]
    table = f"| key | {heads} | meaning |\n|---|{'---|' * len(presets)}---|\n"
    return "\n\n".join([POLICY_HEAD, table + "\n".join(keys), table + "\n".join(zones), _bounds()]) + "\n"


def _default(preset: Preset) -> Mapping[str, Any]:
    its = from_mapping({"tenant": "CLOUD", "interpretation": str(preset)}, home=HOME)
    left_out = {"strict_transformations": its.strict_transformations}
    return (
        its.to_mapping()
        | left_out
        | {
            "redaction": {"folders": [], **its.redaction.to_mapping()},
            "zones": {str(activity): list(zones) for activity, zones in its.zones.items()},
            "remote": its.remote.to_mapping(),
            "notifications": its.notifications.to_mapping(),
            "quotas": "none",
            "backups": its.backups.to_mapping(),
            "erasures": its.erasures.to_mapping(),
        }
    )


def _flat(mapping: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in mapping.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{key}.")
        else:
            found[f"{before}{key}"] = value
    return found


def _defaults(presets: list[dict[str, Any]], key: str) -> str:
    """One cell each; a table of keys has none of its own."""
    if key not in presets[0]:
        return " | ".join("below" for _ in presets)
    return " | ".join(_value(tuple(v) if isinstance(v := each[key], list) else v, in_bytes=False) for each in presets)


def _bounds() -> str:
    strict = _flat(_default(Preset.STRICT_EU))
    lease, browser = strict["lease_seconds"], strict["lifetimes.browser_seconds_max"]
    shared, others = strict["lifetimes.shared_seconds_max"], _flat(_default(Preset.EU))["lease_seconds"]
    stall = EdgeSettings().delivery.progress_seconds_max
    fenced = lease * (1 + CLOCK_DRIFT) + CLOCK_MARGIN_SECONDS
    rows = [
        ("L", "lease: an edge serves so long without hearing from its origin", "policy: `lease_seconds`",
         f"{lease:g} s with `strict-eu`, else {others:g} s"),
        ("C", "copies in shared caches outside (CDNs)", "policy: `lifetimes.shared_seconds_max`", f"{shared} s"),
        ("B", "copies in browsers", "policy: `lifetimes.browser_seconds_max`", f"{browser} s"),
        ("D", "a viewer that takes no bytes for so long is cut off; also the TCP user time-out",
         "setting: `edge.delivery.progress_seconds_max`", f"{stall:g} s"),
        ("T", "a CDN's own time-out towards us: a request that it sent may come back so much later",
         "your CDN; `answer_seconds_max` of its [account](cdn.md#purged-by-domicile-itself)", "60 s"),
    ]  # fmt: skip
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    fence = f"L x {1 + CLOCK_DRIFT:g} + {CLOCK_MARGIN_SECONDS:g} s, counted from its last renewal ({fenced:g} s with `strict-eu`)"
    total = f"{fenced:g} s + max(B, C) = {fenced + max(browser, shared):g} s"
    return f"{BOUNDS_HEAD}\n{table}\n{BOUNDS.format(fence=fence, total=total)}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def openapi() -> str:
    """The API, for tools; `GET /v1_1/openapi.json` answers the same."""
    return json.dumps(describe(ROUTES, uploads=UPLOAD_ROUTES), indent=1, ensure_ascii=False) + "\n"


PAGES = {
    "settings.md": settings,
    "metrics.md": metrics,
    "errors.md": errors,
    "policy.md": policy,
    "openapi.json": openapi,
}


def main() -> int:
    """Write, or check."""
    assert all(is_dataclass(cls) for _, _, cls in SECTIONS)
    stale = []
    for name, make in PAGES.items():
        file, text = DOCS / name, make()
        if not file.exists() or file.read_text("utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv[1:]:
                file.write_text(text, "utf-8")
    sys.stdout.write(f"{', '.join(stale) or 'nothing'} out of date\n")
    return 1 if stale and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
