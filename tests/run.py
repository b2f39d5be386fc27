"""`python -m tests.run`: all tests side by side, and those that failed there again alone.

Tests of real components wait for processes, and beside others that take all of few cores one of 10,000 waits too long now and
then.
So a few failures are asked again: each alone, and it has to pass every one of `TIMES_ALONE` times. What passes so is named
in the last lines, as a test that needs mending; what fails once more is a failure, and the run fails.

Before that everything of ours is compiled, and kept so: else every process of a thousand that tests start would do it for itself, on
machines whose environment tells Python to write nothing down. So is what pytest makes of the tests (`tests/infra/rewritten.py`).

Never asked again: tests that depend on nobody's pace (`STRICT`), more than `ASKED_AGAIN_MAX` failures at once, and a run that did
not end by itself.
"""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.rewritten import Rewritten

ROOT = Path(__file__).parents[1]
COMPILED = ("domicile", "edge", "origin")
WRITES_NOTHING = "PYTHONDONTWRITEBYTECODE"
TIMES_ALONE = 3
ASKED_AGAIN_MAX = 5
STRICT = (
    "tests/architecture/", "tests/model/", "tests/property/", "tests/vectors/", "tests/pictures/",
    "tests/unit/media/", "tests/unit/imaging/",
)  # fmt: skip


class Failures:
    """The tests that failed, in any process; also those that broke while they were set up or taken down."""

    def __init__(self) -> None:
        self.tests: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.tests[report.nodeid] = None


def may_be_asked_again(tests: list[str]) -> bool:
    """Whether so few failed, and only such as wait for other processes, that load may be the cause."""
    return 0 < len(tests) <= ASKED_AGAIN_MAX and not any(test.startswith(STRICT) for test in tests)


def passes_alone(test: str) -> bool:
    """`TIMES_ALONE` times out of as many."""
    asked = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    return all(subprocess.run(asked, check=False).returncode == 0 for _ in range(TIMES_ALONE))


def compile_once(root: Path) -> None:
    """For this process and for all that it starts."""
    os.environ.pop(WRITES_NOTHING, None)
    sys.dont_write_bytecode = False
    for name in COMPILED:
        compileall.compile_dir(root / name, quiet=1)


def main(arguments: list[str]) -> int:
    """The exit status of pytest, but 0 when every failure is one of load."""
    compile_once(ROOT)
    failures = Failures()
    status = pytest.main(arguments, plugins=[failures, Rewritten()])
    tests = list(failures.tests)
    if status != pytest.ExitCode.TESTS_FAILED or not may_be_asked_again(tests):
        return int(status)
    failed = [test for test in tests if not passes_alone(test)]
    for test in tests:
        print(f"{'FAILED ALSO ALONE' if test in failed else 'FAILED BESIDE OTHERS, passes alone'}: {test}")
    return int(status) if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
