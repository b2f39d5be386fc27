"""Policy files: text or a parsed table in, a `ResidencyPolicy` out. Whatever a file says, the answer is that or a PolicyError.

What a file leaves out takes the value of the preset that it names, and of the strictest one if it names none. Every
field has one type and bounds: a policy also travels to edges, into a digest and into a response header.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from domicile.media.backup_rules import DAYS_MAX, BackupRules
from domicile.media.erasure_rules import WINDOW_SECONDS_MAX, ErasureRules
from domicile.media.forced import EFFECTS, ForcedRedaction
from domicile.media.notification_rules import NotificationRules
from domicile.media.policy import (
    KEPT_METADATA,
    NO_METADATA,
    Activity,
    Lifetimes,
    PolicyError,
    Preset,
    ResidencyPolicy,
    is_zone,
    preset_zones,
)
from domicile.media.public_id import public_id_problem
from domicile.media.quotas import Quotas
from domicile.media.remote import read_entry
from domicile.media.remote_rules import DELIVERY, REFRESH_SECONDS, RemoteRules
from domicile.media.signature import Digest

VERSION_MAX = 2**31 - 1
LIFETIME_SECONDS_MAX = 10 * 365 * 86_400
LEASE_SECONDS_MAX = 3600
BROWSER_SECONDS_UNDECLARED_MAX = 60
"""Longer copies in browsers, which nobody can purge, only for what is declared not to be personal (decisions I.2)."""
LIST_MAX = 64
"""Zones of one activity, origins of one header, folders."""
FOLDERS = 'folders like "profiles" or "team/public", without a slash at either end'
HOSTS = 'hosts like "images.example.org", "*.example.net" or "media.example.org:8443"'
REFRESH_SECONDS_MIN = 10
ORIGIN_CHARACTERS_MAX = 255
QUOTA_MAX = 10**15
SHOWN_CHARACTERS_MAX = 60
"""Of a wrong value, this much is repeated."""

_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[A-Za-z0-9._~:\[\]-]+")

_FIELDS = (
    "tenant", "version", "interpretation", "zones", "lifetimes", "lease_seconds", "erased_status",
    "timing_allow_origin", "declared_non_personal", "originals", "metadata", "pdf", "redaction", "strict_transformations",
    "remote", "notifications", "backups", "quotas", "erasures",
)  # fmt: skip


def from_toml(text: str, *, cloud: str, home: str) -> ResidencyPolicy:
    """The policy of `cloud` from its file. Raises PolicyError, also for a file that is no TOML or another cloud's."""
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as bad:  # tomllib lets both through: numbers too long, arrays too deep
        raise PolicyError("the file", f"not TOML ({str(bad)[:SHOWN_CHARACTERS_MAX]})", "a table of fields") from bad
    policy = from_mapping(raw, home=home)
    if policy.tenant != cloud:
        raise wrong("tenant", policy.tenant, f"the cloud of this file, {cloud!r}")
    return policy


def from_mapping(raw: Mapping[str, Any], *, home: str) -> ResidencyPolicy:
    """A policy from a parsed TOML file; what it leaves out takes the preset's value. Raises PolicyError."""
    top = _Table(raw, "", _FIELDS)
    preset = Preset(top.text("interpretation", Preset.STRICT_EU, tuple(Preset)))
    personal = not top.flag("declared_non_personal", default=False)
    return ResidencyPolicy(
        tenant=top.text("tenant", None),
        version=top.whole("version", 1, 1, VERSION_MAX),
        preset=preset,
        zones=preset_zones(preset, home) | _zones(top.table("zones", tuple(Activity))),
        lifetimes=_lifetimes(top.table("lifetimes", tuple(Lifetimes.__dataclass_fields__)), personal=personal),
        lease_seconds=top.number("lease_seconds", 30.0 if preset is Preset.STRICT_EU else 120.0, 1, LEASE_SECONDS_MAX),
        erased_status=_status(top),
        timing_allow_origin=_origins(top),
        declared_non_personal=not personal,
        originals=top.text("originals", "stripped", ("stripped", "as-is")),
        metadata=top.text("metadata", NO_METADATA, KEPT_METADATA),
        pdf=top.text("pdf", "refuse", ("refuse", "accept")),
        redaction=_redaction(top),
        strict_transformations=top.flag("strict_transformations", default=False),
        remote=_remote(top),
        notifications=_notifications(top),
        quotas=_quotas(top),
        backups=_backups(top),
        erasures=_erasures(top),
    )


def wrong(field: str, value: object, allowed: str) -> PolicyError:
    """The error that names the field, its value and what is allowed."""
    try:
        shown = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, say
        shown = f"a value of type {type(value).__name__}"
    if len(shown) > SHOWN_CHARACTERS_MAX:
        shown = shown[:SHOWN_CHARACTERS_MAX] + "…"
    return PolicyError(field, f"{shown} is not allowed", allowed)


class _Table:
    """Typed reads of one TOML table. All raise PolicyError; a default is trusted."""

    def __init__(self, raw: object, path: str, names: Iterable[str]) -> None:
        allowed = tuple(map(str, names))
        if not isinstance(raw, Mapping):
            raise wrong(path, raw, f"a table with any of {', '.join(allowed)}")
        self._path = path and path + "."
        self.values = {name: raw[name] for name in allowed if name in raw}
        for name in raw:
            if name not in self.values:
                shown = str(name)[:SHOWN_CHARACTERS_MAX]
                raise PolicyError(self._path + shown, "unknown field", ", ".join(allowed))

    def wrong(self, name: str, value: object, allowed: str) -> PolicyError:
        return wrong(self._path + name, value, allowed)

    def table(self, name: str, names: Iterable[str]) -> _Table:
        return _Table(self.values.get(name, {}), self._path + name, names)

    def text(self, name: str, default: str | None, choices: tuple[str, ...] = ()) -> str:
        value = self.values.get(name, default)
        if not isinstance(value, str) or not value or (choices and value not in choices):
            raise self.wrong(name, value, f"one of {', '.join(choices)}" if choices else "a text")
        return value

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        value = self.values.get(name, default)
        if type(value) is not int or not low <= value <= high:  # an exact type: true and false are integers to Python
            raise self.wrong(name, value, f"a whole number from {low} to {high}")
        return value

    def number(self, name: str, default: float, low: int, high: int) -> float:
        value = self.values.get(name, default)
        if type(value) not in {int, float} or not low <= value <= high:
            raise self.wrong(name, value, f"a number from {low} to {high}")
        return float(value)

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.values.get(name, default)
        if not isinstance(value, bool):
            raise self.wrong(name, value, "true or false, without quotes")
        return value

    def texts(self, name: str, allowed: str) -> tuple[str, ...]:
        value = self.values.get(name, ())
        if (
            not isinstance(value, list | tuple)
            or len(value) > LIST_MAX
            or not all(isinstance(one, str) for one in value)
        ):
            raise self.wrong(name, value, f"a list of at most {LIST_MAX} {allowed}")
        return tuple(value)


def _zones(table: _Table) -> dict[Activity, tuple[str, ...]]:
    """What the file says of single activities."""
    zones = {}
    for name in table.values:
        zones[Activity(name)] = table.texts(name, 'zones like "eu-de", "eu" or "world"')
        for zone in zones[Activity(name)]:
            if not is_zone(zone):
                raise table.wrong(name, zone, "zones like eu-de, eu, eea, us or world")
    return zones


def _lifetimes(table: _Table, *, personal: bool) -> Lifetimes:
    usual = Lifetimes()
    seconds = Lifetimes(
        browser_seconds_max=table.whole("browser_seconds_max", usual.browser_seconds_max, 0, LIFETIME_SECONDS_MAX),
        shared_seconds_max=table.whole("shared_seconds_max", usual.shared_seconds_max, 0, LIFETIME_SECONDS_MAX),
        edge_seconds_max=table.whole("edge_seconds_max", usual.edge_seconds_max, 0, LIFETIME_SECONDS_MAX),
    )
    if personal and seconds.browser_seconds_max > BROWSER_SECONDS_UNDECLARED_MAX:
        allowed = f"at most {BROWSER_SECONDS_UNDECLARED_MAX}, or more with declared_non_personal = true"
        raise table.wrong("browser_seconds_max", seconds.browser_seconds_max, allowed)
    return seconds


def _redaction(top: _Table) -> ForcedRedaction:
    """Of faces, somewhere: a table that would redact nothing is a mistake, not a policy."""
    if "redaction" not in top.values:
        return ForcedRedaction()
    table = top.table("redaction", tuple(ForcedRedaction.__dataclass_fields__))
    folders = table.texts("folders", FOLDERS)
    for folder in folders:
        if public_id_problem(folder) is not None:
            raise table.wrong("folders", folder, FOLDERS)
    if "folders" in table.values and not folders:
        raise table.wrong("folders", [], f"{FOLDERS}; leave the line out for all of the cloud")
    return ForcedRedaction(
        faces=table.text("faces", None, tuple(EFFECTS)),
        folders=folders,
        except_signed=table.flag("except_signed", default=False),
    )


def _remote(top: _Table) -> RemoteRules:
    table = top.table("remote", tuple(RemoteRules.__dataclass_fields__))
    hosts = _hosts(table)
    delivery = table.text("delivery", DELIVERY[0], DELIVERY)
    if delivery != DELIVERY[0] and not hosts:
        raise table.wrong("delivery", delivery, "off, as long as no hosts are listed")
    return RemoteRules(
        hosts=hosts,
        delivery=delivery,
        refresh_seconds=table.whole("refresh_seconds", REFRESH_SECONDS, REFRESH_SECONDS_MIN, LIFETIME_SECONDS_MAX),
    )


def _notifications(top: _Table) -> NotificationRules:
    table = top.table("notifications", tuple(NotificationRules.__dataclass_fields__))
    return NotificationRules(hosts=_hosts(table), digest=table.text("digest", Digest.SHA1, tuple(Digest)))


def _quotas(top: _Table) -> Quotas:
    table = top.table("quotas", tuple(Quotas.__dataclass_fields__))
    return Quotas(**{name: table.whole(name, 0, 1, QUOTA_MAX) for name in table.values})


def _backups(top: _Table) -> BackupRules:
    table, usual = top.table("backups", tuple(BackupRules.__dataclass_fields__)), BackupRules()
    return BackupRules(
        days=table.whole("days", usual.days, 0, DAYS_MAX), always=table.flag("always", default=usual.always)
    )


def _erasures(top: _Table) -> ErasureRules:
    table, usual = top.table("erasures", tuple(ErasureRules.__dataclass_fields__)), ErasureRules()
    return ErasureRules(
        approval_above=table.whole("approval_above", usual.approval_above, 0, QUOTA_MAX),
        approval_window_seconds=table.whole(
            "approval_window_seconds", usual.approval_window_seconds, 0, WINDOW_SECONDS_MAX
        ),
        held_restricted=table.flag("held_restricted", default=usual.held_restricted),
    )


def _hosts(table: _Table) -> tuple[str, ...]:
    hosts = table.texts("hosts", HOSTS)
    for host in hosts:
        if read_entry(host) is None:
            raise table.wrong("hosts", host, HOSTS)
    return hosts


def _status(top: _Table) -> int:
    status = top.values.get("erased_status", 404)
    if type(status) is not int or status not in {404, 410}:
        raise top.wrong("erased_status", status, "404 or 410")
    return status


def _origins(top: _Table) -> tuple[str, ...]:
    """They become a response header: nothing but origins, whole."""
    origins = top.texts("timing_allow_origin", 'origins like "https://www.example.com", or "*"')
    for origin in origins:
        if len(origin) > ORIGIN_CHARACTERS_MAX or _ORIGIN.fullmatch(origin) is None:
            raise top.wrong("timing_allow_origin", origin, 'origins like "https://www.example.com", or "*"')
    return origins
