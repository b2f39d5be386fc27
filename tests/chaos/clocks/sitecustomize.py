"""Clocks that run wrong, for one process of a test: its PYTHONPATH leads here, and Python imports this first.

    CHAOS_CLOCK=RATE:WALL            clocks that only rise run at RATE; the wall clock is wrong by WALL seconds
    CHAOS_CLOCK=RATE:WALL:SECONDS    it jumps to and fro by WALL, after SECONDS each

Nothing of Domicile knows of it: the functions of `time` are others. (A tool that shifts clocks from outside touches
neither the rate of CLOCK_BOOTTIME nor the calls that a process makes without its C library.)
"""

from __future__ import annotations

import os
import time

_told = os.environ.get("CHAOS_CLOCK", "")
if _told:
    _rate, _wall, *_jumps = (float(text) for text in _told.split(":"))
    _gettime_ns, _monotonic, _time = time.clock_gettime_ns, time.monotonic, time.time

    def _skewed_ns(clock: int, /) -> int:
        """All processes of a node have one clock: rate alone, counted from the machine's own zero."""
        now = _gettime_ns(clock)
        return int(now * _rate) if clock == time.CLOCK_BOOTTIME else now

    def _skewed_monotonic() -> float:
        return _monotonic() * _rate

    def _skewed_time() -> float:
        """It runs by the same crystal: against CLOCK_BOOTTIME it can only jump, which ends a lease."""
        now = _time() - _gettime_ns(time.CLOCK_BOOTTIME) / 1e9 * (1 - _rate)
        return now + (0.0 if _jumps and int(now / _jumps[0]) % 2 else _wall)

    time.clock_gettime_ns = _skewed_ns
    time.monotonic = _skewed_monotonic
    time.time = _skewed_time
