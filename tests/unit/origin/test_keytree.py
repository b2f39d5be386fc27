"""The key tree: what was taken out stays out, for whoever kept every older snapshot; everything else stays readable."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from origin.keyfiles import prepare_directory
from origin.keypages import PLACES, KeyringBroken, read_pages
from origin.keytree import KeyTree

from domicile.service.settings import BadSetting


def some(count: int, start: int = 0) -> dict[bytes, bytes]:
    return {n.to_bytes(16, "big"): os.urandom(32) for n in range(start, start + count)}


def crack(snapshots: list[dict[str, bytes]], directory: Path) -> set[bytes]:
    """Every data key that an attacker opens who holds all older files and the roots that live now."""
    roots = {int(f.name.removeprefix("root-")): f.read_bytes() for f in directory.glob("root-*")}
    found: set[bytes] = set()
    for files in snapshots:
        for number, root in roots.items():
            with tempfile.TemporaryDirectory() as scratch:
                for name, content in files.items():
                    target = Path(scratch, name)
                    target.parent.mkdir(exist_ok=True)
                    target.write_bytes(content)
                for place in PLACES:
                    try:
                        pages = read_pages(Path(scratch), number, root, places=(place,))
                    except KeyringBroken:
                        continue
                    found.update(key for page in pages.values() for key in page.slots.values())
    return found


def snapshot(directory: Path) -> dict[str, bytes]:
    """A backup of the key files without roots (a root is never part of a backup)."""
    return {
        str(f.relative_to(directory)): f.read_bytes()
        for f in directory.rglob("*")
        if f.is_file() and not f.name.startswith("root-")
    }


def test_keys_are_there_again_after_a_restart(tmp_path: Path) -> None:
    keys = some(600)
    KeyTree.open(tmp_path).add(keys)
    again = KeyTree.open(tmp_path)
    assert {key_id: again.get(key_id) for key_id in keys} == keys


def test_a_punctured_key_is_gone_and_its_neighbours_stay(tmp_path: Path) -> None:
    tree, keys = KeyTree.open(tmp_path), some(600)
    tree.add(keys)
    gone = (300).to_bytes(16, "big")
    assert tree.puncture([gone]) == 1
    for reader in (tree, KeyTree.open(tmp_path)):
        assert reader.get(gone) is None
        assert sum(reader.get(key_id) == key for key_id, key in keys.items()) == 599


def test_no_older_snapshot_opens_a_punctured_key_with_the_root_of_now(tmp_path: Path) -> None:
    tree, keys = KeyTree.open(tmp_path), some(3)
    tree.add(keys)
    before = snapshot(tmp_path)
    assert crack([before], tmp_path) == set(keys.values()), "positive control: before, the snapshot opens"
    gone = (1).to_bytes(16, "big")
    tree.puncture([gone])
    assert keys[gone] not in crack([before, snapshot(tmp_path)], tmp_path)


def test_the_old_root_is_overwritten_before_it_is_unlinked(tmp_path: Path) -> None:
    tree = KeyTree.open(tmp_path)
    tree.add(some(1))
    kept = tmp_path.with_name("hard-link")
    kept.hardlink_to(tmp_path / "root-1")
    root = kept.read_bytes()
    tree.puncture([bytes(16)])
    assert kept.read_bytes() != root
    assert not (tmp_path / "root-1").exists()


@pytest.mark.parametrize("step", ["begin", "prepare", "commit", "half finish"])
def test_a_crash_during_a_puncture_is_finished_at_the_next_start(tmp_path: Path, step: str) -> None:
    tree, keys = KeyTree.open(tmp_path), some(300)
    tree.add(keys)
    gone = [bytes(16), (299).to_bytes(16, "big")]
    tree.begin(gone)
    if step != "begin":
        rotation = tree.prepare(gone)
    if step in {"commit", "half finish"}:
        tree.commit(rotation)
    if step == "half finish":
        (tmp_path / "root-1").unlink()
    again = KeyTree.open(tmp_path)
    assert all(again.get(key_id) is None for key_id in gone)
    assert sum(again.get(key_id) == key for key_id, key in keys.items()) == 298
    assert [f.name for f in tmp_path.glob("root-*")] == ["root-2"]
    assert not list(tmp_path.glob("rotation-*"))


def test_a_puncture_that_failed_leaves_no_second_root_of_use(tmp_path: Path) -> None:
    """The next attempt destroys the root of the failed one: pages sealed under it would outlive later punctures."""
    tree, keys = KeyTree.open(tmp_path), some(2)
    tree.add(keys)
    tree.begin([bytes(16)])
    abandoned = (tmp_path / "root-2").read_bytes()
    tree.puncture([bytes(16)])
    assert (tmp_path / "root-2").read_bytes() != abandoned


def test_one_lost_place_is_mended_from_the_other(tmp_path: Path) -> None:
    keys = some(10)
    KeyTree.open(tmp_path).add(keys)
    for place in PLACES:
        shutil.rmtree(tmp_path / place)
        tree = KeyTree.open(tmp_path)
        assert all(tree.get(key_id) == key for key_id, key in keys.items())
        tree.puncture([max(keys)])
        del keys[max(keys)]


def test_both_places_lost_is_an_error_and_never_a_fresh_tree(tmp_path: Path) -> None:
    KeyTree.open(tmp_path).add(some(10))
    for place in PLACES:
        shutil.rmtree(tmp_path / place)
    with pytest.raises(KeyringBroken):
        KeyTree.open(tmp_path)


def test_pages_without_a_head_are_damage(tmp_path: Path) -> None:
    KeyTree.open(tmp_path).add(some(1))
    (tmp_path / "head").unlink()
    with pytest.raises(KeyringBroken):
        KeyTree.open(tmp_path)


def test_a_keys_directory_inside_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="inside"):
        prepare_directory(tmp_path / "data" / "keys", tmp_path / "data")


def test_a_keys_directory_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    keys.chmod(0o750)
    with pytest.raises(BadSetting, match="0750"):
        prepare_directory(keys, tmp_path / "data")


def test_the_root_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    KeyTree.open(tmp_path)
    assert (tmp_path / "root-1").stat().st_mode & 0o777 == 0o600


class Attacker(RuleBasedStateMachine):
    """Adds, punctures, crashes and backups in any order; the attacker keeps every backup."""

    @initialize()
    def start(self) -> None:
        self.directory = Path(tempfile.mkdtemp())
        self.tree = KeyTree.open(self.directory)
        self.live: dict[bytes, bytes] = {}
        self.erased: set[bytes] = set()
        self.snapshots: list[dict[str, bytes]] = []
        self.counter = 0

    @rule(count=st.integers(1, 300))
    def add(self, count: int) -> None:
        keys = some(count, self.counter)
        self.counter += count
        self.tree.add(keys)
        self.live.update(keys)

    @precondition(lambda self: self.live)
    @rule(data=st.data(), crash=st.sampled_from(["no", "begin", "prepare", "commit"]))
    def puncture(self, data: st.DataObject, crash: str) -> None:
        gone = data.draw(st.lists(st.sampled_from(sorted(self.live)), min_size=1, max_size=3, unique=True))
        if crash == "no":
            self.tree.puncture(gone)
        else:
            self.tree.begin(gone)
            if crash != "begin":
                rotation = self.tree.prepare(gone)
                if crash == "commit":
                    self.tree.commit(rotation)
            self.snapshots.append(snapshot(self.directory))
            self.tree = KeyTree.open(self.directory)
        for key_id in gone:
            self.erased.add(self.live.pop(key_id))

    @rule()
    def back_up(self) -> None:
        self.snapshots.append(snapshot(self.directory))

    @rule()
    def restart(self) -> None:
        self.tree = KeyTree.open(self.directory)

    @invariant()
    def live_keys_are_readable_and_nothing_else(self) -> None:
        assert {key_id: self.tree.get(key_id) for key_id in self.tree.ids()} == self.live

    @invariant()
    def erased_keys_are_out_of_reach(self) -> None:
        assert not self.erased & crack(self.snapshots, self.directory)

    def teardown(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)


TestAttacker = Attacker.TestCase
TestAttacker.settings = settings(max_examples=12, stateful_step_count=12, deadline=None)
