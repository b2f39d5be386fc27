"""The search index: plaintext, in memory only, rebuilt from the sealed blobs at start (decisions L).

Synchronous SQLite in memory: a query takes microseconds to a few milliseconds. It answers in asset ids; records come
from the catalogue. Changes arrive in commit order, right after each commit.
"""

from __future__ import annotations

import base64
import binascii
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from domicile.media.errors import BadRequest
from origin.records.types import AssetRecord, Filter

_SCHEMA = """
PRAGMA secure_delete = ON;
PRAGMA temp_store = MEMORY;
CREATE TABLE asset (
    asset_id TEXT PRIMARY KEY, tenant TEXT NOT NULL, resource_type TEXT NOT NULL, delivery_type TEXT NOT NULL,
    public_id TEXT NOT NULL, created_at REAL NOT NULL, body_bytes INTEGER NOT NULL, folder TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX asset_by_time ON asset (tenant, created_at, asset_id);
CREATE INDEX asset_by_type ON asset (tenant, delivery_type);
CREATE INDEX asset_by_name ON asset (tenant, public_id);
CREATE INDEX asset_by_folder ON asset (tenant, folder);
CREATE TABLE valued (field TEXT NOT NULL, tenant TEXT NOT NULL, asset_id TEXT NOT NULL,
    PRIMARY KEY (tenant, field, asset_id)) WITHOUT ROWID;
CREATE INDEX valued_by_asset ON valued (asset_id);
CREATE TABLE tag (tag TEXT NOT NULL, tenant TEXT NOT NULL, asset_id TEXT NOT NULL, PRIMARY KEY (tenant, tag, asset_id))
    WITHOUT ROWID;
CREATE INDEX tag_by_asset ON tag (asset_id);
CREATE TABLE mark (
    kind TEXT NOT NULL, text TEXT NOT NULL, tenant TEXT NOT NULL, asset_id TEXT NOT NULL,
    PRIMARY KEY (tenant, kind, text, asset_id)
) WITHOUT ROWID;
CREATE INDEX mark_by_asset ON mark (asset_id);
"""

_LAST_CHARACTER = "\U0010ffff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """Where an asset stands in a listing."""

    asset_id: str
    created_at: float


class SearchIndex:
    """One process's index over all tenants."""

    def __init__(self) -> None:
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._db.executescript(_SCHEMA)
        self._totals: dict[str, tuple[int, int]] = {}

    def close(self) -> None:
        self._db.close()

    def put(self, record: AssetRecord) -> None:
        """Add or replace an asset."""
        self._count_out(record.asset_id)
        count, size = self.totals(record.name.cloud)
        self._totals[record.name.cloud] = (count + 1, size + record.body_bytes)
        name = record.name
        place = (record.asset_id, name.cloud, name.resource_type, name.delivery_type, name.public_id)
        row = (*place, record.created_at, record.body_bytes, record.folder)
        self._db.execute("INSERT OR REPLACE INTO asset VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        self._db.execute("DELETE FROM tag WHERE asset_id = ?", (record.asset_id,))
        self._db.execute("DELETE FROM valued WHERE asset_id = ?", (record.asset_id,))
        valued = {(field, name.cloud, record.asset_id) for field in record.metadata}
        self._db.executemany("INSERT INTO valued VALUES (?, ?, ?)", valued)
        tags = {(tag, name.cloud, record.asset_id) for tag in record.tags}
        self._db.executemany("INSERT INTO tag VALUES (?, ?, ?)", tags)
        self._db.execute("DELETE FROM mark WHERE asset_id = ?", (record.asset_id,))
        marks = {(kind, text, name.cloud, record.asset_id) for kind, text in _marks_of(record)}
        self._db.executemany("INSERT INTO mark VALUES (?, ?, ?, ?)", marks)

    def remove(self, asset_id: str) -> None:
        self._count_out(asset_id)
        self._db.execute("DELETE FROM asset WHERE asset_id = ?", (asset_id,))
        self._db.execute("DELETE FROM tag WHERE asset_id = ?", (asset_id,))
        self._db.execute("DELETE FROM mark WHERE asset_id = ?", (asset_id,))
        self._db.execute("DELETE FROM valued WHERE asset_id = ?", (asset_id,))

    def find(
        self,
        tenant: str,
        where: Filter,
        *,
        limit: int,
        start_at: float | None = None,
        ascending: bool = False,
        after: Hit | None = None,
    ) -> list[Hit]:
        """Matching assets by time, at most `limit`, after a place in the same order."""
        clauses, values = _conditions(tenant, where)
        sign, order = (">", "ASC") if ascending else ("<", "DESC")
        if start_at is not None:
            clauses.append(f"created_at {sign}= ?")
            values.append(start_at)
        if after is not None:
            clauses.append(f"(created_at, asset_id) {sign} (?, ?)")
            values += [after.created_at, after.asset_id]
        query = (
            f"SELECT asset_id, created_at FROM asset WHERE {' AND '.join(clauses)}"  # noqa: S608 - fixed texts
            f" ORDER BY created_at {order}, asset_id {order} LIMIT ?"
        )
        return [Hit(asset_id=row[0], created_at=row[1]) for row in self._db.execute(query, (*values, limit))]

    def totals(self, tenant: str) -> tuple[int, int]:
        """(assets, bytes of their originals); every upload of a cloud with quotas asks, so they are counted along."""
        return self._totals.get(tenant, (0, 0))

    def _count_out(self, asset_id: str) -> None:
        query = "SELECT tenant, body_bytes FROM asset WHERE asset_id = ?"
        for tenant, body_bytes in self._db.execute(query, (asset_id,)).fetchall():
            count, size = self.totals(tenant)
            self._totals[tenant] = (count - 1, size - body_bytes)

    def resource_types(self, tenant: str) -> list[str]:
        """Those of which there are assets."""
        query = "SELECT DISTINCT resource_type FROM asset WHERE tenant = ? ORDER BY resource_type"
        return [row[0] for row in self._db.execute(query, (tenant,))]

    def count(self, tenant: str, where: Filter) -> int:
        """How many match."""
        clauses, values = _conditions(tenant, where)
        query = f"SELECT count(*) FROM asset WHERE {' AND '.join(clauses)}"  # noqa: S608 - fixed texts
        count: int = self._db.execute(query, values).fetchone()[0]
        return count

    def folders(self, tenant: str, parent: str, *, limit: int) -> list[str]:
        """Names of the folders right below one ("": the root) that hold assets, at any depth; at most `limit`, in no order.

        It leaps from folder to folder: what it costs follows from how many there are, and not from their assets.
        """
        head = f"{parent}/" if parent else ""
        query = "SELECT min(folder) FROM asset WHERE tenant = ? AND folder > ? AND folder < ?"
        found, at = dict[str, None](), head
        while len(found) < limit:
            (folder,) = self._db.execute(query, (tenant, at, head + _LAST_CHARACTER)).fetchone()
            if folder is None:
                break
            child, slash, _ = folder[len(head) :].partition("/")
            found[child] = None
            at = f"{head}{child}/{_LAST_CHARACTER}" if slash else folder
        return list(found)

    def tags(self, tenant: str, resource_type: str, *, prefix: str, after: str, limit: int) -> list[str]:
        """Tags in use, sorted, each once, at most `limit`, after one of them."""
        query = (
            "SELECT DISTINCT tag FROM tag JOIN asset USING (asset_id)"
            " WHERE tag.tenant = ? AND asset.resource_type = ? AND tag > ? AND tag >= ? AND tag < ? ORDER BY tag LIMIT ?"
        )
        values = (tenant, resource_type, after, prefix, prefix + _LAST_CHARACTER, limit)
        return [row[0] for row in self._db.execute(query, values)]


def _conditions(tenant: str, where: Filter) -> tuple[list[str], list[object]]:
    clauses, values = ["tenant = ?"], list[object]([tenant])
    for column, wanted in (("resource_type", where.resource_type), ("delivery_type", where.delivery_type)):
        if wanted is not None:
            clauses.append(f"{column} = ?")
            values.append(wanted)
    if where.prefix:
        clauses.append("public_id >= ? AND public_id < ?")
        values += [where.prefix, where.prefix + _LAST_CHARACTER]
    if where.tag is not None:
        clauses.append("asset_id IN (SELECT asset_id FROM tag WHERE tenant = ? AND tag = ?)")
        values += [tenant, where.tag]
    for mark in _marks_in(where):
        clauses.append("asset_id IN (SELECT asset_id FROM mark WHERE tenant = ? AND kind = ? AND text = ?)")
        values += [tenant, *mark]
    if where.folder is not None:
        clauses.append("(folder = ? OR (folder > ? AND folder < ?))")
        values += [where.folder, f"{where.folder}/", f"{where.folder}/{_LAST_CHARACTER}"]
    if where.field is not None:
        clauses.append("asset_id IN (SELECT asset_id FROM valued WHERE tenant = ? AND field = ?)")
        values += [tenant, where.field]
    if where.public_ids is not None:
        clauses.append(f"public_id IN ({_marks(where.public_ids)})")
        values += where.public_ids
    return clauses, values


def _marks_of(record: AssetRecord) -> list[tuple[str, str]]:
    """(kind, text) of what listings filter by beside names and tags."""
    marks = [("folder", record.folder), *(("moderation", f"{one.kind}/{one.status}") for one in record.moderation)]
    for key, value in record.context.items():
        marks += [("key", key), ("context", f"{key}\0{value}")]
    return marks


def _marks_in(where: Filter) -> list[tuple[str, str]]:
    marks = [] if where.in_folder is None else [("folder", where.in_folder)]
    if where.moderation is not None:
        marks.append(("moderation", "/".join(where.moderation)))
    if where.context is not None:
        key, value = where.context
        marks.append(("key", key) if value is None else ("context", f"{key}\0{value}"))
    return marks


def _marks(values: Iterable[object]) -> str:
    return ", ".join("?" for _ in values)


def to_cursor(hit: Hit) -> str:
    """An opaque text that holds no name."""
    packed = msgspec.msgpack.encode((hit.created_at, bytes.fromhex(hit.asset_id)))
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def from_cursor(text: str) -> Hit:
    """Raises BadRequest for a text that is not ours."""
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        created_at, asset_id = msgspec.msgpack.decode(packed, type=tuple[float, bytes])
    except (binascii.Error, ValueError, msgspec.MsgspecError) as bad:
        raise BadRequest("Invalid next_cursor") from bad
    return Hit(asset_id=asset_id.hex(), created_at=created_at)
