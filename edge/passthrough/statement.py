"""Leave to fetch, and to keep a copy of, what the operator states not to be personal.

A route of the passthrough is that statement, made by whoever writes the node's settings: there is no tenant behind it whose
policy could be asked. It is put in the form of a policy all the same, so that there is one way to get a permit, and the gate
asks for it as for everything else.
"""

from __future__ import annotations

from collections.abc import Callable

from domicile.media.policy import Activity, Deny, Permit, Place, Preset, ResidencyPolicy, decide
from domicile.service.gate.assets import ASSETS_TENANT

OPERATORS_POLICY = ResidencyPolicy(
    tenant=ASSETS_TENANT,
    version=1,
    preset=Preset.GLOBAL,
    zones={Activity.INGRESS_FETCH: ("world",), Activity.CACHE: ("world",)},
    declared_non_personal=True,
)
"""Fetching and keeping copies, and nothing else."""


def permit_to_fetch(region: str, *, clock: Callable[[], float]) -> Permit:
    """`region`: of this node, checked by its settings."""
    return _permit(Activity.INGRESS_FETCH, region, clock)


def permit_to_keep(region: str, *, clock: Callable[[], float]) -> Permit:
    """On this node's disk, sealed."""
    return _permit(Activity.CACHE, region, clock)


def _permit(activity: Activity, region: str, clock: Callable[[], float]) -> Permit:
    decision = decide(OPERATORS_POLICY, activity, Place(name="passthrough", region=region), at=clock())
    assert not isinstance(decision, Deny), "the settings name a region"
    return decision
