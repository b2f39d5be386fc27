"""The workers of this node as the agent sees them, and the wait until each has taken what was sent.

A worker counts from its first snapshot (its slot's `applied` is above 0); before that it serves nothing. One that does
not move for WORKER_STILL_SECONDS_MAX is killed: what it may be sending ends with it (decisions D.4). Processes are held
by pidfd, so that a number that was given to another process is never signalled.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
from dataclasses import dataclass

import structlog

from edge.page import SharedPage, Slot

WORKER_STILL_SECONDS_MAX = 1.0
POLL_SECONDS = 0.002
GONE_SECONDS_MAX = 5.0
"""Longest wait for a killed process to be gone; it may sit in the kernel."""

log = structlog.get_logger("edge.members")


@dataclass(slots=True)
class _Held:
    pid: int
    boot: int
    descriptor: int


class Members:
    """Processes behind the slots of the shared page."""

    def __init__(self, page: SharedPage) -> None:
        self._page = page
        self._held: dict[int, _Held] = {}
        self.killed = 0
        """Workers that did not move."""

    def close(self) -> None:
        for held in self._held.values():
            os.close(held.descriptor)
        self._held.clear()

    def adopt_running(self) -> None:
        """After a restart of the agent: workers that an earlier one had served go on counting."""
        for slot in self._page.slots[: self._page.workers]:
            if slot.pid and slot.applied:
                self._hold(slot)

    def hold(self, index: int, pid: int, boot: int) -> bool:
        """A worker joined. False when the slot is not this process's."""
        if not 0 <= index < self._page.workers:
            return False
        slot = self._page.slots[index]
        if (slot.pid, slot.boot) != (pid, boot):
            return False
        return self._hold(slot)

    def alive(self) -> int:
        """Workers that have joined and run."""
        return sum(1 for slot in self._joined())

    async def drained(self, number: int) -> None:
        """Return when every worker has taken event `number`; those that stand still are killed."""
        seen: dict[int, tuple[int, int]] = {}  # slot -> (boot, applied) at its last move
        moved: dict[int, float] = {}
        loop = asyncio.get_running_loop()
        while True:
            late = [slot for slot in self._joined() if slot.applied < number]
            if not late:
                return
            now = loop.time()
            for slot in late:
                at = (slot.boot, slot.applied)
                if seen.get(slot.index) != at:
                    seen[slot.index], moved[slot.index] = at, now
                elif now - moved[slot.index] > WORKER_STILL_SECONDS_MAX:
                    await self._kill(slot)
            await asyncio.sleep(POLL_SECONDS)

    def _joined(self) -> list[Slot]:
        """Slots of running processes that have had their first snapshot."""
        slots = self._page.slots[: self._page.workers]
        return [slot for slot in slots if slot.pid and slot.applied and not self._is_gone(slot)]

    def _hold(self, slot: Slot) -> bool:
        pid, boot = slot.pid, slot.boot
        held = self._held.get(slot.index)
        if held is not None:
            if (held.pid, held.boot) == (pid, boot):
                return True
            os.close(self._held.pop(slot.index).descriptor)
        try:
            self._held[slot.index] = _Held(pid=pid, boot=boot, descriptor=os.pidfd_open(pid))
        except OSError:  # reaped, and the slot cleared, between two looks
            return False
        return True

    def _is_gone(self, slot: Slot) -> bool:
        """Is the slot's process over? A process that cannot be held is."""
        if not self._hold(slot):
            return True
        return _is_over(self._held[slot.index].descriptor)

    async def _kill(self, slot: Slot) -> None:
        held = self._held.get(slot.index)
        if held is None:
            return
        log.error("worker_stands_still", slot=slot.index, pid=held.pid)
        try:
            signal.pidfd_send_signal(held.descriptor, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.killed += 1
        for _ in range(int(GONE_SECONDS_MAX / POLL_SECONDS)):
            if _is_over(held.descriptor):
                return
            await asyncio.sleep(POLL_SECONDS)


def _is_over(descriptor: int) -> bool:
    """A pidfd is readable once its process is over."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
