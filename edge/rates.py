"""How often something may be asked for: token buckets, one for whatever shares a limit.

A worker counts by itself, so each of N workers has the N-th part of a node's rate. The kernel spreads connections, not requests:
a viewer whose requests all come on one connection may get no more than that part.
"""

from __future__ import annotations

from collections import OrderedDict

from domicile.media.errors import Overloaded

CLOUDS_MAX = 10_000
"""Buckets that one worker keeps; the one that was asked least recently goes, and starts full again."""


class RateLimited(Overloaded):
    """One cloud is asked for more often than it may be; others are not concerned."""


class TokenBucket:
    """`burst` at once, `per_second` in the long run. `now` is any clock in seconds that does not go back."""

    __slots__ = ("_at", "_burst", "_per_second", "_tokens")

    def __init__(self, *, per_second: float, burst: float, now: float) -> None:
        self._per_second = per_second
        self._burst = max(1.0, float(burst))
        self._tokens = self._burst
        self._at = now

    def allow(self, *, per_second: float, burst: float) -> None:
        """Another rate from now on; no token is given for that."""
        self._per_second = per_second
        self._burst = max(1.0, float(burst))
        self._tokens = min(self._tokens, self._burst)

    def take(self, now: float) -> bool:
        """One token; False when there is none."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Rates:
    """Requests by cloud."""

    def __init__(self, *, per_second: float, burst: float) -> None:
        """`per_second`: of this worker; 0 limits nothing."""
        self.are_limited = per_second > 0
        self._per_second = per_second
        self._burst = burst
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, cloud: str, now: float) -> bool:
        """May one more request of this cloud be answered?"""
        if not self.are_limited:
            return True
        bucket = self._buckets.get(cloud)
        if bucket is None:
            if len(self._buckets) >= CLOUDS_MAX:
                self._buckets.popitem(last=False)
            bucket = self._buckets[cloud] = TokenBucket(per_second=self._per_second, burst=self._burst, now=now)
        self._buckets.move_to_end(cloud)
        return bucket.take(now)
