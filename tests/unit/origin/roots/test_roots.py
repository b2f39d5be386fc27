"""The key tree under roots of a real token: the puncture's order, crashes at each step, moves, and a store that is away."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from origin.keypages import PLACES
from origin.keytree import KeyTree
from origin.roots.files import FileRoots
from origin.roots.opening import opened_roots
from origin.roots.port import RootGone, RootKind, RootLocked, RootUnavailable
from origin.roots.roots import Roots
from origin.roots.settings import RootSettings, TokenSettings
from origin.roots.token import TokenRoots
from tests.infra import softhsm
from tests.infra.key_faults import Crash, Faults, at


def some(count: int, start: int = 0) -> dict[bytes, bytes]:
    return {n.to_bytes(16, "big"): os.urandom(32) for n in range(start, start + count)}


GONE = bytes(16)
OLD = some(3)
KEPT = {key_id: key for key_id, key in OLD.items() if key_id != GONE}


def roots(directory: Path, kind: str = "pkcs11") -> Roots:
    settings = RootSettings(kind=kind, pkcs11=TokenSettings(**softhsm.token().settings()))
    return opened_roots(settings, directory, region="eu-de")


def opened(directory: Path, kind: str = "pkcs11") -> KeyTree:
    return KeyTree.open(directory, roots(directory, kind))


def keys_of(tree: KeyTree) -> dict[bytes, bytes | None]:
    return {key_id: tree.get(key_id) for key_id in tree.ids()}


def snapshot(directory: Path) -> dict[str, bytes]:
    """All files, those that say where the roots are among them."""
    return {str(one.relative_to(directory)): one.read_bytes() for one in directory.rglob("*") if one.is_file()}


def crack(snapshots: list[dict[str, bytes]], live: Callable[[str, bytes], list[bytes]]) -> set[bytes]:
    """Every data key that opens for who has all older files and the use of all roots that live now.

    Written from the format alone. `live`: the name and the bytes of an index -> what it says, by any root that there is.
    """
    files = {(name.partition("/")[2] or name, content) for one in snapshots for name, content in one.items()}
    keys = {
        row[2]
        for name, content in files
        if name.startswith("index-")
        for plain in live(name, content)
        for row in msgspec.msgpack.decode(plain)
    }
    found = set()
    for name, content in files:
        if name.startswith("page-"):
            _, page, born = name.split("-")
            for key in keys:
                try:
                    plain = AESGCM(key).decrypt(
                        content[:12], content[12:], f"domicile/key-page\0{page}\0{born}".encode()
                    )
                except InvalidTag:
                    continue
                found |= {slot[1] for slot in msgspec.msgpack.decode(plain)}
    return found


def by_token(directory: Path, before: frozenset[str]) -> Callable[[str, bytes], list[bytes]]:
    """`before`: roots that were there before this test, which are of other keyrings."""
    store = roots(directory)._stores[RootKind.PKCS11]

    def live(name: str, sealed: bytes) -> list[bytes]:
        plain = []
        for root in store.live() - before:
            try:
                key = store.key_of(root, sealed)
                plain.append(key.open(sealed, f"domicile/key-index\0{name.rsplit('-', 1)[1]}".encode()))
            except (RootUnavailable, InvalidTag, ValueError):
                continue
        return plain

    return live


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    softhsm.token()

    monkeypatch.setattr(os, "fsync", lambda _handle: None)  # a process that dies loses no page cache: steps, not waits
    return Faults(monkeypatch, [TokenRoots])


def test_an_erased_key_opens_from_no_earlier_copy_and_all_others_do(tmp_path: Path) -> None:
    by_live_roots = by_token(tmp_path, roots(tmp_path)._stores[RootKind.PKCS11].live())
    tree = opened(tmp_path)
    tree.add(OLD)
    before = snapshot(tmp_path)
    assert crack([before], by_live_roots) == set(OLD.values()), "before, the copy opens"
    assert tree.puncture([GONE]) == 1
    after = snapshot(tmp_path)
    assert crack([before, after], by_live_roots) == set(KEPT.values())
    assert keys_of(opened(tmp_path)) == KEPT
    shutil.rmtree(tmp_path)
    for name, content in before.items():  # the whole keyring of yesterday, as a backup brings it back
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with pytest.raises(RootGone):
        opened(tmp_path)


def test_files_hold_neither_the_root_nor_the_key_that_it_wraps(tmp_path: Path) -> None:
    tree = opened(tmp_path)
    tree.add(OLD)
    reference = msgspec.json.decode((tmp_path / "root-1").read_bytes())
    assert reference["store"] == "pkcs11"
    assert all(tree._key.key not in content for content in snapshot(tmp_path).values())


def test_while_the_token_is_away_keys_are_read_and_added_and_nothing_is_called_destroyed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = opened(tmp_path)
    tree.add(OLD)

    def away(*_: object, **__: object) -> None:
        raise RootUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(TokenRoots, "_ask", away)
        more = some(300, 100)  # more than a page holds
        tree.add(more)
        assert tree.get(GONE) == OLD[GONE]
        with pytest.raises(RootUnavailable):
            tree.puncture([GONE])
        assert tree.get(GONE) == OLD[GONE], "nothing has begun"
        with pytest.raises(RootUnavailable):
            opened(tmp_path)
    tree.puncture([GONE])
    assert not tree.owes
    assert keys_of(opened(tmp_path)) == KEPT | more


def test_a_root_that_was_not_seen_to_be_gone_is_owed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = opened(tmp_path)
    tree.add(OLD)

    def refuses(*_: object, **__: object) -> None:
        raise RootUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(TokenRoots, "destroy", refuses)
        with pytest.raises(RootUnavailable):
            tree.puncture([GONE])
        assert tree.owes
        assert opened(tmp_path).owes, "a start does not forget it, and serves"
    tree.puncture([])
    assert not tree.owes
    assert [file.name for file in tmp_path.glob("root-*")] == ["root-2"]


def crashed(faults: Faults, template: Path, work: Callable[[KeyTree], object]) -> list[tuple[int, Path]]:
    """A directory for each step at which the process died."""
    directories, step = [], 0
    while True:
        step += 1
        directory = template.with_name(f"run-{step}")
        directory.mkdir()
        tree = opened(directory, "file" if work is move else "pkcs11")
        tree.add(OLD)
        with faults.failing(at(step, Crash())):
            try:
                work(tree)
            except Crash:
                directories.append((step, directory))
                continue
        return directories


def puncture(tree: KeyTree) -> None:
    tree.puncture([GONE])


def move(tree: KeyTree) -> None:
    tree.roots.wanted = RootKind.PKCS11
    tree._move()


def test_a_crash_at_any_step_of_a_puncture_is_finished_at_the_next_start(faults: Faults, tmp_path: Path) -> None:
    outcomes = []
    store = roots(tmp_path)._stores[RootKind.PKCS11]
    before = store.live()
    runs = crashed(faults, tmp_path / "template", puncture)
    for step, directory in runs:
        tree = opened(directory)
        assert keys_of(tree) in (OLD, KEPT), f"step {step}"
        assert not tree.owes
        assert len(list(directory.glob("root-*"))) == 1, f"step {step}"
        outcomes.append(len(tree))
    assert set(outcomes) == {2, 3}
    assert outcomes == sorted(outcomes, reverse=True), "one step decides"
    assert len(store.live() - before) == len(runs) + 1, "one root each, and one for the run that ended"


def test_a_crash_at_any_step_of_a_move_into_the_token_loses_nothing(faults: Faults, tmp_path: Path) -> None:
    runs = crashed(faults, tmp_path / "template", move)
    assert len(runs) > 20
    for step, directory in runs:
        tree = opened(directory)
        assert keys_of(tree) == OLD, f"step {step}"
        assert (tree.kind, tree.owes) == (RootKind.PKCS11, False)
        assert [(one.kind, one.number) for one in tree.past] == [(RootKind.FILE, 1)]
        assert [file.stat().st_size > 32 for file in directory.glob("root-*")] == [True], "no root is a file any more"


def test_a_move_renews_all_pages_so_that_a_root_that_is_found_again_opens_nothing_newer(tmp_path: Path) -> None:
    tree = opened(tmp_path, "file")
    tree.add(OLD)
    before, root = snapshot(tmp_path), (tmp_path / "root-1").read_bytes()
    tree = opened(tmp_path)
    new = some(3, 100)
    tree.add(new)

    def found_again(name: str, sealed: bytes) -> list[bytes]:
        try:
            plain = AESGCM(root).decrypt(
                sealed[:12], sealed[12:], f"domicile/key-index\0{name.rsplit('-', 1)[1]}".encode()
            )
        except InvalidTag:
            return []
        return [plain]

    opens = crack([before, snapshot(tmp_path)], found_again)
    assert opens == set(OLD.values()), "which is why a statement says what keys of then were under"
    assert keys_of(opened(tmp_path)) == OLD | new


def test_a_move_that_is_not_wanted_any_more_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token was wrong, and the settings say `file` again."""
    tree = opened(tmp_path, "file")
    tree.add(OLD)

    def full(*_: object) -> None:
        raise RootUnavailable("full")

    with monkeypatch.context() as patch:
        patch.setattr(TokenRoots, "create", full)
        with pytest.raises(RootUnavailable):
            opened(tmp_path)
    tree = opened(tmp_path, "file")
    assert (tree.kind, tree.owes, keys_of(tree)) == (RootKind.FILE, False, OLD)
    assert sorted(file.name for file in tmp_path.iterdir() if file.is_file()) == ["head", "root-1"]


def test_a_move_back_needs_the_settings_of_the_token(tmp_path: Path) -> None:
    opened(tmp_path).add(OLD)
    with pytest.raises(RootUnavailable, match="pkcs11"):
        KeyTree.open(tmp_path)
    tree = opened(tmp_path, "file")
    assert (tree.kind, keys_of(tree)) == (RootKind.FILE, OLD)
    assert (tmp_path / f"root-{tree.number}").stat().st_size == 32


class Scheduling(FileRoots):
    """A store that locks a root at once and destroys it later, as some clouds do."""

    until: float | None = 2_000_000_000.0

    def destroy(self, name: str, *, beside: str | None) -> float | None:  # type: ignore[override]
        if self.until is not None and self.has(name):
            return self.until
        super().destroy(name, beside=beside)
        return None


def test_a_root_that_is_only_locked_is_never_called_destroyed(tmp_path: Path) -> None:
    store = Scheduling(tmp_path)
    tree = KeyTree.open(tmp_path, Roots(tmp_path, {RootKind.FILE: store}, RootKind.FILE))
    tree.add(OLD)
    for ids in ([GONE], [max(OLD)], []):
        with pytest.raises(RootLocked):
            tree.puncture(ids)
        assert (tree.owes, tree.locked_until) == (True, Scheduling.until)
    store.until = None
    tree.puncture([])
    assert (tree.owes, tree.locked_until) == (False, 0.0)
    assert len(keys_of(KeyTree.open(tmp_path))) == 1


@pytest.mark.parametrize("place", PLACES)
def test_a_place_that_is_lost_or_damaged_is_mended_from_the_other(tmp_path: Path, place: str) -> None:
    opened(tmp_path).add(OLD)
    index = tmp_path / place / "index-1"
    index.write_bytes(b"\0" * 200)
    assert keys_of(opened(tmp_path)) == OLD
    shutil.rmtree(tmp_path / place)
    assert keys_of(opened(tmp_path)) == OLD
    assert index.exists()
