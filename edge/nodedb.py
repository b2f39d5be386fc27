"""`node.db`: what a node must still know after a restart: its id, each tenant's cursor and entries, which files it keeps.

No key is ever in it, wrapped or not (decisions E.4), no name, no path: aids, keyed hashes and numbers. SQLite in WAL
mode, written by the agent alone; all calls go through one thread, so a slow disk does not hold up the event loop.
A cursor and its entries are durable before an entry is handed to workers, and so before it is acked (E6).
When the disk is full, room is made (`edge.reserve`) and the write done again; if nothing can be made, it is NoRoom.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from domicile.media.asset import Aid, NameHash
from domicile.media.errors import Overloaded
from domicile.media.journal import Entry, Fence, FenceState, Head
from edge.messages import StoredObject

T = TypeVar("T")

SCHEMA = 1
ENTRIES_KEPT_MAX = 10_000
"""Entries a tenant keeps: an origin that lost its newest can learn them again from here (decisions C.4)."""
BASE_EVERY = 1000
"""Entries between two stored fences: how many are replayed at most at a start."""
BUSY_SECONDS_MAX = 5.0
TRIES_MAX = 3
"""Of one write on a full disk: as it is, with the reserve given up, with cached files given up."""

_NO_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})
"""What SQLite says of a full disk: a page, a byte of its shared memory, or a new file could not be had."""

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tenants (
  tenant TEXT PRIMARY KEY, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, chain TEXT NOT NULL,
  epoch_floor INTEGER NOT NULL, base_seq INTEGER NOT NULL, base BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (
  tenant TEXT NOT NULL, seq INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (tenant, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
  file_name TEXT PRIMARY KEY, tenant TEXT NOT NULL, contributors TEXT NOT NULL, name TEXT NOT NULL,
  epoch INTEGER NOT NULL, sequence INTEGER NOT NULL, config_revision INTEGER NOT NULL,
  stored_at REAL NOT NULL, body_bytes INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS objects_by_tenant ON objects (tenant);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A tenant as it was when the node stopped."""

    tenant: str
    cursor: Head
    fence: Fence
    epoch_floor: int


class BadNodeDb(Exception):
    """The file is not a node.db of this version, or it is damaged."""


class NoRoom(Overloaded):
    """The disk does not take it, whatever was given up for it. Nothing has changed; trying again later may work."""


class NodeDb:
    """One open node.db. Every method is a coroutine that runs in the file's own thread."""

    def __init__(self, path: Path, *, give_room: Callable[[], bool]) -> None:
        """`give_room`: called in the file's thread when the disk is full; False when nothing could be given up."""
        self._path = path
        self._give_room = give_room
        self.objects_count = 0
        """Rows of objects, once `count_objects` was called."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="nodedb")
        self._db: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Open or make the file (mode 0600). Raises BadNodeDb, NoRoom, OSError."""
        await self._run(self._open)

    async def close(self) -> None:
        def shut() -> None:
            if self._db is not None:
                self._db.close()

        await self._run(shut)
        self._thread.shutdown()

    async def node_id(self) -> str:
        """Stable random id of this node, 32 hex digits; made at first use."""

        def read(db: sqlite3.Connection) -> str:
            db.execute("INSERT OR IGNORE INTO meta VALUES ('node', ?)", (secrets.token_hex(16),))
            return str(db.execute("SELECT value FROM meta WHERE key = 'node'").fetchone()[0])

        return await self._write(read)

    async def load(self) -> list[Known]:
        """Every tenant with its fence, replayed from the stored one and the entries after it. Raises BadNodeDb."""
        return await self._write(_load)

    async def save(self, tenant: str, cursor: Head, fence: Fence, epoch_floor: int) -> None:
        """A tenant that starts (again) at `cursor`: entries and objects of before are void."""

        def write(db: sqlite3.Connection) -> int:
            db.execute("DELETE FROM entries WHERE tenant = ?", (tenant,))
            db.execute(
                "INSERT OR REPLACE INTO tenants VALUES (?, ?, ?, ?, ?, ?, ?)",
                (tenant, cursor.epoch, cursor.seq, cursor.chain, epoch_floor, cursor.seq, _encoded(fence)),
            )
            return _void(db, tenant)

        await self._change_count(write)

    async def append(self, entries: Sequence[Entry]) -> None:
        """Entries in order, and the cursors they lead to, in one transaction."""

        def write(db: sqlite3.Connection) -> None:
            db.executemany(
                "INSERT INTO entries VALUES (?, ?, ?)",
                [(entry.tenant, entry.seq, msgspec.msgpack.encode(entry)) for entry in entries],
            )
            db.executemany(
                "UPDATE tenants SET epoch = ?, seq = ?, chain = ? WHERE tenant = ?",
                [(entry.epoch, entry.seq, entry.chain, entry.tenant) for entry in entries],
            )

        await self._write(write)

    async def rebase(self, tenant: str, state: FenceState) -> None:
        """Store a fence, so that a start replays less, and let go of entries nobody will ask for."""
        encoded = msgspec.msgpack.encode(state)

        def write(db: sqlite3.Connection) -> None:
            db.execute("UPDATE tenants SET base_seq = ?, base = ? WHERE tenant = ?", (state.applied, encoded, tenant))
            db.execute("DELETE FROM entries WHERE tenant = ? AND seq <= ?", (tenant, state.applied - ENTRIES_KEPT_MAX))

        await self._write(write)

    async def remove(self, tenant: str) -> None:
        """Forget a tenant: this node may not serve it."""

        def write(db: sqlite3.Connection) -> int:
            for table in ("tenants", "entries"):
                db.execute(f"DELETE FROM {table} WHERE tenant = ?", (tenant,))  # noqa: S608 - names from the line above
            return _void(db, tenant)

        await self._change_count(write)

    async def void(self, tenant: str) -> None:
        """Forget a tenant's objects; cursor and entries stay."""
        await self._change_count(lambda db: _void(db, tenant))

    async def change_objects(self, stored: Iterable[StoredObject], gone: Iterable[str]) -> None:
        """Register objects and forget others, in one transaction."""
        rows = [
            (
                *(o.file_name, o.tenant, ",".join(o.contributors), o.name, o.epoch, o.sequence),
                *(o.config_revision, o.stored_at, o.body_bytes),
            )
            for o in stored
        ]
        names = [(name,) for name in (*(row[0] for row in rows), *gone)]

        def write(db: sqlite3.Connection) -> int:
            removed = db.executemany("DELETE FROM objects WHERE file_name = ?", names).rowcount
            inserted = db.executemany("INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows).rowcount
            return max(0, inserted) - max(0, removed)

        await self._change_count(write)

    async def objects(self, after: str, count_max: int) -> list[StoredObject]:
        """Up to `count_max` objects with a file name above `after`, in order, without keys."""

        def read(db: sqlite3.Connection) -> list[StoredObject]:
            found = db.execute(
                "SELECT * FROM objects WHERE file_name > ? ORDER BY file_name LIMIT ?", (after, count_max)
            )
            return [_object(row) for row in found]

        return await self._write(read)

    async def count_objects(self) -> int:
        """Look, and keep `objects_count` current from now on."""
        self.objects_count = await self._write(lambda db: int(db.execute("SELECT count(*) FROM objects").fetchone()[0]))
        return self.objects_count

    async def _change_count(self, write: Callable[[sqlite3.Connection], int]) -> None:
        """A write that says by how many the rows of objects changed."""
        change = await self._write(write)
        self.objects_count += change

    async def _run(self, function: Callable[[], T]) -> T:
        """A commit that began is finished, whatever becomes of the caller. Raises NoRoom."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, self._tried, function))

    def _tried(self, function: Callable[[], T]) -> T:
        for left in reversed(range(TRIES_MAX)):
            try:
                return function()
            except (sqlite3.OperationalError, OSError) as failed:
                if not _is_no_room(failed):
                    raise
                if not left or not self._give_room():
                    raise NoRoom("The disk of the node is full") from failed
        raise AssertionError("the last try returns or raises")

    async def _write(self, function: Callable[[sqlite3.Connection], T]) -> T:
        def transaction() -> T:
            assert self._db is not None
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                return function(self._db)

        return await self._run(transaction)

    def _open(self) -> None:
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        db = sqlite3.connect(self._path, isolation_level=None, timeout=BUSY_SECONDS_MAX, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA secure_delete = ON")
            found = int(db.execute("PRAGMA user_version").fetchone()[0])
            if found not in {0, SCHEMA}:
                raise BadNodeDb(f"node.db has version {found}, this program knows {SCHEMA}")
            db.executescript(_TABLES)
            db.execute(f"PRAGMA user_version = {SCHEMA}")
        except sqlite3.DatabaseError as damaged:
            db.close()
            if _is_no_room(damaged):
                raise
            raise BadNodeDb(f"node.db cannot be used ({damaged}); without it the cache starts empty") from damaged
        except BadNodeDb:
            db.close()
            raise
        self._db = db


def _is_no_room(failed: sqlite3.Error | OSError) -> bool:
    if isinstance(failed, OSError):
        return failed.errno in {errno.ENOSPC, errno.EDQUOT}
    return getattr(failed, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF in _NO_ROOM  # the rest of it says how


def _encoded(fence: Fence) -> bytes:
    return msgspec.msgpack.encode(fence.state())


def _void(db: sqlite3.Connection, tenant: str) -> int:
    """Forget a tenant's objects; the change of their number."""
    return -max(0, db.execute("DELETE FROM objects WHERE tenant = ?", (tenant,)).rowcount)


def _object(row: tuple[str, str, str, str, int, int, int, float, int]) -> StoredObject:
    return StoredObject(
        file_name=row[0],
        tenant=row[1],
        contributors=tuple(Aid(aid) for aid in row[2].split(",") if aid),
        name=NameHash(row[3]),
        epoch=row[4],
        sequence=row[5],
        config_revision=row[6],
        stored_at=row[7],
        body_bytes=row[8],
    )


def _load(db: sqlite3.Connection) -> list[Known]:
    known = []
    for tenant, epoch, seq, chain, epoch_floor, base_seq, base in db.execute("SELECT * FROM tenants").fetchall():
        fence = Fence.restored(msgspec.msgpack.decode(base, type=FenceState))
        bodies = db.execute(
            "SELECT body FROM entries WHERE tenant = ? AND seq > ? ORDER BY seq", (tenant, base_seq)
        ).fetchall()
        try:
            for (body,) in bodies:
                fence.apply(msgspec.msgpack.decode(body, type=Entry))
        except (ValueError, msgspec.MsgspecError) as torn:
            raise BadNodeDb("node.db lacks an entry of its journal") from torn
        if fence.applied != seq:
            raise BadNodeDb("node.db lacks an entry of its journal")
        known.append(
            Known(tenant=tenant, cursor=Head(epoch=epoch, seq=seq, chain=chain), fence=fence, epoch_floor=epoch_floor)
        )
    return known
