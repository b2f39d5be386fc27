"""Residency: may this activity happen at this place? Deny by default.

    region   a legal place: "eu-de", "eu-de-1", "us-east"        zone   a set of places: de < eu < eea < world
    decide(policy, activity, place, at) -> Permit | Deny

Unknown region, zone, activity or an expired mechanism is a denial. A `Permit` is built only in this file (a test over
the syntax tree checks it) and every function that moves personal bytes asks for one: a discipline, not a capability.
Nothing here is legal advice: a policy is the tenant's own reading, and this file only holds to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, assert_never

from domicile.media.backup_rules import BackupRules
from domicile.media.erasure_rules import ErasureRules
from domicile.media.forced import ForcedRedaction
from domicile.media.notification_rules import NotificationRules
from domicile.media.quotas import NO_QUOTAS, Quotas
from domicile.media.remote_rules import RemoteRules

EU_COUNTRIES = frozenset("at be bg hr cy cz dk ee fi fr de gr hu ie it lv lt lu mt nl pl pt ro sk si es se".split())
EEA_ONLY_COUNTRIES = frozenset("is li no".split())
OTHER_COUNTRIES = frozenset("ad ar au br ca ch fo gb gg il im in je jp kr nz sg us uy za".split())

_REGION = re.compile(r"([a-z]{2,3})-([a-z]{2,12})(?:-([0-9]{1,2}))?")


class Activity(StrEnum):
    STORE = "store"
    TRANSFORM = "transform"
    CACHE = "cache"
    DELIVER = "deliver"
    BACKUP = "backup"
    METADATA = "metadata"
    LOGS = "logs"
    METRICS = "metrics"
    KEYS = "keys"
    INGRESS_FETCH = "ingress_fetch"
    EGRESS_WEBHOOK = "egress_webhook"


class Preset(StrEnum):
    """Named interpretations, strictest first."""

    STRICT_EU = "strict-eu"
    EU = "eu"
    GLOBAL = "global"


class PolicyError(ValueError):
    """A policy file says something that is not a policy; the text names the field, its value and what is allowed."""

    def __init__(self, field: str, problem: str, allowed: str) -> None:
        super().__init__(f"{field}: {problem}; allowed: {allowed}")
        self.field = field
        self.problem = problem
        self.allowed = allowed


def zones_of(region: str) -> tuple[str, ...]:
    """The region and every zone that contains it, innermost first; empty for an unknown region.

    >>> zones_of("eu-de-1")
    ('eu-de-1', 'eu-de', 'eu', 'eea', 'world')
    """
    match = _REGION.fullmatch(region)
    if match is None:
        return ()
    head, place, _ = match.groups()
    inner: tuple[str, ...] = (region,) if match[3] is None else (region, f"{head}-{place}")
    if head == "eu":
        return (*inner, "eu", "eea", "world") if place in EU_COUNTRIES else ()
    if head == "eea":
        return (*inner, "eea", "world") if place in EEA_ONLY_COUNTRIES else ()
    return (*inner, head, "world") if head in OTHER_COUNTRIES else ()


def is_zone(text: str) -> bool:
    return text in {"eu", "eea", "world"} or text in OTHER_COUNTRIES or bool(zones_of(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Anything that can hold or process personal bytes."""

    name: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deny:
    """Why not; the text may be shown to the operator, never to a viewer."""

    activity: str
    place: str
    reason: str


class Permit:
    """Leave to do one activity at one place for one tenant, until `valid_until`. Built by `decide` alone."""

    __slots__ = ("activity", "place", "policy_version", "tenant", "valid_until")

    def __init__(
        self, *, tenant: str, activity: Activity, place: Place, policy_version: int, valid_until: float, _key: object
    ) -> None:
        if _key is not _MAKE:
            raise TypeError("permits come from domicile.media.policy.decide")
        self.tenant = tenant
        self.activity = activity
        self.place = place
        self.policy_version = policy_version
        self.valid_until = valid_until

    def require(self, activity: Activity, tenant: str) -> None:
        """Raise unless this permit is for that activity and tenant: a programming error, never a user's."""
        if self.activity is not activity or self.tenant != tenant:
            raise TypeError(f"a permit to {self.activity} was used to {activity}")


_MAKE = object()

PERMIT_SECONDS = 3600.0
"""A permit outlives no policy change: holders ask again after this, and whenever the config revision moves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """Seconds that copies outside may live: the lease for caches that nobody can purge (decisions I.2)."""

    browser_seconds_max: int = 60
    shared_seconds_max: int = 300
    edge_seconds_max: int = 86_400


NO_METADATA = "none"
KEPT_METADATA = ("none", "attribution", "iptc")
"""Nothing; who made it and whose it is; that and the rest of IPTC that names neither places nor people to reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidencyPolicy:
    """One tenant's interpretation: which zones each activity may use, and how long copies live."""

    tenant: str
    version: int
    preset: Preset
    zones: Mapping[Activity, tuple[str, ...]]
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    lease_seconds: float = 30.0
    erased_status: int = 404
    timing_allow_origin: tuple[str, ...] = ()
    declared_non_personal: bool = False
    originals: str = "stripped"
    """Delivery without transformation: "stripped" of metadata, or "as-is"."""
    metadata: str = NO_METADATA
    """What `fl_keep_iptc` and `fl_keep_attribution` may keep: a key of KEPT_METADATA. Never more, and never a place."""
    pdf: str = "refuse"
    """Are PDFs taken in, and their pages shown? "refuse" or "accept"."""
    redaction: ForcedRedaction = field(default_factory=ForcedRedaction)
    strict_transformations: bool = False
    """Without a signature, only named transformations that are allowed for it (`media/strict.py`)."""
    remote: RemoteRules = field(default_factory=RemoteRules)
    """What may be fetched from elsewhere."""
    notifications: NotificationRules = field(default_factory=NotificationRules)
    """Who may be told of changes."""
    quotas: Quotas = NO_QUOTAS
    """How much there may be. No part of the mapping: what edges need not know is not told to them, and changes nothing there."""
    backups: BackupRules = field(default_factory=BackupRules)
    """Which versions are kept when they are deleted or replaced."""
    erasures: ErasureRules = field(default_factory=ErasureRules)
    """When a second person must agree to one, and what a hold hides. No part of the mapping either."""

    def to_mapping(self) -> dict[str, Any]:
        mapping: dict[str, Any] = {
            "tenant": self.tenant,
            "version": self.version,
            "interpretation": str(self.preset),
            "zones": {
                str(activity): list(zones)
                for activity, zones in self.zones.items()
                if zones or activity is not Activity.EGRESS_WEBHOOK  # see below
            },
            "lifetimes": {
                "browser_seconds_max": self.lifetimes.browser_seconds_max,
                "shared_seconds_max": self.lifetimes.shared_seconds_max,
                "edge_seconds_max": self.lifetimes.edge_seconds_max,
            },
            "lease_seconds": self.lease_seconds,
            "erased_status": self.erased_status,
            "timing_allow_origin": list(self.timing_allow_origin),
            "declared_non_personal": self.declared_non_personal,
            "originals": self.originals,
        }
        # What is as by default is left out, so that an edge that does not know of it yet need not refuse the tenant.
        if self.metadata != NO_METADATA:
            mapping["metadata"] = self.metadata
        if self.pdf != "refuse":
            mapping["pdf"] = self.pdf
        if self.redaction.faces:
            mapping["redaction"] = self.redaction.to_mapping()
        if self.strict_transformations:  # left out otherwise, for the same reason
            mapping["strict_transformations"] = True
        if self.remote != RemoteRules():
            mapping["remote"] = self.remote.to_mapping()
        if self.notifications != NotificationRules():
            mapping["notifications"] = self.notifications.to_mapping()
        if self.backups != BackupRules():
            mapping["backups"] = self.backups.to_mapping()
        return mapping


def preset_zones(preset: Preset, home: str) -> dict[Activity, tuple[str, ...]]:
    """The zones of a preset for an installation whose home is `home`."""
    match preset:
        case Preset.STRICT_EU:
            inside: tuple[str, ...] = (home,) if "eea" in zones_of(home) else ()
        case Preset.EU:
            inside = ("eea",)
        case Preset.GLOBAL:
            inside = ("world",)
        case _:
            assert_never(preset)
    zones = dict.fromkeys(Activity, inside)
    zones[Activity.DELIVER] = ("world",) if inside else ()
    zones[Activity.INGRESS_FETCH] = zones[Activity.EGRESS_WEBHOOK] = ()
    return zones


def decide(policy: ResidencyPolicy | None, activity: Activity, place: Place, *, at: float) -> Permit | Deny:
    """The one decision. Total and deterministic; `at` is the wall clock in seconds."""
    if policy is None:
        return Deny(activity=activity, place=place.name, reason="no policy")
    lies_in = zones_of(place.region)
    if not lies_in:
        return Deny(activity=activity, place=place.name, reason=f"unknown region {place.region!r}")
    allowed = policy.zones.get(activity, ())
    if not any(zone in allowed for zone in lies_in):
        shown = ", ".join(allowed) or "nowhere"
        return Deny(activity=activity, place=place.name, reason=f"{activity} in {place.region} (allowed: {shown})")
    return Permit(
        tenant=policy.tenant,
        activity=activity,
        place=place,
        policy_version=policy.version,
        valid_until=at + PERMIT_SECONDS,
        _key=_MAKE,
    )
