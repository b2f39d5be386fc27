"""Every guard has a mutant, every mutant is caught: a test that cannot fail guards nothing (see README.md)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATCHES = sorted(Path(__file__).parent.glob("*.patch"))
MUTANT_SECONDS_MAX = 120
COPIED = ("domicile", "edge", "origin", "tests", "pyproject.toml", "README.md")
GUARDS = (
    "fence",
    "floor",
    "lease",
    "nonce",
    "digest",
    "scope",
    "region",
    "directory",
    "permit",
    "limit",
    "key gate",
    "salt",
    "redaction",
    "order",
)


@dataclass(frozen=True, slots=True)
class Mutant:
    guard: str
    test: str
    patch: Path


def read(patch: Path) -> Mutant:
    text = patch.read_text("utf-8")
    guard = re.search(r"^Guard: (.+)$", text, re.MULTILINE)
    test = re.search(r"^Test: (.+)$", text, re.MULTILINE)
    assert guard is not None, f"{patch.name}: no Guard: line"
    assert test is not None, f"{patch.name}: no Test: line"
    return Mutant(guard=guard[1], test=test[1], patch=patch)


def run(tree: Path, test: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider", test]
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, timeout=MUTANT_SECONDS_MAX, check=False
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "golden"))
        else:
            shutil.copy2(source, tmp_path / name)
    return tmp_path


@pytest.mark.timeout(MUTANT_SECONDS_MAX * 2 + 10)
@pytest.mark.parametrize("patch", PATCHES, ids=[patch.stem for patch in PATCHES])
def test_the_mutant_is_caught(copy: Path, patch: Path) -> None:
    mutant = read(patch)
    before = run(copy, mutant.test)
    assert before.returncode == 0, f"the test must pass on the healthy tree:\n{before.stdout[-2000:]}"
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


@pytest.mark.parametrize("guard", GUARDS)
def test_every_guard_has_a_mutant(guard: str) -> None:
    assert any(read(patch).guard.startswith(guard + ":") for patch in PATCHES), f"no mutant removes the guard {guard!r}"
