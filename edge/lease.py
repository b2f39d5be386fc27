"""How long this node may serve, worked out on the safe side. Pure: clock values and random numbers are arguments.

    t_send   CLOCK_BOOTTIME before the request left            L   seconds granted
    deadline = t_send + L * (1 - rho) / (1 + rho)

The origin may release a waiting erasure L * (1 + rho) after its commit, on its own clock. Two clocks that each run wrong
by at most rho differ by (1 + rho) / (1 - rho), so the node stops first. Source: decisions D.1, erasure E1 to E3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from domicile.media.journal import Head

CLOCK_DRIFT_MAX = 0.001
"""rho: how far the rate of a clock may be off (quartz: 0.0002 at worst)."""

NANOSECONDS = 1_000_000_000

RENEW_SHARE = 1 / 3
"""Part of a lease after which it is renewed: two renewals may fail before a viewer notices."""

JITTER_SHARE = 0.2
"""Renewals come up to this much earlier, so that nodes do not march in step."""

RETRY_SECONDS_MIN = 0.1
RETRY_SECONDS_MAX = 2.0

WALL_SET_SECONDS = 1.5
"""By which the wall clock must have moved against CLOCK_BOOTTIME to have been set: more than a leap second, or than what it is
slewed by from one renewal to the next. One that was set only costs a renewal."""

LEASE_SECONDS_MAX = 3600.0
"""A longer grant is cut: what a policy may say, and no more."""


def deadline_ns(*, sent_ns: int, lease_seconds: float, drift: float = CLOCK_DRIFT_MAX) -> int:
    """When to stop serving, in nanoseconds on the clock that `sent_ns` was read from. Never rounds up."""
    granted = max(0.0, min(lease_seconds, LEASE_SECONDS_MAX))
    return sent_ns + int(granted * (1 - drift) / (1 + drift) * NANOSECONDS)


def is_set(ahead_then_ns: int, ahead_now_ns: int) -> bool:
    """Was a wall clock set that was so far ahead of another then and is so far now?"""
    return abs(ahead_now_ns - ahead_then_ns) > WALL_SET_SECONDS * NANOSECONDS


def renew_after_seconds(lease_seconds: float, random: float) -> float:
    """Seconds from one renewal to the next; `random` in [0, 1)."""
    return min(lease_seconds, LEASE_SECONDS_MAX) * RENEW_SHARE * (1 - JITTER_SHARE * random)


def retry_after_seconds(failures: int, random: float) -> float:
    """Seconds to wait after that many failures in a row (1 or more): doubling, bounded, spread."""
    whole = min(RETRY_SECONDS_MIN * 2.0 ** min(failures - 1, 16), RETRY_SECONDS_MAX)
    return whole * (1 - JITTER_SHARE * random)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingLease:
    """A grant that does not count yet: everything up to its heads must be applied first (E3)."""

    deadline_ns: int
    heads: Mapping[str, Head]

    def usable(self, applied: Mapping[str, Head]) -> bool:
        """Has this node applied every entry up to the heads of the grant?"""
        return all(tenant in applied and applied[tenant].seq >= head.seq for tenant, head in self.heads.items())
