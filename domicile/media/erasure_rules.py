"""What a cloud's policy says of erasing: when a second person must agree, and what becomes of assets under a hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

WINDOW_SECONDS_MAX = 90 * 86_400
"""Of `approval_window_seconds`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRules:
    """The table `erasures` of a policy."""

    approval_above: int = 0
    """An erasure waits until a second API key has approved it when it is of more assets than this, together with those whose
    erasure nobody had to approve in the last `approval_window_seconds`; 0: none does.
    """
    approval_window_seconds: int = 86_400
    """0: each call is counted by itself."""
    held_restricted: bool = True
    """What a hold keeps from being erased is restricted meanwhile."""

    def to_mapping(self) -> dict[str, Any]:
        return {
            "approval_above": self.approval_above,
            "approval_window_seconds": self.approval_window_seconds,
            "held_restricted": self.held_restricted,
        }

    def needs_approval(self, assets: int, *, lately: int) -> bool:
        """`lately`: assets whose erasure was accepted within the window without an approval."""
        return bool(self.approval_above and assets) and lately + assets > self.approval_above
