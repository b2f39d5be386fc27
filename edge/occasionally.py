"""A log line for what viewers can cause as often as they like: the first at once, then at most one in LINE_SECONDS."""

from __future__ import annotations

import time
from collections.abc import Callable

LINE_SECONDS = 10.0


class Occasionally:
    """Says when a line is due, and for how many events it stands."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._count = 0
        self._told_at = float("-inf")

    def due(self) -> int:
        """One more event. The events since the last line, if one is due now; else 0."""
        self._count += 1
        now = self._clock()
        if now - self._told_at < LINE_SECONDS:
            return 0
        count, self._count, self._told_at = self._count, 0, now
        return count
