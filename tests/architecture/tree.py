"""The project's own source, parsed once: what the tests of this directory look at."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("domicile", "edge", "origin")


@dataclass(frozen=True, slots=True)
class Module:
    """One source file. `name` is its path from the root: "domicile/media/url.py"."""

    name: str
    text: str
    tree: ast.Module

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Every call, with what is called as dotted text ("os.open", "self.file.write_text")."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield ast.unparse(node.func), node


@cache
def modules() -> tuple[Module, ...]:
    """All modules of the three packages."""
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text("utf-8")
            found.append(Module(str(path.relative_to(ROOT)), text, ast.parse(text)))
    assert len(found) > 100, "the packages were not found"
    return tuple(found)


@cache
def tracked() -> tuple[Path, ...]:
    """Files that git knows; without git, everything that is not ignored by name."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        return tuple(path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file())
    skipped = {".git", ".venv", "data", "data.keys", "__pycache__", ".hypothesis", ".mypy_cache", ".ruff_cache"}
    return tuple(path for path in ROOT.rglob("*") if path.is_file() and not skipped & set(path.relative_to(ROOT).parts))
