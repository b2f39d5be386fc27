"""docs/settings.md: every setting with its default, what is allowed and what it means."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from docs.pages.cells import MADE, cell, number, shown
from domicile.cli.options import SAME_AS, ServeSettings
from domicile.service.settings import Known, Secret, known_settings
from edge.settings import EdgeSettings
from origin.settings import OriginSettings

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

SECTIONS: tuple[tuple[str, str, type[Any]], ...] = (
    ("serve", "`domicile serve`: what it decides for both tiers", ServeSettings),
    ("edge", "The edge", EdgeSettings),
    ("origin", "The origin", OriginSettings),
)


def settings() -> str:
    """One table a section."""
    both = "\n".join(f"- `{ours}` sets {', '.join(f'`{name}`' for name in theirs)}" for ours, theirs in SAME_AS.items())
    parts = [SETTINGS_HEAD.format(both=both)]
    for prefix, title, cls in SECTIONS:
        rows = "\n".join(_setting_row(known) for known in known_settings(cls, prefix))
        parts.append(f"## {title}\n\n| setting | default | allowed | meaning |\n|---|---|---|---|\n{rows}")
    return "\n\n".join(parts) + "\n"


def _setting_row(known: Known) -> str:
    return f"| `{known.name}` | {shown(known.default, in_bytes='bytes' in known.name)} | {_allowed(known)} | {cell(known.rule.doc)} |"


def _allowed(known: Known) -> str:
    rule, in_bytes = known.rule, "bytes" in known.name
    if rule.choices:
        return ", ".join(f"`{choice}`" for choice in rule.choices)
    if rule.like:
        return cell(rule.like)
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
    bounds = [f"≥ {number(rule.at_least, in_bytes=in_bytes)}"] if rule.at_least is not None else []
    bounds += [f"≤ {number(rule.at_most, in_bytes=in_bytes)}"] if rule.at_most is not None else []
    return ", ".join([text, *bounds])
