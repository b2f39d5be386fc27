"""Cache-Status: one member that says what this cache did (RFC 9211). It names no key, no path and no person."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge.cache.reuse import Forward

CACHE_NAME = "Domicile"


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStatus:
    """`forward` is None for a hit. `ttl` in seconds, negative when what is served is stale."""

    forward: Forward | None = None
    forward_status: int | None = None
    ttl: float | None = None
    stored: bool = False
    collapsed: bool = False
    detail: str | None = None

    def text(self) -> str:
        parts = [CACHE_NAME, "hit" if self.forward is None else f"fwd={self.forward}"]
        if self.forward_status is not None:
            parts.append(f"fwd-status={self.forward_status}")
        if self.stored:
            parts.append("stored")
        if self.collapsed:
            parts.append("collapsed")
        if self.ttl is not None and math.isfinite(self.ttl):
            parts.append(f"ttl={math.floor(self.ttl)}")
        if self.detail is not None:
            parts.append(f"detail={self.detail}")
        return "; ".join(parts)
