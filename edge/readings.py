"""Paths that were read a moment ago: hot pictures are asked for again and again, and reading a path is half of a hit.

A reading depends on the tenant's policy and name key, and it holds the path in the clear: it goes with the first journal
entry of its tenant, with a new grant, and when the lease is lost.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from domicile.media.pending import Hints
from domicile.media.policy import ResidencyPolicy
from edge.following import TenantState
from edge.wanted import Wanted

READINGS_MAX = 2048
CHARACTERS_MAX = 600
"""Of path and Accept together; longer ones are read every time."""


class Readings:
    """By (raw path, Accept, hints)."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str, Hints], tuple[ResidencyPolicy, Wanted]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def get(
        self, raw_path: str, accept: str, hints: Hints, tenants: Mapping[str, TenantState]
    ) -> tuple[Wanted, TenantState] | None:
        """The reading and its tenant, if the tenant is served under the very policy that it was read under."""
        found = self._known.get((raw_path, accept, hints))
        if found is None:
            return None
        policy, wanted = found
        state = tenants.get(wanted.tenant)
        return None if state is None or state.policy is not policy else (wanted, state)

    def learn(self, wanted: Wanted, state: TenantState) -> None:
        if len(wanted.raw_path) + len(wanted.accept) > CHARACTERS_MAX:
            return
        self._known[wanted.raw_path, wanted.accept, wanted.hints] = (state.policy, wanted)
        if len(self._known) > READINGS_MAX:
            self._known.popitem(last=False)

    def forget(self, tenant: str) -> None:
        for key in [key for key, (_, wanted) in self._known.items() if wanted.tenant == tenant]:
            del self._known[key]

    def clear(self) -> None:
        self._known.clear()
