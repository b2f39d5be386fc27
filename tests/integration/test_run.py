"""Which failures of a run are asked again alone, and what becomes of the run (tests/run.py)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.run import ASKED_AGAIN_MAX, COMPILED, TIMES_ALONE, WRITES_NOTHING, compile_once, may_be_asked_again

ROOT = Path(__file__).parents[2]
COUNTED = """
from pathlib import Path

RUNS = Path(__file__).with_name("runs")


def test_it():
    RUNS.open("a").write("x")
    assert len(RUNS.read_text()) in {passes}
"""


@pytest.mark.parametrize(
    ("tests", "again"),
    [
        ([], False),
        (["tests/integration/test_a.py::test_b"], True),
        (["tests/integration/test_a.py::test_b", "tests/unit/media/test_a.py::test_b"], False),
        (["tests/model/test_a.py::test_b"], False),
        ([f"tests/e2e/test_a.py::test_{number}" for number in range(ASKED_AGAIN_MAX)], True),
        ([f"tests/e2e/test_a.py::test_{number}" for number in range(ASKED_AGAIN_MAX + 1)], False),
    ],
)
def test_a_few_that_wait_for_others_are_asked_again(tests: list[str], again: bool) -> None:
    assert may_be_asked_again(tests) is again


@pytest.mark.parametrize(
    ("passes", "runs", "status", "said"),
    [
        ({2, 3, 4}, 1 + TIMES_ALONE, 0, "FAILED BESIDE OTHERS, passes alone: test_counted.py::test_it"),
        ({2, 3}, 1 + TIMES_ALONE, 1, "FAILED ALSO ALONE: test_counted.py::test_it"),
        (set(), 2, 1, "FAILED ALSO ALONE: test_counted.py::test_it"),
    ],
)
def test_it_has_to_pass_every_time(tmp_path: Path, passes: set[int], runs: int, status: int, said: str) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n", "utf-8")
    (tmp_path / "test_counted.py").write_text(COUNTED.replace("{passes}", repr(passes)), "utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "tests.run", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, said in ended.stdout) == (status, True), ended.stdout + ended.stderr
    assert len((tmp_path / "runs").read_text("utf-8")) == runs


def test_what_is_compiled_is_kept_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in COMPILED:
        (tmp_path / name).mkdir()
        (tmp_path / name / "it.py").touch()
    monkeypatch.setenv(WRITES_NOTHING, "1")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    compile_once(tmp_path)
    assert [len(list((tmp_path / name / "__pycache__").glob("it.*"))) for name in COMPILED] == [1] * len(COMPILED)
    assert not sys.dont_write_bytecode
    asked = [sys.executable, "-c", "import sys; sys.exit(sys.dont_write_bytecode)"]
    assert subprocess.run(asked, check=False).returncode == 0
