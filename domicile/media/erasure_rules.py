"""What a cloud's policy says of erasing: when a second person must agree, and what becomes of assets under a hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRules:
    """The table `erasures` of a policy."""

    approval_above: int = 0
    """An erasure of more assets than this waits until a second API key has approved it; 0: none does."""
    held_restricted: bool = True
    """What a hold keeps from being erased is restricted meanwhile."""

    def to_mapping(self) -> dict[str, Any]:
        return {"approval_above": self.approval_above, "held_restricted": self.held_restricted}
