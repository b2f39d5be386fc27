from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.corpus import ROOT
from tests.infra.shares import BUCKETS, TOGETHER, Shares, file_of, order

MUTANTS = ROOT / "tests" / "mutants"
PATCHES = sorted(MUTANTS.glob("*.patch"))


@dataclass
class Item:
    nodeid: str
    is_slow: bool = False

    @property
    def path(self) -> Path:
        return Path(self.nodeid.partition("::")[0])

    def get_closest_marker(self, name: str) -> object | None:
        return name if name == "slow" and self.is_slow else None


def test_files_with_a_slow_test_go_first_and_mutants_last_and_all_else_stays_in_order() -> None:
    items: list[Any] = [
        Item("tests/mutants/test_mutants.py::test_one[slow-guard]", is_slow=True),
        Item("tests/unit/test_a.py::test_1"),
        Item("tests/unit/test_b.py::test_1"),
        Item("tests/unit/test_b.py::test_2", is_slow=True),
        Item("tests/unit/test_c.py::test_1"),
    ]
    order(items)
    assert [item.nodeid for item in items] == [
        "tests/unit/test_b.py::test_1",
        "tests/unit/test_b.py::test_2",
        "tests/unit/test_a.py::test_1",
        "tests/unit/test_c.py::test_1",
        "tests/mutants/test_mutants.py::test_one[slow-guard]",
    ]


def test_a_file_is_one_share_and_so_are_mutants_that_tests_beside_one_another_are_to_catch() -> None:
    shares = object.__new__(Shares)
    files = {
        shares._split_scope(f"tests/unit/test_a.py::{name}") for name in ("test_1", "TestIt::test_2", "test_3[a::b]")
    }
    assert files == {"tests/unit/test_a.py"}
    mutants = {patch: shares._split_scope(f"tests/mutants/test_mutants.py::test_it[{patch.stem}]") for patch in PATCHES}
    of_file = defaultdict(set)
    for patch, share in mutants.items():
        of_file[file_of(patch)].add(share)
    assert {len(those) for those in of_file.values()} == {1}
    assert mutants[MUTANTS / "cdn-tags.patch"].startswith("mutants of tests/unit/edge/test_")
    together = defaultdict(set)
    for file, (share,) in of_file.items():
        together[share].add(file)
    assert {len({Path(file).parent for file in those}) for those in together.values()} == {1}
    assert max(map(len, together.values())) > 1
    others = "fence-edge"  # a guard and a place
    assert shares._split_scope(f"tests/mutants/test_mutants.py::test_it[{others}]") == "tests/mutants/test_mutants.py"


@pytest.mark.parametrize("share", TOGETHER)
def test_files_that_belong_together_are_one_share_and_all_there(share: str) -> None:
    shares = object.__new__(Shares)
    assert {shares._split_scope(f"{file}::test_1") for file in TOGETHER[share]} == {share}
    assert [file for file in TOGETHER[share] if not (ROOT / file).is_file()] == []


def test_files_that_belong_together_follow_each_other_and_go_first_when_one_of_them_has_a_slow_test() -> None:
    first, *_, last = sorted(TOGETHER["one installation"])
    items: list[Any] = [
        Item("tests/e2e/test_a.py::test_1"),
        Item(f"{first}::test_1"),
        Item("tests/e2e/test_nothing_else.py::test_1", is_slow=True),
        Item(f"{last}::test_1", is_slow=True),
        Item(f"{last}::test_2"),
    ]
    order(items)
    assert [item.nodeid for item in items] == [
        f"{first}::test_1",
        f"{last}::test_1",
        f"{last}::test_2",
        "tests/e2e/test_nothing_else.py::test_1",
        "tests/e2e/test_a.py::test_1",
    ]


def test_all_files_with_buckets_are_among_them() -> None:
    tests = (ROOT / "tests").rglob("test_*.py")
    assert {
        str(file.relative_to(ROOT)) for file in tests if "ceph." + "cluster()" in file.read_text("utf-8")
    } == BUCKETS
