"""Every guard has a mutant, every mutant is caught: a test that cannot fail guards nothing (see README.md)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATCHES = sorted(Path(__file__).parent.glob("*.patch"))
MUTANT_SECONDS_MAX = 120
TEST_SECONDS_MAX = 30
"""Without its guard many a test waits for what never comes; one that needs longer says so with a mark of its own."""
SKIPPED = re.compile(r"^SKIPPED \[\d+\] [^:]+:\d+: (.+)$", re.MULTILINE)
COPIED = ("domicile", "edge", "origin", "tests", "pyproject.toml", "README.md")
TRIALS_AT_ONCE = 2
"""A trial is two short processes of pytest, which mostly start and wait; they share nothing but the machine."""
PLACES = ("domicile", "edge", "origin")
GUARDS = {
    "fence": ("domicile", "edge"),
    "floor": ("domicile",),
    "lease": ("edge",),
    "nonce": ("origin",),
    "digest": ("origin",),
    "scope": ("origin",),
    "region": ("domicile", "edge", "origin"),
    "directory": ("edge",),
    "ack": ("edge",),
    "regress": ("edge",),
    "keys": ("edge",),
    "erase": ("edge",),
    "workers": ("edge",),
    "permit": ("domicile", "edge", "origin"),
    "limit": ("domicile", "edge", "origin"),
    "key gate": ("domicile", "edge", "origin"),
    "salt": ("edge", "origin"),
    "redaction": ("domicile", "edge"),
    "order": ("domicile", "edge", "origin"),
    "signature": ("edge", "origin"),
    "text": ("domicile",),
}
"""Guard -> the packages in which it stands; removing it from one must be noticed although it stands in another."""


Trials = dict[Path, "Future[str | None]"]


@dataclass(frozen=True, slots=True)
class Mutant:
    guard: str
    test: str
    patch: Path
    places: frozenset[str]
    """The packages that it changes."""


def read(patch: Path) -> Mutant:
    text = patch.read_text("utf-8")
    guard = re.search(r"^Guard: (.+)$", text, re.MULTILINE)
    test = re.search(r"^Test: (.+)$", text, re.MULTILINE)
    assert guard is not None, f"{patch.name}: no Guard: line"
    assert test is not None, f"{patch.name}: no Test: line"
    places = frozenset(re.findall(r"^\+\+\+ b/(\w+)/", text, re.MULTILINE))
    assert places, f"{patch.name}: changes nothing of ours"
    assert places <= set(PLACES), f"{patch.name}: changes {sorted(places)}"
    return Mutant(guard=guard[1], test=test[1], patch=patch, places=places)


def run(tree: Path, test: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider"]
    command += ["-o", f"timeout={TEST_SECONDS_MAX}", test]
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        return subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=MUTANT_SECONDS_MAX, check=False
        )
    except subprocess.TimeoutExpired:  # without a limit in time some tests do not end: that is red, too
        return subprocess.CompletedProcess(command, returncode=1, stdout=f"no end in {MUTANT_SECONDS_MAX} s", stderr="")


def copied(to: Path) -> Path:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, to / name, ignore=shutil.ignore_patterns("__pycache__", "golden"))
        else:
            shutil.copy2(source, to / name)
    return to


@pytest.fixture(scope="module")
def trials(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trials]:
    """A trial for each mutant that was asked for; TRIALS_AT_ONCE of them run, in the order of the tests."""
    chosen = [patch for patch in PATCHES if any(f"[{patch.stem}]" in item.name for item in request.session.items)]
    with ThreadPoolExecutor(TRIALS_AT_ONCE) as pool:
        yield {patch: pool.submit(trial, patch, tmp_path_factory.mktemp("mutant")) for patch in chosen}
        pool.shutdown(cancel_futures=True)


@pytest.mark.timeout(MUTANT_SECONDS_MAX * 2 * TRIALS_AT_ONCE + 10)
@pytest.mark.parametrize("patch", PATCHES, ids=[patch.stem for patch in PATCHES])
def test_the_mutant_is_caught(trials: Trials, patch: Path) -> None:
    if (skipped := trials[patch].result()) is not None:
        pytest.skip(skipped)


def trial(patch: Path, directory: Path) -> str | None:
    """Raises AssertionError unless the mutant's test passes without the patch and fails with it. Why it was skipped, or None."""
    copy, mutant = copied(directory), read(patch)
    before = run(copy, mutant.test)
    assert before.returncode == 0, f"the test must pass on the healthy tree:\n{before.stdout[-2000:]}"
    if (skipped := SKIPPED.search(before.stdout)) is not None:
        return skipped[1]
    applied = subprocess.run(
        ["patch", "-p1", "--fuzz=2", "--no-backup-if-mismatch", "-i", str(patch)],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert applied.returncode == 0, f"{patch.name} no longer applies: rewrite it\n{applied.stdout}"
    after = run(copy, mutant.test)
    assert after.returncode == 1, f"{mutant.guard}: the mutant lives (exit {after.returncode})\n{after.stdout[-2000:]}"
    assert "failed" in after.stdout
    shutil.rmtree(directory)
    return None


@pytest.mark.parametrize(("guard", "place"), [(guard, place) for guard, where in GUARDS.items() for place in where])
def test_every_guard_has_a_mutant_in_every_place_where_it_stands(guard: str, place: str) -> None:
    mutants = [read(patch) for patch in PATCHES]
    assert any(mutant.guard.startswith(guard + ":") and place in mutant.places for mutant in mutants), (
        f"no mutant removes the guard {guard!r} from {place}"
    )


def test_every_mutant_removes_a_guard_that_is_listed() -> None:
    assert {mutant.guard.split(":")[0] for mutant in map(read, PATCHES)} == set(GUARDS)
