"""Load and its cost: wrk on one core, CPU time and memory of process trees from /proc."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}


@dataclass(frozen=True, slots=True)
class Run:
    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """CPU microseconds of the server per request, user and system."""
    errors: int


def wrk(url: str, pids: Iterable[int], *, seconds: int, connections: int = 64, core: int = 1) -> Run:
    """Hammer one URL and charge the CPU time to `pids`."""
    pids = list(pids)
    before = cpu_seconds(pids)
    command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    text = subprocess.run(
        [*command, "-H", "Accept: image/avif,image/webp,*/*;q=0.8", url], capture_output=True, text=True, check=True
    ).stdout
    return parse(text, cpu_seconds=cpu_seconds(pids) - before)


def parse(text: str, *, cpu_seconds: float) -> Run:
    """What wrk said. Lines are matched whole: "97.99%" in the line of the standard deviation is no percentile."""
    requests = int(_one(r"^\s*(\d+) requests in ", text))
    errors = sum(int(n) for n in re.findall(r"(?:connect|read|write|timeout) (\d+)", text))
    errors += int(match[1]) if (match := re.search(r"^\s*Non-2xx or 3xx responses: (\d+)", text, re.MULTILINE)) else 0
    return Run(
        requests=requests,
        per_second=float(_one(r"^Requests/sec:\s+([\d.]+)", text)),
        p50_ms=_milliseconds(_one(r"^\s*50%\s+(\S+)\s*$", text)),
        p99_ms=_milliseconds(_one(r"^\s*99%\s+(\S+)\s*$", text)),
        cpu_us=cpu_seconds / max(requests, 1) * 1e6,
        errors=errors,
    )


def _one(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        raise RuntimeError(f"wrk said something else than expected:\n{text}")
    return match[1]


def _milliseconds(text: str) -> float:
    match = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text)
    if match is None:
        raise RuntimeError(f"not a duration: {text!r}")
    return float(match[1]) * UNITS[match[2]]


def cpu_seconds(pids: Iterable[int]) -> float:
    """Of those that still run: an idle decoder may end in the middle, and hits do not work it."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += int(fields[11]) + int(fields[12])  # utime, stime
    return total / TICKS


def rss_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1]) * PAGE_BYTES


def peak_rss_bytes(pid: int) -> int:
    match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("utf-8"))
    return int(match[1]) * 1024 if match else 0


def children(pid: int) -> list[int]:
    """Every descendant of a process."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text("utf-8").split():
            found += [int(child), *children(int(child))]
    return found


def pin(pids: Iterable[int], core: int) -> None:
    for pid in pids:
        os.sched_setaffinity(pid, {core})
