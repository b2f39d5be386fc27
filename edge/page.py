"""The page that all processes of a node share: a small mapped file of aligned 8-byte integers.

    header  magic, version, lease_deadline_ns, applied, agent, workers, erased, forgotten, nonce, start (two), probe key (four)
    slots   64 x (pid, boot, applied, listening, then the worker's counters: see `metrics`)

Each field is one aligned 8-byte store, so a reader sees the old or the new value and never half of one. One writer a
field: the agent writes lease_deadline_ns, applied, erased, nonce and start; the supervisor writes forgotten and pid, and clears a slot whose
process it has reaped; a worker writes the rest of its own slot. The probe key is written when the page is made.
Source: decisions F and J; CLOCK_BOOTTIME because CLOCK_MONOTONIC stands still while a machine sleeps (E2).
"""

from __future__ import annotations

import mmap
import os
import secrets
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

MAGIC = 0x444F4D50_41474531
VERSION = 4
SLOTS_MAX = 64
COUNTERS_MAX = 1016
"""8-byte integers that one worker has for its counters."""

_WORD = 8
_HEADER_WORDS = 512
_SLOT_WORDS = 8 + COUNTERS_MAX
PAGE_BYTES = (_HEADER_WORDS + SLOTS_MAX * _SLOT_WORDS) * _WORD

_MAGIC, _VERSION, _DEADLINE, _APPLIED, _AGENT, _WORKERS, _ERASED, _FORGOTTEN, _NONCE, _START_HIGH, _START_LOW = range(
    11
)
_PROBE_KEY = slice(11, 15)
_PID, _BOOT, _SLOT_APPLIED, _LISTENING = range(4)
_COUNTERS = 8


class BadPage(Exception):
    """The file is not a shared page of this version."""


boottime_ns: Callable[[], int] = partial(time.clock_gettime_ns, time.CLOCK_BOOTTIME)
"""Nanoseconds on CLOCK_BOOTTIME: never set back, and counts time asleep. No Python function: every hit asks it."""


class Slot:
    """One worker's part of the page."""

    __slots__ = ("_at", "_words", "counters", "index")

    def __init__(self, words: memoryview, index: int) -> None:
        self.index = index
        self._words = words
        self._at = _HEADER_WORDS + index * _SLOT_WORDS
        self.counters = words[self._at + _COUNTERS : self._at + _SLOT_WORDS]
        """A view of COUNTERS_MAX integers; `counters` gives them their meaning."""

    @property
    def pid(self) -> int:
        """Process that holds the slot; 0 when it is free."""
        return int(self._words[self._at + _PID])

    @property
    def boot(self) -> int:
        """Random id of that process's start, so that a second one in the same slot is told apart."""
        return int(self._words[self._at + _BOOT])

    @property
    def applied(self) -> int:
        """Events this worker has taken in; 0 until it has its first snapshot, and then it serves nothing."""
        return int(self._words[self._at + _SLOT_APPLIED])

    @applied.setter
    def applied(self, number: int) -> None:
        self._words[self._at + _SLOT_APPLIED] = number

    @property
    def listening(self) -> bool:
        """Does the worker accept connections?"""
        return bool(self._words[self._at + _LISTENING])

    @listening.setter
    def listening(self, yes: bool) -> None:
        self._words[self._at + _LISTENING] = int(yes)

    def claim(self, pid: int, boot: int) -> None:
        """Take the slot for a process that has applied nothing yet. Counters go on from where they were."""
        self.applied = 0
        self.listening = False
        self._words[self._at + _BOOT] = boot
        self._words[self._at + _PID] = pid

    def clear(self) -> None:
        """Free the slot; only after its process is reaped."""
        self._words[self._at + _PID] = 0
        self.applied = 0
        self.listening = False
        self._words[self._at + _BOOT] = 0


class SharedPage:
    """A mapped page. Make it once with `create`, open it in every other process with `open`."""

    __slots__ = ("_map", "_words", "now_ns", "slots")

    def __init__(self, mapped: mmap.mmap, now_ns: Callable[[], int]) -> None:
        self._map = mapped
        self.now_ns = now_ns
        """The clock that the deadline is read on."""
        self._words = memoryview(mapped).cast("Q")
        if self._words[_MAGIC] != MAGIC or self._words[_VERSION] != VERSION:
            self.close()
            raise BadPage("not a shared page of this version")
        self.slots = tuple(Slot(self._words, index) for index in range(SLOTS_MAX))

    @classmethod
    def create(cls, path: Path, *, workers: int, now_ns: Callable[[], int] = boottime_ns) -> SharedPage:
        """A fresh page at `path` (mode 0600), in place of whatever was there."""
        if not 1 <= workers <= SLOTS_MAX:
            raise ValueError(f"1 to {SLOTS_MAX} workers")
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, PAGE_BYTES)  # a hole on a full disk would be a SIGBUS later
            mapped = mmap.mmap(descriptor, PAGE_BYTES)
        finally:
            os.close(descriptor)
        words = memoryview(mapped).cast("Q")
        for at in range(_PROBE_KEY.start, _PROBE_KEY.stop):
            words[at] = secrets.randbits(64)
        words[_WORKERS], words[_VERSION], words[_MAGIC] = workers, VERSION, MAGIC
        words.release()
        return cls(mapped, now_ns)

    @classmethod
    def open(cls, path: Path, *, now_ns: Callable[[], int] = boottime_ns) -> SharedPage:
        """The page that another process made. Raises OSError, BadPage."""
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            if os.fstat(descriptor).st_size != PAGE_BYTES:
                raise BadPage("not a shared page of this version")
            mapped = mmap.mmap(descriptor, PAGE_BYTES)
        finally:
            os.close(descriptor)
        return cls(mapped, now_ns)

    def close(self) -> None:
        """Unmap; slots and their counters must not be used afterwards."""
        for slot in getattr(self, "slots", ()):
            slot.counters.release()
        self._words.release()
        self._map.close()

    @property
    def lease_deadline_ns(self) -> int:
        """Until when this node may serve, on CLOCK_BOOTTIME; 0 when it never held a lease."""
        return int(self._words[_DEADLINE])

    @lease_deadline_ns.setter
    def lease_deadline_ns(self, deadline: int) -> None:
        self._words[_DEADLINE] = deadline

    @property
    def applied(self) -> int:
        """Events that every worker must have taken in before it serves. Only ever rises."""
        return int(self._words[_APPLIED])

    @applied.setter
    def applied(self, number: int) -> None:
        self._words[_APPLIED] = number

    def is_current(self, applied: int, now_ns: int) -> bool:
        """Does a lease run, and is `applied` all that there is to apply? Both at once, for every hit asks."""
        words = self._words
        return words[_DEADLINE] > now_ns and words[_APPLIED] == applied

    @property
    def agent(self) -> int:
        """Random id of the agent's present start; 0 before the first."""
        return int(self._words[_AGENT])

    @agent.setter
    def agent(self, boot: int) -> None:
        self._words[_AGENT] = boot

    @property
    def erased(self) -> int:
        """Events that forbade something for good. Only ever rises."""
        return int(self._words[_ERASED])

    @erased.setter
    def erased(self, number: int) -> None:
        self._words[_ERASED] = number

    @property
    def forgotten(self) -> int:
        """As many of these happened before the oldest worker process began."""
        return int(self._words[_FORGOTTEN])

    @forgotten.setter
    def forgotten(self, number: int) -> None:
        self._words[_FORGOTTEN] = number

    @property
    def nonce(self) -> int:
        """Of the origin's last answer to this start of the node; 0 before the first."""
        return int(self._words[_NONCE])

    @nonce.setter
    def nonce(self, nonce: int) -> None:
        self._words[_NONCE] = nonce

    @property
    def start(self) -> str:
        """Id of this start of the node, 32 hex digits: an agent that is started again goes on under it. Empty before the first."""
        high, low = self._words[_START_HIGH], self._words[_START_LOW]
        return f"{high:016x}{low:016x}" if high or low else ""

    @start.setter
    def start(self, start: str) -> None:
        self._words[_START_HIGH], self._words[_START_LOW] = int(start[:16], 16), int(start[16:], 16)

    @property
    def probe_key(self) -> bytes:
        """32 random bytes, by which this node's questions to its own listener are known (edge.own_probe)."""
        return self._words[_PROBE_KEY].tobytes()

    @property
    def workers(self) -> int:
        """Configured number of workers: slots 0 to workers - 1 are theirs."""
        return int(self._words[_WORKERS])

    def live_slots(self) -> tuple[int, ...]:
        """Slots whose worker accepts connections."""
        return tuple(slot.index for slot in self.slots[: self.workers] if slot.pid and slot.listening)
