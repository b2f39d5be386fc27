"""A limit on log lines of one event: what somebody outside can cause as often as he likes must not fill a disk.

The first lines of a second are written, the others counted; the next line that is written says how many there were.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

LINES_PER_SECOND_MAX = 50
EVENTS_MAX = 512
"""Events that are counted apart; there are fewer, as their names are constants."""


@dataclass(slots=True)
class _Seen:
    second: int
    written: int = 0
    withheld: int = 0


class Flood:
    """Counts lines by event. `clock`: seconds that do not go back."""

    def __init__(self, *, lines_per_second_max: int, clock: Callable[[], float]) -> None:
        self._max = lines_per_second_max
        self._clock = clock
        self._seen: dict[str, _Seen] = {}
        self._withheld = 0

    def admit(self, event: str) -> int | None:
        """May a line of this event be written? Lines withheld since the last one, or None for no."""
        second = int(self._clock())
        seen = self._seen.get(event)
        if seen is None:
            if len(self._seen) >= EVENTS_MAX:
                self._seen.clear()
            seen = self._seen[event] = _Seen(second)
        if seen.second != second:
            seen.second, seen.written = second, 0
        if seen.written >= self._max:
            seen.withheld += 1
            self._withheld += 1
            return None
        seen.written += 1
        withheld, seen.withheld = seen.withheld, 0
        return withheld

    def take_withheld(self) -> int:
        """Lines withheld since this was last asked, for a metric."""
        withheld, self._withheld = self._withheld, 0
        return withheld
