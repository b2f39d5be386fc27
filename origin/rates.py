"""How many calls of one kind a cloud may get in an hour (Admin API, unsigned uploads), and the headers that say so."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.utils import formatdate

from domicile.media.errors import Overloaded

HOUR_SECONDS = 3600
CLOUDS_MAX = 100_000


@dataclass(slots=True)
class Rates:
    """Counts of the current hour, by cloud."""

    calls_max: int
    hour: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, cloud: str, *, now: float) -> dict[str, str]:
        """Count one call and return its headers. Raises Overloaded above the limit."""
        hour = int(now // HOUR_SECONDS)
        if hour != self.hour or len(self.counts) >= CLOUDS_MAX:
            self.hour = hour
            self.counts.clear()
        used = self.counts[cloud] = self.counts.get(cloud, 0) + 1
        if used > self.calls_max:
            raise Overloaded("Rate limit exceeded. Try again when the hour is over")
        return self.told(cloud, now=now)

    def told(self, cloud: str, *, now: float) -> dict[str, str]:
        """The headers as things stand."""
        until = (int(now // HOUR_SECONDS) + 1) * HOUR_SECONDS
        left = max(self.calls_max - self.counts.get(cloud, 0), 0)
        return {
            "X-FeatureRateLimit-Limit": str(self.calls_max),
            "X-FeatureRateLimit-Remaining": str(left),
            "X-FeatureRateLimit-Reset": formatdate(until, usegmt=True),
        }
