"""The passthrough against the public conformance suite of HTTP caches: nothing that passed may stop to, and what does not pass
stands in expected.json with its reason.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import suite
from tests.conformance.passthrough_process import PassthroughProcess
from tests.conformance.suite import Result

EXPECTED: dict[str, Any] = json.loads((Path(__file__).parent / "expected.json").read_text("utf-8"))
TRIES_MAX = 2
"""The suite counts seconds, and a busy machine can lose one."""


@pytest.fixture(scope="module")
def directory() -> Path:
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: apt-get install nodejs npm")
    try:
        return suite.fetched()
    except (OSError, subprocess.SubprocessError) as failed:
        pytest.skip(f"{suite.PACKAGE} cannot be fetched: {type(failed).__name__}")


def not_passed(results: dict[str, Result], kind: str) -> set[str]:
    return {name for name, result in results.items() if result.kind == kind and result.outcome != "pass"}


@pytest.mark.slow
@pytest.mark.system
@pytest.mark.timeout(600)
@pytest.mark.parametrize("workers", [1, 2])
def test_the_suite_passes_but_for_what_is_listed(directory: Path, tmp_path: Path, workers: int) -> None:
    assert (EXPECTED["suite"], EXPECTED["version"]) == (suite.PACKAGE, suite.VERSION)
    results: dict[str, Result] = {}
    with suite.Origin(directory) as origin, PassthroughProcess(tmp_path, origin.port, workers=workers) as edge:
        for _ in range(TRIES_MAX):
            results = suite.run(directory, edge.base)
            print(suite.tally(results))
            if all(not_passed(results, kind) == set(EXPECTED["not_passed"][kind]) for kind in ("required", "optimal")):
                break
    for kind in ("required", "optimal"):
        failed = not_passed(results, kind)
        assert {name: results[name].said for name in failed - set(EXPECTED["not_passed"][kind])} == {}
        assert set(EXPECTED["not_passed"][kind]) - failed == set(), "passes now: take it off the list"
        passed = sum(result.kind == kind and result.outcome == "pass" for result in results.values())
        assert passed == EXPECTED["passed"][kind]
    assert [name for name, result in results.items() if result.outcome in {"retry", "harness"}] == []


def test_a_test_counts_only_with_all_that_it_depends_on() -> None:
    found: dict[str, dict[str, Any]] = {
        "a": {"depends_on": [], "result": True},
        "b": {"depends_on": ["a"], "result": ["Assertion", "no"]},
        "c": {"depends_on": ["b"], "result": True},
        "d": {"depends_on": [], "result": ["Setup", "retry"]},
        "e": {"depends_on": [], "result": ["Setup", "x"]},
        "f": {"depends_on": [], "result": None},
    }
    assert [suite.outcome(name, found) for name in found] == ["pass", "fail", "dependency", "retry", "setup", "harness"]
