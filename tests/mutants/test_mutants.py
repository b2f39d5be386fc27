"""Every guard has a mutant, every mutant is caught: a test that cannot fail guards nothing (see README.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.infra.shares import file_of
from tests.mutants.laboratory import TEST_SECONDS_MAX, Laboratory

PATCHES = sorted(Path(__file__).parent.glob("*.patch"))
PLACES = ("domicile", "edge", "origin")
GUARDS = {
    "probe": ("domicile", "edge", "origin"),
    "fence": ("domicile", "edge"),
    "floor": ("domicile",),
    "lease": ("edge", "origin"),
    "nonce": ("edge", "origin"),
    "digest": ("origin",),
    "scope": ("edge", "origin"),
    "region": ("domicile", "edge", "origin"),
    "directory": ("edge",),
    "ack": ("edge",),
    "regress": ("edge",),
    "keys": ("edge",),
    "erase": ("edge", "origin"),
    "workers": ("edge",),
    "permit": ("domicile", "edge", "origin"),
    "limit": ("domicile", "edge", "origin"),
    "key gate": ("domicile", "edge", "origin"),
    "store": ("domicile", "origin"),
    "salt": ("domicile", "edge", "origin"),
    "redaction": ("domicile", "edge"),
    "order": ("domicile", "edge", "origin"),
    "signature": ("domicile", "edge", "origin"),
    "text": ("domicile",),
    "remote fetch": ("domicile", "edge", "origin"),
    "access": ("domicile", "edge", "origin"),
    "token": ("domicile", "origin"),
    "webhook": ("domicile", "origin"),
    "lineage": ("origin",),
    "restriction": ("origin",),
    "hold": ("origin",),
    "ledger": ("edge", "origin"),
    "approval": ("origin",),
    "receipt": ("domicile",),
    "flight": ("edge",),
    "cdn": ("domicile", "edge", "origin"),
    "tier": ("edge",),
    "restart": ("edge",),
    "tls": ("domicile",),
}
"""Guard -> the packages in which it stands; removing it from one must be noticed although it stands in another."""


@dataclass(frozen=True, slots=True)
class Mutant:
    guard: str
    test: str
    patch: Path
    files: tuple[str, ...]
    """Those that it changes, from the root of the project."""

    @property
    def places(self) -> frozenset[str]:
        """The packages that it changes."""
        return frozenset(file.partition("/")[0] for file in self.files)


def read(patch: Path) -> Mutant:
    text = patch.read_text("utf-8")
    guard = re.search(r"^Guard: (.+)$", text, re.MULTILINE)
    test = re.search(r"^Test: (.+)$", text, re.MULTILINE)
    assert guard is not None, f"{patch.name}: no Guard: line"
    assert test is not None, f"{patch.name}: no Test: line"
    files = tuple(re.findall(r"^\+\+\+ b/(\S+)", text, re.MULTILINE))
    mutant = Mutant(guard=guard[1], test=test[1], patch=patch, files=files)
    assert files, f"{patch.name}: changes nothing of ours"
    assert mutant.places <= set(PLACES), f"{patch.name}: changes {sorted(mutant.places)}"
    return mutant


@cache
def caught_in(file: str) -> tuple[Mutant, ...]:
    """Those that tests of the file are to catch."""
    return tuple(read(patch) for patch in PATCHES if file_of(patch) == file)


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with Laboratory(tmp_path_factory.mktemp("mutants")) as ready:
        yield ready


@pytest.mark.timeout(TEST_SECONDS_MAX * 4)
@pytest.mark.parametrize("patch", PATCHES, ids=[patch.stem for patch in PATCHES])
def test_the_mutant_is_caught(laboratory: Laboratory, patch: Path) -> None:
    mutant, others = read(patch), caught_in(file_of(patch))
    tests = {other.test for other in others}
    laboratory.attend(tests, {file for other in others for file in other.files})
    before = laboratory.healthy(mutant.test, tests)
    assert before.exit == 0, f"the test must pass on the healthy tree:\n{before.said}"
    for why in before.skipped.values():
        pytest.skip(why)
    after = laboratory.mutated(mutant.test, patch, mutant.files)
    if after.exit is None:  # without a limit in time some tests do not end: that is red, too
        return
    assert after.exit == 1, f"{mutant.guard}: the mutant lives (exit {after.exit})\n{after.said}"
    assert after.failed, f"{mutant.guard}: something else than the test failed\n{after.said}"


def test_a_run_that_takes_a_module_from_another_tree_counts_for_nothing(laboratory: Laboratory, tmp_path: Path) -> None:
    (tmp_path / "alien.py").touch()
    (laboratory.tree / "tests" / "unit" / "test_alien.py").write_text(
        f"import domicile\n\ndomicile.__path__.append({str(tmp_path)!r})\n"
        "def test_it():\n    import domicile.alien\n    assert domicile.alien\n",
        "utf-8",
    )
    with pytest.raises(AssertionError, match=r"imported from elsewhere .*domicile\.alien"):
        laboratory.healthy("tests/unit/test_alien.py")


@pytest.mark.parametrize(("guard", "place"), [(guard, place) for guard, where in GUARDS.items() for place in where])
def test_every_guard_has_a_mutant_in_every_place_where_it_stands(guard: str, place: str) -> None:
    mutants = [read(patch) for patch in PATCHES]
    assert any(mutant.guard.startswith(guard + ":") and place in mutant.places for mutant in mutants), (
        f"no mutant removes the guard {guard!r} from {place}"
    )


def test_every_mutant_removes_a_guard_that_is_listed() -> None:
    assert {mutant.guard.split(":")[0] for mutant in map(read, PATCHES)} == set(GUARDS)
