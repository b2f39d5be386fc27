"""What a copy of this node is worth (decisions D.2). The fence comes first, and then age, by the arithmetic of any HTTP cache.

Purges are compared by journal sequence, never by clock; only ordinary ageing uses seconds, and `now` is an argument.
"""

from __future__ import annotations

import math
from enum import StrEnum

from edge.cache.freshness import current_age


class Verdict(StrEnum):
    HIT = "hit"
    STALE = "stale"
    """Too old, and served to nobody; it is fetched anew."""
    MISS = "miss"


def judge(*, fresh: bool, stored_at: float, ttl_seconds: float, now: float) -> Verdict:
    """May a stored object be served? `fresh` is the fence's answer; a fenced object is a MISS whatever its age."""
    age_seconds = current_age(0.0, received=stored_at, now=now)
    if not fresh or math.isinf(age_seconds):  # the clock went back: age cannot be told, so the object is not trusted
        return Verdict.MISS
    return Verdict.HIT if age_seconds < ttl_seconds else Verdict.STALE
