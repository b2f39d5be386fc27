"""The files of the key tree when the machine dies, or a disk refuses, at any single step: no key is lost or comes back."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from origin.keypages import PAGE_KEYS_MAX
from origin.keytree import KeyTree
from tests.infra.key_faults import Crash, Faults, at

KEYS = PAGE_KEYS_MAX + 1
"""Two pages, the second with room."""
ADDED = PAGE_KEYS_MAX
"""Fills the second page and begins a third."""


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)  # a process that dies loses no page cache: steps, not waits
    return Faults(monkeypatch)


def some(count: int, start: int = 0) -> dict[bytes, bytes]:
    return {n.to_bytes(16, "big"): bytes([n % 251]) * 32 for n in range(start, start + count)}


OLD, NEW = some(KEYS), some(ADDED, KEYS)
GONE = [bytes(16), (KEYS - 1).to_bytes(16, "big")]
KEPT = {key_id: key for key_id, key in OLD.items() if key_id not in GONE}


def copy_of(template: Path, number: int) -> Path:
    directory = template.with_name(f"run-{number}")
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(template, directory)
    return directory


@pytest.fixture
def template(tmp_path: Path) -> Path:
    (tmp_path / "template").mkdir()
    KeyTree.open(tmp_path / "template").add(OLD)
    return tmp_path / "template"


def readable(directory: Path) -> dict[bytes, bytes | None]:
    tree = KeyTree.open(directory)
    return {key_id: tree.get(key_id) for key_id in tree.ids()}


def nothing_is_left_over(directory: Path) -> bool:
    names = sorted(file.name for file in directory.iterdir() if file.is_file())
    return len(names) == 2 and names[0] == "head" and names[1] == f"root-{(directory / 'head').read_text()}"


def steps_of(faults: Faults, directory: Path, work: Callable[[KeyTree], object]) -> int:
    tree = KeyTree.open(directory)
    with faults.failing():
        work(tree)
    return faults.count


def puncture(tree: KeyTree) -> None:
    tree.puncture(GONE)


def add(tree: KeyTree) -> None:
    tree.add(NEW)


def test_a_crash_at_any_step_of_a_puncture_loses_no_other_key(faults: Faults, template: Path) -> None:
    steps = steps_of(faults, copy_of(template, 0), puncture)
    assert steps > 40
    outcomes = set()
    for step in range(1, steps + 1):
        directory = copy_of(template, step)
        tree = KeyTree.open(directory)
        with faults.failing(at(step, Crash())), pytest.raises(Crash):
            puncture(tree)
        found = readable(directory)
        assert found in (OLD, KEPT), f"step {step}"
        assert nothing_is_left_over(directory), f"step {step}"
        assert readable(directory) == found, f"step {step}: a second start finds the same"
        outcomes.add(len(found))
    assert outcomes == {len(OLD), len(KEPT)}


def test_a_crash_at_any_step_of_the_start_after_a_crash_is_survived_too(faults: Faults, template: Path) -> None:
    steps = steps_of(faults, copy_of(template, 0), puncture)
    for step in range(1, steps + 1, 4):
        crashed = copy_of(template, step)
        tree = KeyTree.open(crashed)
        with faults.failing(at(step, Crash())), pytest.raises(Crash):
            puncture(tree)
        again = 0
        while True:
            again += 1
            directory = copy_of(crashed, 1000)
            with faults.failing(at(again, Crash())):
                try:
                    KeyTree.open(directory)
                    break
                except Crash:
                    pass
            assert readable(directory) in (OLD, KEPT), f"step {step}, then {again}"
            assert nothing_is_left_over(directory)


def test_a_crash_at_any_step_of_an_add_loses_no_older_key(faults: Faults, template: Path) -> None:
    steps = steps_of(faults, copy_of(template, 0), add)
    assert steps > 15
    everything = {**OLD, **NEW}
    for step in range(1, steps + 1):
        directory = copy_of(template, step)
        tree = KeyTree.open(directory)
        with faults.failing(at(step, Crash())), pytest.raises(Crash):
            add(tree)
        found = readable(directory)
        assert OLD.items() <= found.items() <= everything.items(), f"step {step}"
        KeyTree.open(directory).add({key_id: key for key_id, key in NEW.items() if key_id not in found})
        assert readable(directory) == everything, f"step {step}"


def test_a_crash_at_any_step_of_the_first_start_is_a_first_start_again(faults: Faults, tmp_path: Path) -> None:
    step = 0
    while True:
        step += 1
        directory = tmp_path / str(step)
        directory.mkdir()
        with faults.failing(at(step, Crash())):
            try:
                KeyTree.open(directory)
                break
            except Crash:
                pass
        KeyTree.open(directory).add(OLD)
        assert readable(directory) == OLD
    assert step > 10


@pytest.mark.parametrize("broken", ["once", "from then on"])
def test_an_error_at_any_step_of_a_puncture_loses_nothing_that_is_added_later(
    faults: Faults, template: Path, broken: str
) -> None:
    """The process goes on: memory and disk must agree on the root in force, whatever failed."""
    steps = steps_of(faults, copy_of(template, 0), puncture)
    failed = OSError(errno.EIO, "I/O error")
    for step in range(1, steps + 1):
        directory = copy_of(template, step)
        tree = KeyTree.open(directory)
        fails = at(step, failed) if broken == "once" else (lambda n, step=step: failed if n >= step else None)
        with faults.failing(fails), pytest.raises(OSError):
            puncture(tree)
        tree.add(NEW)
        assert NEW.items() <= readable(copy_of(directory, 1000)).items(), f"step {step}: added, then a restart"
        tree.puncture(GONE)
        assert not tree.owes
        assert {key_id: tree.get(key_id) for key_id in tree.ids()} == {**KEPT, **NEW}, f"step {step}"
        assert nothing_is_left_over(directory), f"step {step}"
        assert readable(directory) == {**KEPT, **NEW}, f"step {step}"


def test_an_error_at_any_step_of_an_add_and_a_crash_later_lose_no_acknowledged_key(
    faults: Faults, template: Path
) -> None:
    """An index may name a page that the failed add never finished; the next add must not write over that page."""
    steps = steps_of(faults, copy_of(template, 0), add)
    other = some(ADDED, 10_000)
    for step in range(1, steps + 1):
        crash = 0
        while True:
            crash += 1
            directory = copy_of(template, step)
            tree = KeyTree.open(directory)
            with faults.failing(at(step, OSError(errno.ENOSPC, "full"))), pytest.raises(OSError):
                add(tree)
            with faults.failing(at(crash, Crash())):
                try:
                    tree.add(other)
                    break
                except Crash:
                    pass
            assert OLD.items() <= readable(directory).items(), f"step {step}, then {crash}"
        assert {**OLD, **other}.items() <= readable(directory).items(), f"step {step}"


def test_while_an_old_root_cannot_be_destroyed_no_puncture_succeeds(
    template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever finds that root opens old pages with it, so later keys are not destroyed either."""
    tree = KeyTree.open(template)

    def refuse(path: Path, **_: bool) -> None:
        if path.name == "root-1":
            raise PermissionError(errno.EPERM, "no")
        os.unlink(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        for gone in GONE:
            with pytest.raises(PermissionError):
                tree.puncture([gone])
        assert tree.owes
        assert KeyTree.open(template).owes, "a start does not forget it, and does not refuse to serve"
        with pytest.raises(PermissionError):
            tree.puncture([b"never heard of "])
    tree.puncture([])
    assert not tree.owes
    assert nothing_is_left_over(template)
    assert readable(template) == KEPT
