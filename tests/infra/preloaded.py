"""`python -m origin`, forked from one process that has imported it: to import is most of what a start takes, and the same each time.

    process = origin(environment, log)      # as `subprocess.Popen` would give it, stdout a pipe
    process.stdout.readline()

It is the same code from `main` on, in a process of its own with an environment of its own. Two things are left to those that begin
anew (`OriginProcess(…, anew=True)`, `domicile serve` in tests/e2e): what freed memory holds (domicile.service.freed_memory has to
stand in the environment before a process begins), and that everything is imported in the order in which a user's process does.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from tests.infra.last_call import last_call

MODULES = ("uvloop", "origin.server", "origin.settings", "origin.__main__")
MESSAGE_BYTES_MAX = 128 * 1024
ANSWER_SECONDS_MAX = 60.0
"""On a machine that does other things; the first one waits for the imports."""
CODE_BYTES_MAX = 16
DESCRIPTORS_MAX = 1024
ROOT = Path(__file__).parents[2]

_turn = threading.Lock()
"""One asks at a time."""


class Preloaded:
    """One that runs; what tests use of `subprocess.Popen`."""

    def __init__(self, pid: int, stdout: IO[bytes], status: int) -> None:
        self.pid = pid
        self.stdout: IO[bytes] | None = stdout
        self.returncode: int | None = None
        self._status = status

    def poll(self) -> int | None:
        return self._ended(0.0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("origin", timeout or 0.0)
        return code

    def _ended(self, seconds_max: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], seconds_max)[0]:
            told = os.read(self._status, CODE_BYTES_MAX)
            os.close(self._status)
            self.returncode = int(told) if told else -signal.SIGKILL  # it went with the one that forked it
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def origin(environment: Mapping[str, str], log: IO[bytes]) -> Preloaded:
    """With these variables alone."""
    (out, out_theirs), (status, status_theirs) = os.pipe(), os.pipe()
    try:
        descriptors = [out_theirs, log.fileno(), status_theirs]
        with _turn:
            socket.send_fds(_forker(), [json.dumps(dict(environment)).encode()], descriptors)
            pid = int(_forker().recv(CODE_BYTES_MAX))
    finally:
        os.close(out_theirs)
        os.close(status_theirs)
    return Preloaded(pid, os.fdopen(out, "rb"), status)


@functools.cache
def _forker() -> socket.socket:
    """This process's; it ends with the socket, and takes along what it has forked."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [sys.executable, "-m", "tests.infra.preloaded", str(theirs.fileno())]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    ours.settimeout(ANSWER_SECONDS_MAX)
    atexit.register(_end, ours, process)
    return ours


def _end(control: socket.socket, process: subprocess.Popen[bytes]) -> None:
    control.close()
    process.wait(ANSWER_SECONDS_MAX)


# --- the process that forks -------------------------------------------------------------------------------------------


def main(control: socket.socket) -> None:
    for module in MODULES:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    running: dict[int, tuple[int, int]] = {}
    """Descriptor of the process -> its pid, and where its status is told."""
    try:
        while True:
            ready, _, _ = select.select([control.fileno(), *running], [], [])
            for end in ready:
                if end == control.fileno():
                    message, descriptors, _, _ = socket.recv_fds(control, MESSAGE_BYTES_MAX, 3)
                    if not message:
                        return
                    pid = _forked(json.loads(message), descriptors)
                    running[os.pidfd_open(pid)] = (pid, descriptors[2])
                    control.send(str(pid).encode())
                else:
                    pid, status = running.pop(end)
                    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                    os.close(end)
                    with suppress(BrokenPipeError):
                        os.write(status, str(code).encode())
                    os.close(status)
    finally:
        for pid, _ in running.values():
            os.kill(pid, signal.SIGKILL)


def _forked(environment: Mapping[str, str], descriptors: list[int]) -> int:
    if (pid := os.fork()) == 0:
        last_call(functools.partial(_become, environment, descriptors))
    for descriptor in descriptors[:2]:
        os.close(descriptor)
    return pid


def _become(environment: Mapping[str, str], descriptors: list[int]) -> int | str | None:
    """From the fork to what the origin's `main` comes to."""
    os.dup2(descriptors[0], 1)
    os.dup2(descriptors[1], 2)
    os.closerange(3, DESCRIPTORS_MAX)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["origin"]
    random.seed()
    gc.unfreeze()  # one that begins anew knows of all that it has imported
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return importlib.import_module("origin.__main__").main()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C goes to all; it ends with its socket
    main(socket.socket(fileno=int(sys.argv[1])))
