"""Leave to fetch what the operator states not to be personal.

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
    zones={Activity.INGRESS_FETCH: ("world",)},
    declared_non_personal=True,
)
"""Fetching, and nothing else: no storing, no transforming, no cache on a disk."""


def permit_of(region: str, *, clock: Callable[[], float]) -> Permit:
    """`region`: of this node, checked by its settings."""
    decision = decide(OPERATORS_POLICY, Activity.INGRESS_FETCH, Place(name="passthrough", region=region), at=clock())
    assert not isinstance(decision, Deny), "the settings name a region"
    return decision
