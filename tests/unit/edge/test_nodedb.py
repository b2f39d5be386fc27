"""What a node still knows after a restart, and what it does on a full disk."""

from __future__ import annotations

import errno
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from domicile.media.asset import Aid, NameHash
from domicile.media.journal import GENESIS, Entry, Fence, Head, Kind
from edge.journal import after
from edge.messages import StoredObject
from edge.nodedb import ENTRIES_KEPT_MAX, TRIES_MAX, BadNodeDb, NodeDb, NoRoom
from tests.unit.edge.journals import chained

START = Head(epoch=1, seq=10, chain=GENESIS)


class Disk:
    """A file whose room ends where the test says."""

    def __init__(self, path: Path) -> None:
        self.given = 0
        self.gives = True
        self.db = NodeDb(path, give_room=self._give)

    def fill(self) -> None:
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        self._db.execute(f"PRAGMA max_page_count = {pages}")

    def _give(self) -> bool:
        self.given += 1
        if self.gives:
            self._db.execute("PRAGMA max_page_count = 100000")
        return self.gives

    @property
    def _db(self) -> sqlite3.Connection:
        assert self.db._db is not None
        return self.db._db


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "node.db"


@pytest.fixture
async def disk(path: Path) -> AsyncIterator[Disk]:
    made = Disk(path)
    await made.db.open()
    yield made
    await made.db.close()


@pytest.fixture
async def db(disk: Disk) -> NodeDb:
    await disk.db.save("demo", START, Fence(applied=10, floor=10, epoch=1), 1)
    return disk.db


async def reopened(path: Path) -> Any:
    again = NodeDb(path, give_room=lambda: False)
    await again.open()
    try:
        return await again.load()
    finally:
        await again.close()


def row(name: str, *, tenant: str = "demo", sequence: int = 11) -> StoredObject:
    return StoredObject(
        file_name=name, tenant=tenant, contributors=(Aid("a" * 32), Aid("b" * 32)), name=NameHash("1" * 32), epoch=1,
        sequence=sequence, config_revision=1, stored_at=5.0, body_bytes=3, content_key=b"secret key of it",
    )  # fmt: skip


async def test_the_file_is_for_its_owner_alone_and_the_node_keeps_its_name(path: Path, disk: Disk) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = await disk.db.node_id()
    assert (len(first), await disk.db.node_id()) == (32, first)


async def test_cursor_and_fence_come_back_from_the_entries(path: Path, db: NodeDb) -> None:
    entries = chained(START, (Kind.ASSET, ("a" * 32,)), (Kind.ERASE, ("b" * 32,)))
    await db.append(entries)
    (known,) = await reopened(path)
    assert (known.tenant, known.cursor, known.epoch_floor) == ("demo", after(entries[-1]), 1)
    assert not known.fence.fresh(10, (Aid("a" * 32),))
    assert known.fence.fresh(11, (Aid("a" * 32),))
    assert not known.fence.fresh(99, (Aid("b" * 32),))


async def test_a_stored_fence_stands_for_the_entries_before_it(path: Path, db: NodeDb) -> None:
    entries = chained(START, (Kind.ERASE, ("b" * 32,)), (Kind.ASSET, ("a" * 32,)))
    await db.append(entries[:1])
    fence = Fence(applied=10, floor=10, epoch=1)
    fence.apply(entries[0])
    await db.rebase("demo", fence.state())
    await db.append(entries[1:])
    (known,) = await reopened(path)
    assert (known.fence.applied, known.fence.is_erased(Aid("b" * 32))) == (12, True)
    assert entries[0].seq > fence.applied - ENTRIES_KEPT_MAX  # kept for an origin that lost its newest


async def test_a_missing_entry_is_noticed(path: Path, db: NodeDb) -> None:
    await db.append(chained(START, (Kind.ALL, ()), (Kind.ALL, ())))
    await db._write(lambda held: held.execute("DELETE FROM entries WHERE seq = 11"))
    with pytest.raises(BadNodeDb):
        await reopened(path)


async def test_a_tenant_that_starts_again_forgets_what_was_before(path: Path, db: NodeDb) -> None:
    await db.append(chained(START, (Kind.ALL, ())))
    await db.change_objects([row("a"), row("b", tenant="other")], [])
    await db.save("demo", Head(epoch=2, seq=40, chain=GENESIS), Fence(applied=40, floor=40, epoch=2), 2)
    assert [kept.file_name for kept in await db.objects("", 10)] == ["b"]
    (known,) = await reopened(path)
    assert (known.cursor.seq, known.fence.applied, known.epoch_floor) == (40, 40, 2)


async def test_no_key_is_ever_on_the_disk(path: Path, db: NodeDb) -> None:
    await db.change_objects([row("a")], [])
    (kept,) = await db.objects("", 10)
    assert kept.content_key == b""
    assert (kept.contributors, kept.sequence) == (row("a").contributors, 11)
    for file in path.parent.glob("node.db*"):
        assert b"secret key of it" not in file.read_bytes()


async def test_objects_come_in_pages_of_their_names(db: NodeDb) -> None:
    await db.change_objects([row(name) for name in "dacb"], [])
    assert [found.file_name for found in await db.objects("", 3)] == ["a", "b", "c"]
    assert [found.file_name for found in await db.objects("c", 3)] == ["d"]


async def test_rows_are_counted_by_their_names(path: Path, db: NodeDb) -> None:
    await db.count_objects()
    await db.change_objects([row("a"), row("b"), row("x", tenant="other")], [])
    await db.change_objects([row("a", sequence=12)], ["b", "never there"])
    assert db.objects_count == 2
    await db.void("demo")
    assert db.objects_count == 1
    await db.change_objects([row("a")], [])
    await db.remove("demo")
    assert (db.objects_count, await db.count_objects()) == (1, 1)


# --- a full disk ----------------------------------------------------------------------------------------------------


def many(count: int) -> list[Entry]:
    return chained(START, *[(Kind.ASSET, tuple(f"{at:032x}" for at in range(50)))] * count)


async def test_on_a_full_disk_room_is_made_and_the_write_done_again(path: Path, disk: Disk, db: NodeDb) -> None:
    disk.fill()
    await db.append(many(30))
    assert disk.given == 1
    (known,) = await reopened(path)
    assert known.cursor.seq == 40


async def test_when_nothing_can_be_given_up_nothing_changes(path: Path, disk: Disk, db: NodeDb) -> None:
    disk.fill()
    disk.gives = False
    with pytest.raises(NoRoom):
        await db.append(many(30))
    (known,) = await reopened(path)
    assert known.cursor == START
    disk.gives = True
    await db.append(many(30))


async def test_what_is_given_up_in_vain_is_bounded(disk: Disk, db: NodeDb, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []

    def give() -> bool:
        given.append(1)
        return True

    monkeypatch.setattr(disk.db, "_give_room", give)
    disk.fill()
    with pytest.raises(NoRoom):
        await db.append(many(30))
    assert len(given) == TRIES_MAX - 1


async def test_a_file_that_cannot_be_made_for_want_of_room_is_no_damaged_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("edge.nodedb.os.open", full)
    db = NodeDb(path, give_room=lambda: False)
    with pytest.raises(NoRoom):
        await db.open()
    await db.close()


async def test_a_file_of_another_kind_is_refused(path: Path) -> None:
    path.write_bytes(b"no database at all" * 100)
    db = NodeDb(path, give_room=lambda: False)
    with pytest.raises(BadNodeDb):
        await db.open()
    await db.close()
