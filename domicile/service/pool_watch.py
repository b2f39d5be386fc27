"""A decoder process and its job, looked at from outside: memory, processor time, age."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from pathlib import Path

from domicile.service.pool_settings import POLL_SECONDS
from domicile.service.pool_verdict import Bounds, Death, Seen, overrun

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_VMSTAT = Path("/proc/vmstat")
_RUNNABLE = frozenset({b"R", b"D"})
"""States of a process that runs, waits for a processor, or waits for a disk."""


class Gauges:
    """What the kernel says of one process, through files that are kept open: a recycled number is never meant."""

    def __init__(self, pid: int) -> None:
        self._statm = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
        self._stat = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)

    def resident_bytes(self) -> int:
        """Memory that the process holds now, shared pages included; 0 when it is gone."""
        try:
            return int(os.pread(self._statm, 128, 0).split()[1]) * _PAGE_BYTES
        except (OSError, IndexError):
            return 0

    def activity(self) -> tuple[float, bool]:
        """Processor seconds of all its threads since it began, and whether it runs, or wants to, now."""
        try:
            fields = os.pread(self._stat, 1024, 0).rpartition(b") ")[2].split()
            return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND, fields[0] in _RUNNABLE
        except (OSError, IndexError, ValueError):
            return 0.0, False

    def close(self) -> None:
        for descriptor in (self._statm, self._stat):
            if descriptor >= 0:
                os.close(descriptor)
        self._statm = self._stat = -1


class Watch:
    """Looks at a running job's age, processor time and memory until it is stopped."""

    def __init__(
        self, gauges: Gauges, kill: Callable[[Death], None], loop: asyncio.AbstractEventLoop, bounds: Bounds
    ) -> None:
        self._gauges, self._kill, self._loop, self._bounds = gauges, kill, loop, bounds
        self._started = self._moved = loop.time()
        self._cpu_before = self._cpu_seen = gauges.activity()[0]
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._timer = self._loop.call_later(POLL_SECONDS, self._look)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        death = overrun(self._see(), self._bounds)
        if death is None:
            self.start()
        else:
            self._kill(death)

    def _see(self) -> Seen:
        now = self._loop.time()
        cpu, is_runnable = self._gauges.activity()
        if is_runnable or cpu > self._cpu_seen:
            self._moved, self._cpu_seen = now, cpu
        return Seen(
            seconds=now - self._started,
            cpu_seconds=cpu - self._cpu_before,
            still_seconds=now - self._moved,
            resident_bytes=self._gauges.resident_bytes(),
        )


def out_of_memory_kills() -> int:
    """How many processes the kernel has ever ended for want of memory, on the whole machine; 0 where it does not say."""
    try:
        found = re.search(rb"^oom_kill (\d+)$", _VMSTAT.read_bytes(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0
