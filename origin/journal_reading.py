"""What journals say: where each ends, and what comes after a cursor. How they are written: `origin.journal`."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.errors import AssetNotFound
from domicile.media.journal import Entry, Head
from domicile.media.wire import JournalAnswer
from origin.catalogue.tables import journal_entry, journal_head

ENTRIES_PER_ANSWER_MAX = 512
TARGETS_PER_ANSWER_MAX = 50_000
"""Targets of the entries of one answer, beside those of its last entry: half of what the wire takes (`wire.BODY_BYTES_MAX`)."""


def answer_after(connection: Connection, *, cursors: Mapping[str, int]) -> JournalAnswer:
    """Entries after the cursors, and which cursors cannot be followed, in one snapshot."""
    entries: list[Entry] = []
    unknown: list[str] = []
    compacted: list[str] = []
    heads = _heads_in(connection)
    targets = TARGETS_PER_ANSWER_MAX
    for tenant, cursor in cursors.items():
        if tenant not in heads or cursor > heads[tenant].seq:
            unknown.append(tenant)
        elif cursor < heads[tenant].seq and targets > 0 and (room := ENTRIES_PER_ANSWER_MAX - len(entries)) > 0:
            found = _entries_in(connection, tenant, after=cursor, limit=room, targets=targets)
            if found and found[0].seq == cursor + 1:
                entries += found
                targets -= sum(map(targets_of, found))
            else:
                compacted.append(tenant)
    return JournalAnswer(entries=tuple(entries), unknown=tuple(unknown), compacted=tuple(compacted))


def targets_of(entry: Entry) -> int:
    return len(entry.aids) + len(entry.names)


async def read_heads(connection: AsyncConnection) -> dict[str, Head]:
    """Every tenant's head, in the snapshot of the connection."""
    return await connection.run_sync(_heads_in)


def _heads_in(connection: Connection) -> dict[str, Head]:
    head = journal_head
    rows = connection.execute(select(head.c.tenant, head.c.epoch, head.c.seq, head.c.hash))
    return {row.tenant: Head(epoch=row.epoch, seq=row.seq, chain=row.hash) for row in rows}


_HEAD = select(journal_head.c.epoch, journal_head.c.seq, journal_head.c.hash).where(
    journal_head.c.tenant == bindparam("tenant")
)
"""Asked for each rendition that is made; put together once, it takes half as long."""


async def read_head(connection: AsyncConnection, tenant: str) -> Head:
    """One tenant's head. Raises AssetNotFound for an unknown cloud."""
    return await connection.run_sync(head_in, tenant)


def head_in(connection: Connection, tenant: str) -> Head:
    """See `read_head`."""
    row = connection.execute(_HEAD, {"tenant": tenant}).first()
    if row is None:
        raise AssetNotFound("no such cloud")
    return Head(epoch=row.epoch, seq=row.seq, chain=row.hash)


async def read_entries(connection: AsyncConnection, tenant: str, *, after: int, limit: int) -> list[Entry]:
    """Entries with a number above `after`, in order; fewer than `limit` where they hold many targets."""
    return await connection.run_sync(_entries_in, tenant, after=after, limit=limit, targets=TARGETS_PER_ANSWER_MAX)


def _entries_in(connection: Connection, tenant: str, *, after: int, limit: int, targets: int) -> list[Entry]:
    """As many as it takes to have so many targets, if there are."""
    table = journal_entry
    rows = connection.execute(
        select(table.c.entry)
        .where(table.c.tenant == tenant, table.c.seq > after)
        .order_by(table.c.seq)
        .limit(max(limit, 0))
    )
    entries: list[Entry] = []
    for row in rows:
        entries.append(msgspec.msgpack.decode(row.entry, type=Entry))
        targets -= targets_of(entries[-1])
        if targets <= 0:
            rows.close()
            break
    return entries
