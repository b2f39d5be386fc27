"""Clocks of one machine, made of the loop's time: they may run slow, sleep along or not, and be set."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.replay.loop import START, Loop

WALL_START = 1_700_000_000.0
NANOSECONDS = 1_000_000_000


@dataclass(slots=True)
class Clocks:
    loop: Loop
    rate: float = 1.0
    """Seconds that pass here in one of the loop's; `run_at` changes it."""
    slept: float = 0.0
    """What CLOCK_BOOTTIME has counted and no timer has seen."""
    wall_set: float = 0.0
    _since: float = field(init=False)
    _passed: float = 0.0

    def __post_init__(self) -> None:
        self._since = self.loop.now

    def run_at(self, rate: float) -> None:
        self._passed, self._since, self.rate = self.monotonic(), self.loop.now, rate

    def monotonic(self) -> float:
        """CLOCK_MONOTONIC, which stands still while the machine sleeps."""
        return self._passed + (self.loop.now - self._since) * self.rate

    def boottime_ns(self) -> int:
        return int((START + self.monotonic() + self.slept) * NANOSECONDS)

    def wall(self) -> float:
        return WALL_START + self.monotonic() + self.slept + self.wall_set

    def sleep(self, seconds: float) -> None:
        """The machine does; no timer has seen it."""
        self.slept += seconds

    def go_on(self, seconds: float) -> None:
        """While others sleep."""
        self._passed += seconds
