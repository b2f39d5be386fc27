"""Every guard has a mutant, every mutant is caught: a test that cannot fail guards nothing (see README.md)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.infra.shares import shares_of_mutants
from tests.mutants.laboratory import TEST_SECONDS_MAX, Laboratory

PATCHES = [Path(__file__).with_name(f"{name}.patch") for name in shares_of_mutants()]
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
def caught_in(share: str) -> frozenset[str]:
    """The tests that are to catch the mutants of a share."""
    return frozenset(read(patch).test for patch in PATCHES if shares_of_mutants()[patch.stem] == share)


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with Laboratory(tmp_path_factory.mktemp("mutants")) as ready:
        yield ready


@pytest.mark.timeout(TEST_SECONDS_MAX * 4)
@pytest.mark.parametrize("patch", PATCHES, ids=[patch.stem for patch in PATCHES])
def test_the_mutant_is_caught(laboratory: Laboratory, patch: Path) -> None:
    mutant, tests = read(patch), caught_in(shares_of_mutants()[patch.stem])
    laboratory.attend(tests)
    before = laboratory.healthy(mutant.test, tests)
    assert before.exit == 0, f"the test must pass on the healthy tree:\n{before.said}"
    for why in before.skipped.values():
        pytest.skip(why)
    after = laboratory.mutated(mutant.test, patch, mutant.files)
    assert after.exit in {None, 1}, f"{mutant.guard}: the mutant lives (exit {after.exit})\n{after.said}"
    assert after.is_red, f"{mutant.guard}: something else than the test failed\n{after.said}"


def test_a_run_that_takes_a_module_from_another_tree_counts_for_nothing(laboratory: Laboratory, tmp_path: Path) -> None:
    (tmp_path / "alien.py").touch()
    (laboratory.tree / "tests" / "unit" / "test_alien.py").write_text(
        f"import domicile\n\ndomicile.__path__.append({str(tmp_path)!r})\n"
        "def test_it():\n    import domicile.alien\n    assert domicile.alien\n",
        "utf-8",
    )
    with pytest.raises(AssertionError, match=r"imported from elsewhere .*domicile\.alien"):
        laboratory.healthy("tests/unit/test_alien.py")


FAULTY = "edge/faulty.py"
FAULTY_TEST = "tests/unit/edge/test_faulty.py::test_a_host_that_cannot_be_one_is_faulty_in_every_version"


def changing(directory: Path, tree: Path, old: str, new: str) -> Path:
    """A patch of FAULTY."""
    before = (tree / FAULTY).read_text("utf-8")
    assert old in before
    after = before.replace(old, new)
    made = difflib.unified_diff(before.splitlines(True), after.splitlines(True), f"a/{FAULTY}", f"b/{FAULTY}")
    patch = directory / "made.patch"
    patch.write_text("".join(made), "utf-8")
    return patch


def test_a_function_is_changed_where_its_test_is_collected_and_nothing_of_it_stays(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    laboratory.attend({FAULTY_TEST})
    patch = changing(tmp_path, laboratory.tree, "if not is_host(value):", "if False:")
    with laboratory.patched(patch, (FAULTY,)) as before:
        after = laboratory.held([FAULTY_TEST], TEST_SECONDS_MAX, before)
    assert (after.is_red, after.unlike) == (True, "")
    assert laboratory.healthy(FAULTY_TEST).exit == 0
    assert laboratory.held([FAULTY_TEST], TEST_SECONDS_MAX).exit == 0


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [('_HOST = re.compile(rb"', '_HOST = re.compile(rb".*|', 1), ('"""`fields` as', '"""The `fields` as', 0)],
)
def test_what_is_more_than_functions_and_what_lives_is_tried_with_all_imported_anew(
    laboratory: Laboratory, tmp_path: Path, old: str, new: str, code: int
) -> None:
    laboratory.attend({FAULTY_TEST})
    patch = changing(tmp_path, laboratory.tree, old, new)
    after = laboratory.mutated(FAULTY_TEST, patch, (FAULTY,))
    assert (after.exit, after.is_red) == (code, bool(code))


@pytest.mark.parametrize(("guard", "place"), [(guard, place) for guard, where in GUARDS.items() for place in where])
def test_every_guard_has_a_mutant_in_every_place_where_it_stands(guard: str, place: str) -> None:
    mutants = [read(patch) for patch in PATCHES]
    assert any(mutant.guard.startswith(guard + ":") and place in mutant.places for mutant in mutants), (
        f"no mutant removes the guard {guard!r} from {place}"
    )


def test_every_mutant_removes_a_guard_that_is_listed() -> None:
    assert {mutant.guard.split(":")[0] for mutant in map(read, PATCHES)} == set(GUARDS)
