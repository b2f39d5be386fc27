"""Who may import whom: the contracts of pyproject.toml hold, and they can be broken."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGES, ROOT

LINTER = Path(sys.executable).with_name("lint-imports")


def lint(directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(LINTER), "--no-cache", "--config", str(directory / "pyproject.toml")],
        cwd=directory,
        env={"PYTHONPATH": str(directory), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_contract_is_kept() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout
    assert "4 kept, 0 broken" in done.stdout


@pytest.mark.parametrize(
    "module, line, contract",
    [
        ("edge/lookup.py", "import origin.app", "Floors"),
        ("domicile/media/keys.py", "import domicile.service.health", "Floors"),
        ("domicile/media/url.py", "import asyncio", "The language knows no process"),
        ("domicile/imaging/sniff.py", "import aiohttp", "Pixels are worked on without a network"),
        ("domicile/cli/calls.py", "import domicile.imaging.sniff", "The command line"),
    ],
)
def test_a_forbidden_import_is_found(tmp_path: Path, module: str, line: str, contract: str) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    file = tmp_path / module
    file.write_text(file.read_text("utf-8") + f"\n{line}\n", "utf-8")
    done = lint(tmp_path)
    assert done.returncode == 1, done.stdout
    assert any(contract in row and "BROKEN" in row for row in done.stdout.splitlines()), done.stdout
