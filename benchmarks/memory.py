"""Resident memory of a running stack, process by process, also while something happens."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.load import children
from tests.e2e.stack import Stack

SAMPLE_SECONDS = 0.01
FORGET_PEAKS = b"5"
"""Written to clear_refs, it makes the kernel count a process's peak anew."""
DECODERS = ("decoder", "decoder-zygote")
"""Names that decoders give themselves; they come and go."""


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    role: str
    """"edge worker", "edge agent", "edge", "origin", "decoder", …"""
    resident_bytes: int
    peak_bytes: int
    """The most that it ever held, by the kernel's own count: no sampling can miss it while the process lives."""
    own_bytes: int
    """Without what is mapped from files: libraries count once for the machine, not once a process."""


def processes(stack: Stack) -> list[Process]:
    """`domicile serve` and everything below it: both tiers, their workers and their decoders."""
    assert stack.process is not None
    top = stack.process.pid
    found = []
    for pid in (top, *children(top)):
        with contextlib.suppress(OSError, StopIteration):  # ended meanwhile
            found.append(_process(pid))
    return found


def _process(pid: int) -> Process:
    status = Path(f"/proc/{pid}/status").read_text("utf-8", "replace")
    sizes = {name: int(number) * 1024 for name, number in re.findall(r"^(\w+):\s+(\d+) kB$", status, re.MULTILINE)}
    return Process(
        pid=pid,
        role=_role(pid, status),
        resident_bytes=sizes.get("VmRSS", 0),
        peak_bytes=sizes.get("VmHWM", 0),
        own_bytes=sizes.get("RssAnon", 0) + sizes.get("RssShmem", 0),
    )


def _role(pid: int, status: str) -> str:
    name = status.partition("\n")[0].partition("\t")[2]
    if name in DECODERS:
        return name
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    after = words[words.index("-m") + 1 :] if "-m" in words else words
    kind = after[1] if after[0] == "edge" and len(after) > 1 and not after[1].startswith("-") else ""
    return f"{after[0]} {kind}".strip()


@dataclass(slots=True)
class Peaks:
    """The most that was seen, filled in while the watched block runs."""

    by_role: dict[str, int] = field(default_factory=dict)
    """The largest process of each role, by its own peak."""
    own_bytes: int = 0
    """All processes together, at the worst sample."""
    samples: int = 0

    def look(self, found: list[Process]) -> None:
        for process in found:
            self.by_role[process.role] = max(self.by_role.get(process.role, 0), process.peak_bytes)
        self.own_bytes = max(self.own_bytes, sum(process.own_bytes for process in found))
        self.samples += 1

    @property
    def largest_bytes(self) -> int:
        return max(self.by_role.values())


@contextmanager
def watched(look: Callable[[], list[Process]]) -> Iterator[Peaks]:
    """Look every SAMPLE_SECONDS while the block runs, so that a process that is killed meanwhile is seen before."""
    for process in look():
        with contextlib.suppress(OSError):  # ended meanwhile, or a kernel without it: then peaks are those of its life
            Path(f"/proc/{process.pid}/clear_refs").write_bytes(FORGET_PEAKS)
    peaks, ended = Peaks(), threading.Event()

    def watch() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            peaks.look(look())

    thread = threading.Thread(target=watch, daemon=True)
    peaks.look(look())
    thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        thread.join()
        peaks.look(look())
