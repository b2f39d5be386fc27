"""How much of one kind each cloud or key may have in an hour or a day, and the headers that say so.

Counted in the memory of one process; a restart begins anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from email.utils import formatdate

from domicile.media.errors import Overloaded, QuotaUsedUp

HOUR_SECONDS = 3600
DAY_SECONDS = 86_400
NAMES_MAX = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What has been had of a limit, the thing that is being counted included."""

    limit: int
    used: int
    until: int
    """When it begins anew, in Unix seconds."""

    @property
    def left(self) -> int:
        return max(self.limit - self.used, 0)

    @property
    def headers(self) -> dict[str, str]:
        return {
            "X-FeatureRateLimit-Limit": str(self.limit),
            "X-FeatureRateLimit-Remaining": str(self.left),
            "X-FeatureRateLimit-Reset": formatdate(self.until, usegmt=True),
        }


@dataclass(slots=True)
class Rates:
    """Counts of the current window, by name."""

    calls_max: int = 0
    """Where a count does not come with a limit of its own."""
    window_seconds: int = HOUR_SECONDS
    window: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, *, now: float, calls_max: int = 0) -> Used:
        """Count one; whether it is too much, `check_rate` tells."""
        self._turn(now)
        self.counts[name] = self.counts.get(name, 0) + 1
        return self.used(name, now=now, calls_max=calls_max)

    def used(self, name: str, *, now: float, calls_max: int = 0) -> Used:
        """Without counting."""
        self._turn(now)
        until = (self.window + 1) * self.window_seconds
        return Used(limit=calls_max or self.calls_max, used=self.counts.get(name, 0), until=until)

    def _turn(self, now: float) -> None:
        window = int(now // self.window_seconds)
        if window != self.window or len(self.counts) >= NAMES_MAX:
            self.window = window
            self.counts.clear()


def check_rate(used: Used, what: str) -> None:
    """`what`: whose limit it is. Raises Overloaded."""
    if used.used > used.limit:
        raise Overloaded(f"Rate limit exceeded - {what}: {used.limit} calls. Try again when the hour is over")


def check_daily(used: Used, quota: str) -> None:
    """Raises QuotaUsedUp, naming the quota."""
    if used.used > used.limit:
        raise QuotaUsedUp(f"Quota exceeded - {quota}: {used.limit} in a day. There is more at midnight (UTC)")
