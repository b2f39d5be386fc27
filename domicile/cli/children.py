"""Child processes of `domicile serve`: started, waited for, watched, drained. Only our own children are signalled.

A child is `python -m edge` or `python -m origin`. When it accepts requests it writes one JSON object as a line on stdout, with the
event "ready" or "NAME_ready"; its log goes to our stderr. Each child leads a process group of its own, so
that Ctrl-C at the terminal reaches us alone and we decide the order; and the kernel ends it when we are killed.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from domicile.cli.failure import Failure

LOOK_SECONDS = 0.05
KILL_SECONDS_MAX = 5.0
"""How long a killed child may take to be gone."""
READY_LINE_BYTES_MAX = 64 * 1024

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


def _end_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


@dataclass(slots=True)
class Child:
    """One tier, running."""

    name: str
    process: subprocess.Popen[bytes]
    ready: dict[str, Any] | None = None
    """What its ready line said; None before it."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def start(cls, name: str, *words: str, config: Path | None, environment: Mapping[str, str]) -> Child:
        """Run `python -P -m NAME WORDS`: -P keeps a directory called `edge` in the working directory from being taken for ours."""
        command = [sys.executable, "-P", "-m", name, *words]
        if config is not None:
            command += ["--config", str(config)]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment},
            process_group=0,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 — one prctl call, and no thread of ours holds a lock yet
        )
        child = cls(name=name, process=process)
        assert process.stdout is not None
        threading.Thread(target=child._listen, args=(process.stdout,), daemon=True).start()
        return child

    def _listen(self, stdout: IO[bytes]) -> None:
        """Take the ready line; hand everything else on, so that the pipe never fills."""
        while line := stdout.readline(READY_LINE_BYTES_MAX):
            said = _ready_line(line, self.name)
            if said is None:
                sys.stderr.buffer.write(line)
                sys.stderr.buffer.flush()
            else:
                with self._lock:
                    self.ready = said

    @property
    def is_ready(self) -> bool:
        with self._lock:
            return self.ready is not None

    @property
    def exit_code(self) -> int | None:
        return self.process.poll()

    def describe_end(self) -> str:
        """Why it is gone, in words."""
        code = self.process.returncode
        if code is not None and code < 0:
            return f"the {self.name} was ended by {signal.Signals(-code).name}"
        return f"the {self.name} ended with exit code {code}; its last lines above say why"

    def ask_to_end(self) -> None:
        if self.exit_code is None:
            self.process.send_signal(signal.SIGTERM)

    def end(self, seconds_max: float, *, hurry: Callable[[], bool]) -> int:
        """Drain: SIGTERM, wait at most `seconds_max` or until `hurry()`, then SIGKILL. Returns its exit code."""
        self.ask_to_end()
        deadline = time.monotonic() + seconds_max
        while self.exit_code is None and time.monotonic() < deadline and not hurry():
            time.sleep(LOOK_SECONDS)
        if self.exit_code is None:
            self.process.kill()
        return self.process.wait(KILL_SECONDS_MAX)


def _ready_line(line: bytes, name: str) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) and said.get("event") in {"ready", f"{name}_ready"} else None


class Signals:
    """Ctrl-C and SIGTERM, counted: the first asks to drain, the second to hurry."""

    def __init__(self) -> None:
        self.count = 0

    def install(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._take)

    def _take(self, _number: int, _frame: object) -> None:
        self.count += 1

    @property
    def asked(self) -> bool:
        return self.count > 0

    @property
    def hurry(self) -> bool:
        return self.count > 1


class Stopped(Exception):
    """We were asked to end while the tiers were starting."""


def wait_ready(child: Child, others: list[Child], *, seconds_max: float, signals: Signals) -> None:
    """Wait for the ready line. Raises Failure when anybody ends first or time runs out, Stopped on a signal."""
    deadline = time.monotonic() + seconds_max
    while not child.is_ready:
        check_alive([child, *others])
        if signals.asked:
            raise Stopped
        if time.monotonic() > deadline:
            raise Failure(f"the {child.name} was not ready after {seconds_max:g} s (serve.start_seconds_max)")
        time.sleep(LOOK_SECONDS)


def check_alive(children: list[Child]) -> None:
    """Raises Failure naming the first child that is gone; exit code 2 of a child (bad configuration) becomes ours."""
    for child in children:
        if child.exit_code is not None:
            raise Failure(child.describe_end(), 2 if child.exit_code == 2 else 1)


def watch(children: list[Child], signals: Signals) -> None:
    """Until a signal. Raises Failure when a child ends by itself."""
    while not signals.asked:
        check_alive(children)
        time.sleep(LOOK_SECONDS)


def end_all(children: list[Child], *, seconds_max: float, signals: Signals) -> list[str]:
    """Drain in the given order; one deadline for all. Returns the names of those that did not end well."""
    deadline = time.monotonic() + seconds_max
    bad = []
    for child in children:
        was_gone = child.exit_code is not None
        code = child.end(max(0.0, deadline - time.monotonic()), hurry=lambda: signals.hurry)
        if code != 0 and not was_gone:
            bad.append(child.name)
    return bad
