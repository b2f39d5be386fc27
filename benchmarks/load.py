"""Load and its cost: wrk on one core, CPU time and memory of process trees from /proc."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}


BROWSER = {
    "Accept": "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    "Accept-Encoding": "gzip, deflate, br",
    "Accept-Language": "de-DE,de;q=0.9,en;q=0.7",
    "Sec-Fetch-Dest": "image",
    "Sec-Fetch-Mode": "no-cors",
    "Sec-Fetch-Site": "cross-site",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
}
"""What a browser sends for a picture of a page."""
HERE = Path(__file__).parent
UNIQUE_REFERER = HERE / "unique_referer.lua"
PACED = HERE / "paced.lua"


@dataclass(frozen=True, slots=True)
class Run:
    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """CPU microseconds of the server per request, user and system."""
    errors: int
    load_busy: float = 0.0
    """Share of its core that the load generator took: near 1, it was the limit, and only `cpu_us` compares servers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How a server is asked: `connections` that stay open, each with one request at a time."""

    connections: int = 64
    core: int | None = 1
    """None: wherever the kernel likes."""
    threads: int = 1
    script: Path | None = None
    """In Lua; it is given `arguments`."""
    arguments: tuple[str, ...] = ()

    def command(self, url: str, *, seconds: int) -> list[str]:
        pinned = [] if self.core is None else ["taskset", "-c", str(self.core)]
        words = ["wrk", f"-t{self.threads}", f"-c{self.connections}", f"-d{seconds}s", "--latency"]
        fields = [word for name, value in BROWSER.items() for word in ("-H", f"{name}: {value}")]
        script = [] if self.script is None else ["-s", str(self.script)]
        return [*pinned, *words, *fields, *script, url, *(("--", *self.arguments) if self.arguments else ())]


def wrk(url: str, pids: Callable[[], Iterable[int]], *, seconds: int, load: Load) -> Run:
    """Hammer one URL and charge the CPU time to `pids`: a process that starts meanwhile is charged, too."""
    before, own, began = cpu_by_pid(pids()), _load_seconds(), time.perf_counter()
    text = subprocess.run(load.command(url, seconds=seconds), capture_output=True, text=True, check=True).stdout
    busy = (_load_seconds() - own) / (time.perf_counter() - began) / load.threads
    return replace(parse(text, cpu_seconds=spent(before, cpu_by_pid(pids()))), load_busy=busy)


def _load_seconds() -> float:
    """Of children that have ended, which are load generators while one is run."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def spent(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """CPU seconds between two looks; what a process that ended took since the first is lost."""
    return sum(used - before.get(pid, 0.0) for pid, used in after.items())


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
        raise RuntimeError(f"something else was said than expected:\n{text}")
    return match[1]


def _milliseconds(text: str) -> float:
    match = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text)
    if match is None:
        raise RuntimeError(f"not a duration: {text!r}")
    return float(match[1]) * UNITS[match[2]]


def cpu_seconds(pids: Iterable[int]) -> float:
    """Of those that still run: an idle decoder may end in the middle, and hits do not work it."""
    return sum(cpu_by_pid(pids).values())


def cpu_by_pid(pids: Iterable[int]) -> dict[int, float]:
    """CPU seconds of each that still runs, user and system."""
    found = {}
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[pid] = (int(fields[11]) + int(fields[12])) / TICKS  # utime, stime
    return found


def core_ticks(core: int, stat: str) -> tuple[int, int]:
    """Busy and all ticks of one core so far, from the text of /proc/stat."""
    fields = [int(word) for word in _one(rf"^cpu{core} (.*)$", stat).split()]
    idle = fields[3] + fields[4]  # idle, iowait
    return sum(fields[:8]) - idle, sum(fields[:8])


def peak_rss_bytes(pid: int) -> int:
    match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("utf-8"))
    return int(match[1]) * 1024 if match else 0


def children(pid: int) -> list[int]:
    """Every descendant of a process; none of one that has ended."""
    found = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text("utf-8").split():
                found += [int(child), *children(int(child))]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def tree(pids: Iterable[int]) -> list[int]:
    """Those and their descendants."""
    return sorted({pid for top in pids for pid in (top, *children(top))})


def pin(pids: Iterable[int], core: int) -> None:
    """All threads of those that still run; what they start later inherits it."""
    for pid in pids:
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), {core})
        except (FileNotFoundError, ProcessLookupError):
            continue
