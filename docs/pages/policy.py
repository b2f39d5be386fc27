"""docs/policy.md: every key of a policy with its default by interpretation, and what the times add up to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docs.pages.cells import MADE, cell, shown
from domicile.media.policy import Activity, Preset
from domicile.media.policy_file import from_mapping
from edge.settings import EdgeSettings
from origin.fenced import CLOCK_DRIFT, CLOCK_MARGIN_SECONDS

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


def policy() -> str:
    """Every key with its default by interpretation, and what the times add up to. Raises for a key without a meaning."""
    presets = [_flat(_default(preset)) for preset in Preset]
    missing = {key for key in presets[0] if key.partition(".")[0] not in POLICY_KEYS and key not in POLICY_KEYS}
    if missing or set(ZONES) != set(Activity):
        raise LookupError(f"no meaning for {sorted(missing) or set(Activity) ^ set(ZONES)}")
    heads = " | ".join(f"`{preset}`" for preset in Preset)
    keys = [f"| `{key}` | {_defaults(presets, key)} | {cell(text)} |" for key, text in POLICY_KEYS.items()]
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
    return " | ".join(shown(tuple(v) if isinstance(v := each[key], list) else v, in_bytes=False) for each in presets)


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
