"""Forks that run tests, and what they answer."""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import pytest

OURS = frozenset({"domicile", "edge", "origin", "tests"})
SAID_BYTES_MAX = 4000
BROKEN = 70
"""Exit code of a run that did not come to its answer."""
STARTS = frozenset({"os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "pty.spawn", "subprocess.Popen"})
"""What Python tells its auditors when a process starts another one."""

End: TypeAlias = "Callable[[int, dict[str, Any]], NoReturn]"
"""Takes an exit code and what is to be answered."""


@dataclass(slots=True)
class Watch:
    """A plugin: what happened to the tests of a run."""

    broken: list[str] = field(default_factory=list)
    """Ids of those that something failed of, be it what was set up for them."""
    failed: list[str] = field(default_factory=list)
    """Ids of those whose own code failed."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Id -> reason."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Id -> how long it took, with what was set up for it."""
    on_failed: Callable[[], None] = lambda: None
    """Called when the code of a test has failed, before what was set up for it is taken down."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            print(report.longreprtext)
            self.broken.append(report.nodeid)
        if report.failed and report.when == "call":
            self.failed.append(report.nodeid)
            self.on_failed()
        if report.skipped and not hasattr(report, "wasxfail"):
            told = report.longrepr
            self.skipped[report.nodeid] = told[2] if isinstance(told, tuple) else str(told)

    def facts(self, tree: Path) -> dict[str, Any]:
        return {
            "broken": self.broken,
            "failed": self.failed,
            "skipped": self.skipped,
            "seconds": self.seconds,
            "strangers": strangers(tree),
        }


class Alone:
    """Whether this process has started no other one, so that it may end without taking down what it has set up."""

    def __init__(self) -> None:
        self._has_started = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, _: tuple[object, ...]) -> None:
        if event in STARTS:
            self._has_started = True

    def __bool__(self) -> bool:
        return not self._has_started and not has_children()


def has_children() -> bool:
    """True also where the system does not tell."""
    try:
        told = [file.read_text("ascii") for file in Path("/proc/self/task").glob("*/children")]
    except OSError:
        return True
    return any(told) or not told


def answered(seconds_max: float, work: Callable[[End], NoReturn]) -> dict[str, Any]:
    """What the work told in a fork, its exit code (None after so many seconds), and what it printed."""
    with (
        tempfile.TemporaryFile() as said,
        tempfile.TemporaryFile() as found,
        tempfile.TemporaryDirectory(prefix="m-", ignore_cleanup_errors=True) as place,
    ):
        if (child := os.fork()) == 0:
            become(work, said.fileno(), found.fileno(), place)
        code = waited(child, seconds_max)
        said.seek(max(0, said.seek(0, os.SEEK_END) - SAID_BYTES_MAX))
        found.seek(0)
        facts = json.loads(found.read() or "{}")
        return {**facts, "exit": code, "said": said.read().decode("utf-8", "replace")}


def waited(child: int, seconds_max: float) -> int | None:
    """Its exit code; None when it had to be ended. What it left running ends, too."""
    end = os.pidfd_open(child)
    try:
        ended = bool(select.select([end], [], [], seconds_max)[0])
    finally:
        os.close(end)
        for end_it in (os.kill, os.killpg):
            with suppress(ProcessLookupError):
                end_it(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(status) if ended else None


def become(work: Callable[[End], NoReturn], said: int, found: int, place: str) -> NoReturn:
    """In the fork. Its temporary files have a place of their own: it may end without removing them, and many pytests that make and
    clear directories in one place trip over each other at their ends.
    """

    def end(code: int, facts: dict[str, Any]) -> NoReturn:
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(found, json.dumps(facts).encode())
        os._exit(code)

    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(said, 1)
        os.dup2(said, 2)
        os.environ["TMPDIR"] = os.environ["PYTEST_DEBUG_TEMPROOT"] = place
        tempfile.tempdir = None
        work(end)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(BROKEN)


def enter(tree: Path) -> None:
    """Import from there, in this process and in those that it starts."""
    os.chdir(tree)
    os.environ["PYTHONPATH"] = str(tree)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False  # a tree has many runs, and its processes read what was compiled
    if sys.path[0] != str(tree):
        sys.path.insert(0, str(tree))
    importlib.invalidate_caches()


def strangers(tree: Path) -> list[str]:
    """Modules of ours that were imported from elsewhere."""
    ours = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in OURS}
    files = {name: getattr(module, "__file__", None) for name, module in ours.items()}
    return sorted(name for name, file in files.items() if file is not None and not Path(file).is_relative_to(tree))
