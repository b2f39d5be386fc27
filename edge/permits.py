"""Asking the policy, once for a while: a permit is kept until it runs out or the tenant's configuration moves."""

from __future__ import annotations

from collections.abc import Callable

from domicile.media.errors import OutsideRegion
from domicile.media.policy import Activity, Deny, Permit, Place, decide
from edge.following import TenantState


class Permits:
    """What this node may do, tenant by tenant. `clock` is the wall clock in seconds."""

    def __init__(self, place: Place, *, clock: Callable[[], float]) -> None:
        self._place = place
        self._clock = clock
        self._kept: dict[tuple[str, Activity], tuple[int, Permit | Deny]] = {}

    def decide(self, state: TenantState, activity: Activity) -> Permit | Deny:
        now = self._clock()
        kept = self._kept.get((state.tenant, activity))
        if kept is not None and kept[0] == state.config_revision:
            decision = kept[1]
            if isinstance(decision, Deny) or now < decision.valid_until:
                return decision
        decision = decide(state.policy, activity, self._place, at=now)
        self._kept[state.tenant, activity] = (state.config_revision, decision)
        return decision

    def require(self, state: TenantState, activity: Activity) -> Permit:
        """The permit. OutsideRegion when the policy denies; viewers are not told why."""
        decision = self.decide(state, activity)
        if isinstance(decision, Deny):
            raise OutsideRegion("Not available from this region")
        return decision

    def find(self, state: TenantState, activity: Activity) -> Permit | None:
        """The permit, or None when the policy denies."""
        decision = self.decide(state, activity)
        return None if isinstance(decision, Deny) else decision

    def forget(self, tenant: str) -> None:
        for key in [key for key in self._kept if key[0] == tenant]:
            del self._kept[key]
