"""Where mutants are tried: a copy of the tree, one more for each mutant that differs by its patch, and a zygote for the runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from tests.corpus import CORPUS

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("domicile", "edge", "origin", "tests", "pyproject.toml", "README.md")
OPTIONS = ("-q", "-x", "-n0", "-p", "no:cacheprovider", "--databases=sqlite")
TEST_SECONDS_MAX = 120.0
MUTATED_SECONDS_MIN = 10.0
MUTATED_TIMES_MAX = 10.0
"""Without its guard many a test waits for what never comes. It is red when it takes so many times what it took with it, and so long."""
ENDING_SECONDS_MAX = 5.0
"""For a test that its own limit has ended; then its process is ended."""
ZYGOTE_SECONDS_MAX = 30.0


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """See zygote.py, whose answers these are."""

    exit: int | None
    failed: list[str]
    skipped: list[str]
    strangers: list[str]
    said: str
    seconds: float


class Laboratory:
    """Trees of one process that runs tests, under `directory`."""

    def __init__(self, directory: Path) -> None:
        self.tree = directory / "healthy"
        self._directory = directory
        self._healthy: dict[str, Run] = {}
        self._zygote: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.tree.mkdir()
        for name in COPIED:
            if (source := ROOT / name).is_dir():
                shutil.copytree(source, self.tree / name, ignore=shutil.ignore_patterns("golden"))
            else:
                shutil.copy2(source, self.tree / name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._zygote is not None:
            self._zygote.communicate(timeout=ZYGOTE_SECONDS_MAX)  # it ends with its input

    def healthy(self, test: str) -> Run:
        """The test on the tree as it is, once."""
        if (known := self._healthy.get(test)) is None:
            known = self._healthy[test] = self._run(self.tree, test, TEST_SECONDS_MAX)
        return known

    def mutated(self, test: str, patch: Path, files: tuple[str, ...]) -> Run:
        """The test on a tree that differs in these files. AssertionError when the patch does not apply."""
        tree = self._directory / patch.stem
        self._branch(tree, files)
        command = ["patch", "-p1", "--fuzz=2", "--no-backup-if-mismatch", "-i", str(patch)]
        applied = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
        assert applied.returncode == 0, f"{patch.name} no longer applies: rewrite it\n{applied.stdout}"
        try:
            seconds_max = max(MUTATED_SECONDS_MIN, MUTATED_TIMES_MAX * self.healthy(test).seconds)
            return self._run(tree, test, min(seconds_max, TEST_SECONDS_MAX))
        finally:
            shutil.rmtree(tree)

    def _branch(self, tree: Path, files: tuple[str, ...]) -> None:
        """The healthy tree once more, by links; `files` are copies, and what was compiled of them stays behind."""
        shutil.copytree(self.tree, tree, copy_function=os.link)
        for file in map(Path, files):
            for compiled in (tree / file.parent).glob(f"__pycache__/{file.stem}.*"):
                compiled.unlink()
            with suppress(FileNotFoundError):  # a patch may add a file
                (tree / file).unlink()
                shutil.copy2(self.tree / file, tree / file)

    def _run(self, tree: Path, test: str, seconds_max: float) -> Run:
        """AssertionError when modules came from elsewhere: such a run says nothing about this tree."""
        zygote = self._zygote = self._zygote or _started()
        assert zygote.stdin is not None
        assert zygote.stdout is not None
        asked: dict[str, Any] = {
            "tree": str(tree),
            "test": test,
            "options": [*OPTIONS, "-o", f"timeout={seconds_max}"],
            "seconds_max": seconds_max + ENDING_SECONDS_MAX,
        }
        print(json.dumps(asked), file=zygote.stdin, flush=True)
        done = msgspec.json.decode(zygote.stdout.readline(), type=Run)
        assert not done.strangers, f"imported from elsewhere than {tree}: {done.strangers}"
        return done


def _started() -> subprocess.Popen[str]:
    command = [sys.executable, "-P", str(Path(__file__).with_name("zygote.py"))]
    environment = dict(os.environ)
    if CORPUS is not None:  # beside the checkout is not beside a tree
        environment["DOMICILE_CORPUS"] = str(CORPUS)
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
