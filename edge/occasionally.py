"""A log line for what happens as often as it likes: the first at once, then at most one in `line_seconds`."""

from __future__ import annotations

import time
from collections.abc import Callable

LINE_SECONDS = 10.0


class Occasionally:
    """Says when a line is due, and for how many events it stands."""

    def __init__(self, *, line_seconds: float = LINE_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._line_seconds = line_seconds
        self._clock = clock
        self._count = 0
        self._told_at = float("-inf")

    def due(self) -> int:
        """One more event. The events since the last line, if one is due now; else 0."""
        self._count += 1
        now = self._clock()
        if now - self._told_at < self._line_seconds:
            return 0
        count, self._count, self._told_at = self._count, 0, now
        return count

    def over(self) -> bool:
        """It has stopped, so the next event is told at once. Was any told since the last time?"""
        was_told = self._told_at > float("-inf")
        self._count, self._told_at = 0, float("-inf")
        return was_told
