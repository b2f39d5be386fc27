"""Where mutants are tried: a copy of the tree, to which one patch at a time is applied, and a zygote for the runs."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from tests.corpus import CORPUS
from tests.mutants.session import is_of

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("domicile", "edge", "origin", "tests", "pyproject.toml", "README.md")
OPTIONS = ("-q", "-s", "-n0", "-p", "no:cacheprovider", "--tb=native", "--databases=sqlite")
TEST_SECONDS_MAX = 120.0
TESTS_TOGETHER_MAX = 2
"""So many of them may take all of their time; the rest is quick."""
MUTATED_SECONDS_MIN = 4.0
MUTATED_TIMES_MAX = 6.0
"""Without its guard many a test waits for what never comes. It is red when it takes so many times what it took with it, and so long:
its own code, without what is set up for it, which another test has paid for in the healthy run.
"""
STARTING_SECONDS_MAX = 40.0
"""What is set up for a test of a mutant."""
ENDING_SECONDS_MAX = 5.0
"""For a test that its own limit has ended; then its process is ended."""
ZYGOTE_SECONDS_MAX = 30.0


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """See zygote.py, whose answers these are."""

    exit: int | None
    said: str
    broken: list[str] = []
    failed: list[str] = []
    skipped: dict[str, str] = {}
    seconds: dict[str, float] = {}
    strangers: list[str] = []
    unlike: str = ""

    @property
    def is_red(self) -> bool:
        """Without a limit in time some tests do not end: that is red, too."""
        return self.exit is None or (self.exit == 1 and bool(self.failed))

    def of(self, test: str) -> Run:
        """What one of several tests was; a test may have parameters, and be many."""

        def is_it(each: str) -> bool:
            return is_of(each, test)

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
    """A tree under `directory`, and a process that runs tests in it."""

    def __init__(self, directory: Path) -> None:
        self.tree = directory / "tree"
        self._aside = directory / "aside"
        self._seconds = itertools.count(1)
        self._healthy: dict[str, Run] = {}
        self._subject: frozenset[str] = frozenset()
        self._is_collected = False
        self._zygote: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.tree.mkdir()
        self._aside.mkdir()
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

    def attend(self, tests: Collection[str]) -> None:
        """What follows is about these tests: they are collected once for all their runs, the healthy ones too."""
        subject = frozenset(tests)
        if subject == self._subject:
            return
        if self._is_collected:
            self._ask({"forget": True})
        self._subject = subject
        answer = self._ask(
            {"tree": str(self.tree), "collect": sorted(tests), "options": self._options(TEST_SECONDS_MAX)}
        )
        self._is_collected = msgspec.json.decode(answer, type=dict[str, bool])["collected"]

    def healthy(self, test: str, with_it: Collection[str] = ()) -> Run:
        """The test on the tree as it is, once; together with others that will be asked for, since most of a run is its start."""
        if test not in self._healthy:
            tests = sorted({test, *with_it})
            is_held = self._is_collected and self._subject.issuperset(tests)
            run = (self.held if is_held else self._fresh)(tests, TEST_SECONDS_MAX)
            self._healthy |= {each: run.of(each) for each in tests}
        return self._healthy[test]

    def mutated(self, test: str, patch: Path, files: tuple[str, ...]) -> Run:
        """The test on a tree that differs in these files. AssertionError when the patch does not apply."""
        seconds_max = max(MUTATED_SECONDS_MIN, MUTATED_TIMES_MAX * sum(self.healthy(test).seconds.values()))
        seconds_max = min(seconds_max, TEST_SECONDS_MAX)
        with self.patched(patch, files) as before:
            if self._is_collected and test in self._subject:
                run = self.held([test], seconds_max, before)
                if run.is_red:
                    return run
            return self._fresh(
                [test], seconds_max, is_mutated=True
            )  # where a change of functions is not all, or not enough

    @contextmanager
    def patched(self, patch: Path, files: tuple[str, ...]) -> Iterator[dict[str, Path]]:
        """Until it ends the tree differs; then it is as it was, with what was compiled of it. Gives where the texts of before are."""
        kept: dict[Path, Path] = {}
        for path in self._of(files):
            kept[path] = self._aside / f"{len(kept)}"
            shutil.move(path, kept[path])
        try:
            for name in files:
                if (before := kept.get(self.tree / name)) is not None:  # a patch may add a file
                    shutil.copyfile(before, self.tree / name)
            command = ["patch", "-p1", "--fuzz=2", "--no-backup-if-mismatch", "-r", "-", "-i", str(patch)]
            applied = subprocess.run(command, cwd=self.tree, capture_output=True, text=True, check=False)
            assert applied.returncode == 0, f"{patch.name} no longer applies: rewrite it\n{applied.stdout}"
            for name in files:  # what is compiled of it belongs to a text of that second: never that of another one
                second = next(self._seconds)
                os.utime(self.tree / name, (second, second))
            yield {name: kept[self.tree / name] for name in files if self.tree / name in kept}
        finally:
            for path in self._of(files):
                path.unlink()
            for path, aside in kept.items():
                shutil.move(aside, path)

    def _of(self, files: Collection[str]) -> list[Path]:
        """Those that there are, and what was compiled of them."""
        paths = [self.tree / name for name in files]
        compiled = [found for path in paths for found in path.parent.glob(f"__pycache__/{path.stem}.*")]
        return [path for path in (*paths, *compiled) if path.is_file()]

    def held(self, tests: list[str], seconds_max: float, before: Mapping[str, Path] | None = None) -> Run:
        """By the pytest that has collected them. With `before` the tree differs."""
        changed = {name: str(path) for name, path in (before or {}).items()}
        limits = {"test_seconds_max": seconds_max, "seconds_max": _in_all(tests, seconds_max)}
        return self._answered({"tests": tests, "changed": changed, "first": before is not None, **limits})

    def _fresh(self, tests: list[str], seconds_max: float, *, is_mutated: bool = False) -> Run:
        """By a pytest of its own, which imports all of the tree anew."""
        options = [*self._options(seconds_max), "-o", f"timeout_func_only={is_mutated}"]
        asked = {"tree": str(self.tree), "fresh": True, "tests": tests, "options": options}
        return self._answered({**asked, "first": is_mutated, "seconds_max": _in_all(tests, seconds_max)})

    def _answered(self, asked: dict[str, Any]) -> Run:
        """AssertionError when modules came from elsewhere: it says nothing about this tree."""
        done = msgspec.json.decode(self._ask(asked), type=Run)
        assert not done.strangers, f"imported from elsewhere than {self.tree}: {done.strangers}"
        return done

    @staticmethod
    def _options(seconds_max: float) -> list[str]:
        return [*OPTIONS, "-o", f"timeout={seconds_max}"]

    def _ask(self, asked: dict[str, Any]) -> str:
        zygote = self._zygote = self._zygote or _started()
        assert zygote.stdin is not None
        assert zygote.stdout is not None
        print(json.dumps(asked), file=zygote.stdin, flush=True)
        return zygote.stdout.readline()


def _in_all(tests: Collection[str], seconds_max: float) -> float:
    """For a run of tests each of which has so much."""
    return STARTING_SECONDS_MAX + seconds_max * min(len(tests), TESTS_TOGETHER_MAX) + ENDING_SECONDS_MAX


def _started() -> subprocess.Popen[str]:
    environment = dict(os.environ)
    environment.pop("PYTHONSAFEPATH", None)  # it finds itself beside this
    if CORPUS is not None:  # beside the checkout is not beside a tree
        environment["DOMICILE_CORPUS"] = str(CORPUS)
    command = [sys.executable, "-m", "tests.mutants.zygote"]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
