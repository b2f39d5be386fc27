"""What a cloud's policy says of versions that are deleted or replaced: which are kept to be restored, and how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DAYS_MAX = 3650


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRules:
    """The table `backups` of a policy."""

    days: int = 30
    """How long a version stays under retention; 0: none does."""
    always: bool = False
    """Every upload asks for it, not only those with `backup=true`."""

    def to_mapping(self) -> dict[str, Any]:
        return {"days": self.days, "always": self.always}
