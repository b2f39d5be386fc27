"""The key tree: what was taken out stays out, for whoever kept every older snapshot; everything else stays readable."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import msgspec
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domicile.service.settings import BadSetting
from origin.keyfiles import prepare_directory
from origin.keypages import PLACES
from origin.keytree import KeyTree
from origin.roots.port import KeyringBroken


def some(count: int, start: int = 0) -> dict[bytes, bytes]:
    return {n.to_bytes(16, "big"): os.urandom(32) for n in range(start, start + count)}


def try_open(key: bytes, sealed: bytes, binding: bytes) -> bytes | None:
    try:
        return AESGCM(key).decrypt(sealed[:12], sealed[12:], binding)
    except InvalidTag:
        return None


def crack(snapshots: list[dict[str, bytes]], directory: Path) -> set[bytes]:
    """Every data key that an attacker opens who holds all older files and the roots that live now.

    Written from the file format alone, not with the tree's own reader: page keys from any index open any page.
    """
    files = {(name, content) for snapshot in snapshots for name, content in snapshot.items()}
    page_keys: set[tuple[int, int, bytes]] = set()
    for root in directory.glob("root-*"):
        for name, content in files:
            if "/index-" in name:
                opened = try_open(root.read_bytes(), content, f"domicile/key-index\0{name.split('-')[1]}".encode())
                page_keys |= {tuple(row) for row in msgspec.msgpack.decode(opened or b"\x90")}
    keys, found = {key for *_, key in page_keys}, set()
    for name, content in files:
        if "/page-" in name:
            _, page, born = name.split("-")
            for key in keys:
                opened = try_open(key, content, f"domicile/key-page\0{page}\0{born}".encode())
                found |= {slot[1] for slot in msgspec.msgpack.decode(opened or b"\x90")}
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

    @rule(count=st.sampled_from([1, 2, 3, 300]))
    def add(self, count: int) -> None:
        keys = some(count, self.counter)
        self.counter += count
        self.tree.add(keys)
        self.live.update(keys)

    @precondition(lambda self: self.live)
    @rule(data=st.data(), crash=st.sampled_from(["no", "begin", "prepare", "commit"]))
    def puncture(self, data: st.DataObject, crash: str) -> None:
        gone = data.draw(st.lists(st.sampled_from(sorted(self.live)), min_size=1, max_size=3, unique=True))
        self.snapshots.append(snapshot(self.directory))
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
        assert not self.erased & crack([*self.snapshots, snapshot(self.directory)], self.directory)

    def teardown(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)


TestAttacker = Attacker.TestCase
TestAttacker.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
