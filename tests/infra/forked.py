"""Commands of ours, each in a fork of one process that has imported them: to import is most of what a command takes that ends at once.

A line of JSON on stdin asks, a line on stdout answers:

    {"module": "origin.__main__", "words": ["--config", "x"], "environment": {…}, "seconds_max": 50}
    {"code": 2, "said": "origin: …"}
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.infra.last_call import last_call

COMMANDS = {"domicile": "domicile.cli.main", "origin": "origin.__main__", "edge": "edge.__main__"}
SECONDS_MAX = 50.0
END_SECONDS_MAX = 10.0


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    said: str
    """On stdout and stderr."""


class Commands:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, command: str, words: Sequence[str], environment: Mapping[str, str]) -> Ended:
        """One of COMMANDS, with these variables alone."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"module": COMMANDS[command], "words": list(words), "environment": dict(environment)}
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        return Ended(**json.loads(self._process.stdout.readline()))


@contextmanager
def commands() -> Iterator[Commands]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.infra.forked"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Commands(process)
        process.communicate(timeout=END_SECONDS_MAX)  # it ends with its input


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    for module in COMMANDS.values():
        importlib.import_module(module)
    for line in sys.stdin:
        asked = json.loads(line)
        with tempfile.TemporaryFile() as said:
            if (child := os.fork()) == 0:
                last_call(partial(become, asked, said.fileno()))
            code = waited(child)
            said.seek(0)
            answer = {"code": code, "said": said.read().decode("utf-8", "replace")}
        print(json.dumps(answer), file=answers, flush=True)


def waited(child: int) -> int:
    """Its exit code; that of SIGKILL when it had to be ended."""
    end = os.pidfd_open(child)
    try:
        if not select.select([end], [], [], SECONDS_MAX)[0]:
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
    finally:
        os.close(end)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def become(asked: Mapping[str, Any], said: int) -> int | str | None:
    """In a fork: what `main` of the module comes to."""
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = [asked["module"], *asked["words"]]
    return importlib.import_module(asked["module"]).main()


if __name__ == "__main__":
    main()
