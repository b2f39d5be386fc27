"""A probe of hits: one request at a time, 200 a second, on one connection, by a process that waits for nothing but the answer.

wrk shares its core with decoders, origin and whoever asks for transforms, so each percentile of its answers holds its own waiting for
that core. The probe has the same core, and real-time priority (SCHED_FIFO): whenever its answer is there, it runs. What it measures
is from before the first byte of a request is sent to after the last one of the answer is read: the edge, and the kernel.

Where the system does not let it have that priority, `realtime` is False, and `late_p99_ms` says how long it waited for its
core all the same: how much later than it was due a request began, for no answer's sake.

    python -m benchmarks.probe --port 8080 --path /demo/image/upload/sample --seconds 3 --core 1
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.load import BROWSER

PER_SECOND = 200.0
PRIORITY = 1
"""The lowest of SCHED_FIFO, which is above all that is not real-time."""
ANSWER_SECONDS_MAX = 5.0
HEAD_BYTES_MAX = 64 * 1024
MARGIN_SECONDS = 30.0
"""To start, and to end."""
_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    late_p99_ms: float
    realtime: bool
    errors: int


def probe(port: int, path: str, *, seconds: float, core: int | None) -> Probed:
    """In a process of its own. `core`: None for wherever the kernel likes. Raises CalledProcessError, TimeoutExpired."""
    command = [sys.executable, "-m", "benchmarks.probe", f"--port={port}", f"--path={path}", f"--seconds={seconds}"]
    command += [] if core is None else [f"--core={core}"]
    root = Path(__file__).parents[1]
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, check=True, timeout=seconds + MARGIN_SECONDS
    )
    return Probed(**json.loads(done.stdout))


def percentile(values: Sequence[float], share: float) -> float:
    """The least of them that is not below so many of all; 0 of none.

    >>> percentile([4.0, 1.0, 3.0, 2.0], 0.5)
    2.0
    """
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1] if values else 0.0


def measured(connection: socket.socket, request: bytes, *, seconds: float, realtime: bool) -> Probed:
    """Ask at fixed moments, each time after the answer before."""
    took, late, errors = list[float](), list[float](), 0
    began = free = time.perf_counter()
    for number in range(round(seconds * PER_SECOND)):
        due = began + number / PER_SECOND
        time.sleep(max(0.0, due - time.perf_counter()))
        asked = time.perf_counter()
        late.append(asked - max(due, free))
        try:
            connection.sendall(request)
            answered(connection)
        except (OSError, ValueError):
            errors += 1  # what comes after half an answer says nothing
            break
        free = time.perf_counter()
        took.append(free - asked)
    return Probed(
        requests=len(took),
        per_second=len(took) / max(free - began, 1e-9),
        p50_ms=percentile(took, 0.5) * 1e3,
        p99_ms=percentile(took, 0.99) * 1e3,
        max_ms=max(took, default=0.0) * 1e3,
        late_p99_ms=percentile(late, 0.99) * 1e3,
        realtime=realtime,
        errors=errors,
    )


def answered(connection: socket.socket) -> None:
    """Read one answer. OSError; ValueError for anything but a whole 200 on a connection that stays open."""
    got, end = bytearray(), -1
    while end < 0:
        end = _more(connection, got).find(b"\r\n\r\n")
        if end < 0 and len(got) > HEAD_BYTES_MAX:
            raise ValueError("a head without an end")
    head = bytes(got[: end + 4])
    length = _LENGTH.search(head)
    if not head.startswith(b"HTTP/1.1 200 ") or length is None or b"\r\nConnection: close\r\n" in head:
        raise ValueError("another answer")
    whole = end + 4 + int(length[1])
    while len(got) < whole:
        _more(connection, got)
    if len(got) > whole:
        raise ValueError("more than one answer")


def _more(connection: socket.socket, got: bytearray) -> bytearray:
    piece = connection.recv(256 * 1024)
    if not piece:
        raise ValueError("the end of the connection")
    got += piece
    return got


def take_priority() -> bool:
    """Is this process ahead of all that is not real-time from now on?"""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except OSError:
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.probe")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--core", type=int)
    given = parser.parse_args()
    if given.core is not None:
        os.sched_setaffinity(0, {given.core})
    fields = "".join(f"{name}: {value}\r\n" for name, value in BROWSER.items())
    request = f"GET {given.path} HTTP/1.1\r\nHost: 127.0.0.1:{given.port}\r\n{fields}\r\n".encode()
    with socket.create_connection(("127.0.0.1", given.port), ANSWER_SECONDS_MAX) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        gc.disable()
        found = measured(connection, request, seconds=given.seconds, realtime=take_priority())
    print(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
