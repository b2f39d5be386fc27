"""Where mutants are tried: a copy of the tree, one more for each mutant that differs by its patch, and a zygote for the runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from tests.corpus import CORPUS

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("domicile", "edge", "origin", "tests", "pyproject.toml", "README.md")
OPTIONS = ("-q", "-n0", "-p", "no:cacheprovider", "--databases=sqlite")
TEST_SECONDS_MAX = 120.0
TESTS_TOGETHER_MAX = 2
"""So many of them may take all of their time; the rest is quick."""
MUTATED_SECONDS_MIN = 10.0
MUTATED_TIMES_MAX = 10.0
"""Without its guard many a test waits for what never comes. It is red when it takes so many times what it took with it, and so long."""
ENDING_SECONDS_MAX = 5.0
"""For a test that its own limit has ended; then its process is ended."""
ZYGOTE_SECONDS_MAX = 30.0


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """See zygote.py, whose answers these are."""

    exit: int | None
    broken: list[str]
    failed: list[str]
    skipped: dict[str, str]
    seconds: dict[str, float]
    strangers: list[str]
    said: str

    def of(self, test: str) -> Run:
        """What one of several tests was; a test may have parameters, and be many."""

        def is_it(each: str) -> bool:
            return each == test or each.startswith((f"{test}[", f"{test}::"))

        broken = list(filter(is_it, self.broken))
        seconds = {each: seconds for each, seconds in self.seconds.items() if is_it(each)}
        return msgspec.structs.replace(
            self,
            exit=self.exit if self.exit not in {0, 1} else int(bool(broken) or not seconds),
            broken=broken,
            failed=list(filter(is_it, self.failed)),
            skipped={each: why for each, why in self.skipped.items() if is_it(each)},
            seconds=seconds,
        )


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

    def healthy(self, test: str, with_it: Collection[str] = ()) -> Run:
        """The test on the tree as it is, once; together with others that will be asked for, since most of a run is its start."""
        if test not in self._healthy:
            tests = sorted({test, *with_it})
            run = self._run(self.tree, tests, TEST_SECONDS_MAX)
            self._healthy |= {each: run.of(each) for each in tests}
        return self._healthy[test]

    def mutated(self, test: str, patch: Path, files: tuple[str, ...]) -> Run:
        """The test on a tree that differs in these files. AssertionError when the patch does not apply."""
        tree = self._directory / patch.stem
        self._branch(tree, files)
        command = ["patch", "-p1", "--fuzz=2", "--no-backup-if-mismatch", "-i", str(patch)]
        applied = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
        assert applied.returncode == 0, f"{patch.name} no longer applies: rewrite it\n{applied.stdout}"
        try:
            seconds_max = max(MUTATED_SECONDS_MIN, MUTATED_TIMES_MAX * sum(self.healthy(test).seconds.values()))
            return self._run(tree, [test], min(seconds_max, TEST_SECONDS_MAX), "-x")
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

    def _run(self, tree: Path, tests: list[str], seconds_max: float, *options: str) -> Run:
        """AssertionError when modules came from elsewhere: such a run says nothing about this tree."""
        zygote = self._zygote = self._zygote or _started()
        assert zygote.stdin is not None
        assert zygote.stdout is not None
        asked: dict[str, Any] = {
            "tree": str(tree),
            "tests": tests,
            "options": [*OPTIONS, *options, "-o", f"timeout={seconds_max}"],
            "seconds_max": seconds_max * min(len(tests), TESTS_TOGETHER_MAX) + ENDING_SECONDS_MAX,
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
