"""Whether a disk that failed is tried again: it rests, longer each time, and a probe of the housekeeping wakes it.

A write that fails for want of room, of quota or of a working disk will fail again for the next picture. So after one failure
nothing is written until a probe succeeds, and pictures are served as if there were no disk tier. Reads go on: what is there
is mostly readable, and one bad sector is one file; only when READ_FAILURES_MAX of them fail one after the other do they
rest, too. No I/O here; the clock is passed in.
"""

from __future__ import annotations

from collections.abc import Callable

REST_SECONDS_MIN = 0.5
REST_SECONDS_MAX = 30.0
READ_FAILURES_MAX = 8


class Rest:
    """The state of one worker's disk."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        """`clock`: seconds that do not go back."""
        self._clock = clock
        self._seconds = 0.0
        self._until = 0.0
        self._read_failures = 0
        self.is_resting = False
        """Nothing is written."""

    @property
    def may_read(self) -> bool:
        return self._read_failures < READ_FAILURES_MAX

    def failed(self) -> bool:
        """A write failed. True when the disk worked until now: the moment to say so."""
        if self.is_resting and self._clock() < self._until:
            return False  # another that was under way
        was_well = not self.is_resting
        self._seconds = min(REST_SECONDS_MAX, 2 * self._seconds or REST_SECONDS_MIN)
        self._until = self._clock() + self._seconds
        self.is_resting = True
        return was_well

    def wants_probe(self) -> bool:
        """Is it time to try a disk that rests?"""
        return (self.is_resting or not self.may_read) and self._clock() >= self._until

    def works(self) -> bool:
        """A probe succeeded. True when the disk had rested."""
        had_rested = self.is_resting or not self.may_read
        self.is_resting, self._seconds, self._read_failures = False, 0.0, 0
        return had_rested

    def read(self) -> None:
        """A file could be read."""
        self._read_failures = 0

    def failed_to_read(self) -> bool:
        """One could not. True when reads rest from now on."""
        self._read_failures += 1
        if self._read_failures != READ_FAILURES_MAX:
            return False
        self._seconds = max(self._seconds, REST_SECONDS_MIN)
        self._until = self._clock() + self._seconds
        return True
