"""What is remembered of an erasure: counts, hashes and journal numbers, written in the transactions that remove.

A row stays until everything is forgotten and fenced, and its last statement for STATEMENT_KEPT_SECONDS after that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.errors import BadRequest
from domicile.media.journal import Head
from domicile.media.statement import ErasureStatement
from origin.catalogue import tables as t

STATEMENT_KEPT_SECONDS = 30 * 86_400.0
"""How long the last statement of an erasure can be asked for again, and its request_id repeated."""
VERSIONS_SHOWN_MAX = 1000
"""Keyed hashes of versions that a statement lists; the counts are always of all."""


class Deferred(msgspec.Struct, frozen=True, kw_only=True):
    """What a call waits for that is not carried out at once; see `origin.records.deferred`. Hashes are keyed."""

    mode: str
    assets: int
    """How many it selected."""
    versions: str = "all"
    """Of each, or only the current one."""
    asked_by: str = ""
    """Hash of the API key."""
    approved_by: str = ""
    approve_until: float = 0.0
    """0: no approval is waited for."""
    lately: int = 0
    """Of one that has to be approved: assets that the cloud had erased lately without an approval."""
    lately_by_key: int = 0
    """Of these, those that the same key had."""
    grace_until: float = 0.0
    cancelled: bool = False


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What every place said, kept from before what it was asked after is forgotten until the receipt is written."""

    at: float
    """Wall clock: since then every place has said so. 0: none, their patience is over."""
    probes: dict[str, dict[str, int | str]]
    """By place, as the statement tells it."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How far an erasure has come; fields may be added with defaults."""

    head: Head
    """After its newest entry."""
    seqs: tuple[int, ...]
    """Its entries."""
    versions: int
    shown: tuple[str, ...]
    """Keyed hashes of the first versions."""
    renditions: int
    recipients: dict[str, int] = {}
    """Who was told of these versions, or given them: how many of each kind."""
    finished: bool = False
    """The selector matched nothing more."""
    originals: int = 0
    """Sealed files that the first attempt deleted."""
    sealed: bool = False
    """The first attempt destroyed every key, whatever became of the files."""
    root_before: int = 0
    root_after: int = 0
    """Roots of the keyring around the first attempt; 0: not made yet."""
    deferred: Deferred | None = None
    committed_at: float = 0.0
    """Wall clock at its newest entry; 0: of an older release."""
    fenced_at: float = 0.0
    """When it was first known that no edge serves it."""
    verified: Verified | None = None
    gone_before: int = 0
    """Assets that it selected, and that others had deleted or erased when their turn came: it is not over before that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRow:
    """One erasure."""

    tenant: str
    id: str
    request: str | None
    selector: str
    state: State
    statement: ErasureStatement | None = None
    leaf: int | None = None
    """Number in the audit log, once it is over."""


async def by_request(connection: AsyncConnection, tenant: str, request: str | None, selector: str) -> ErasureRow | None:
    """What an earlier call with the same request_id began. BadRequest when it asked for something else."""
    if request is None:
        return None
    row = await _one(connection, t.erasure.c.tenant == tenant, t.erasure.c.request == request)
    if row is not None and row.selector != selector:
        raise BadRequest("This request_id was used for something else")
    return row


async def by_id(connection: AsyncConnection, tenant: str, erasure_id: str) -> ErasureRow | None:
    return await _one(connection, t.erasure.c.tenant == tenant, t.erasure.c.id == erasure_id)


async def locked(connection: AsyncConnection, tenant: str, erasure_id: str) -> ErasureRow | None:
    """In a transaction that is going to save it: nobody else saves it meanwhile, and loses what this one says of it."""
    return await _one(connection, t.erasure.c.tenant == tenant, t.erasure.c.id == erasure_id, is_locked=True)


async def open_ones(connection: AsyncConnection, *, limit: int) -> list[ErasureRow]:
    """Some of those without their last statement, whichever: over many rounds all of them have their turn."""
    query = select(t.erasure).where(t.erasure.c.statement.is_(None)).order_by(func.random()).limit(limit)
    return [_row(found) for found in await connection.execute(query)]


async def save(connection: AsyncConnection, row: ErasureRow) -> None:
    """Write the state of a row, new or old."""
    packed = msgspec.msgpack.encode(row.state)
    mine = (t.erasure.c.tenant == row.tenant, t.erasure.c.id == row.id)
    changed = await connection.execute(update(t.erasure).where(*mine).values(state=packed))
    if changed.rowcount == 0:
        values = {"tenant": row.tenant, "id": row.id, "request": row.request, "selector": row.selector}
        await connection.execute(insert(t.erasure).values(state=packed, **values))


async def close(connection: AsyncConnection, row: ErasureRow, statement: ErasureStatement, *, now: float) -> bool:
    """Nothing is left to do: keep the last statement for a while. False: somebody else has done it."""
    packed = msgspec.msgpack.encode({"body": statement.body, "signature": statement.signature})
    mine = (t.erasure.c.tenant == row.tenant, t.erasure.c.id == row.id, t.erasure.c.statement.is_(None))
    closed = await connection.execute(
        update(t.erasure).where(*mine).values(statement=packed, kept_until=now + STATEMENT_KEPT_SECONDS)
    )
    return closed.rowcount > 0


async def logged(connection: AsyncConnection, row: ErasureRow, leaf: int) -> None:
    mine = (t.erasure.c.tenant == row.tenant, t.erasure.c.id == row.id)
    await connection.execute(update(t.erasure).where(*mine).values(leaf=leaf))


async def drop_old(connection: AsyncConnection, *, now: float) -> None:
    await connection.execute(delete(t.erasure).where(t.erasure.c.kept_until < now))


async def doomed(connection: AsyncConnection, row: ErasureRow) -> int:
    """Versions of this erasure whose key or bytes may still be there; where others were faster, of theirs as well: nothing tells
    which of those it means.
    """
    seq = t.doomed.c.seq
    mine: ColumnElement[bool] = seq.in_(row.state.seqs)
    if row.state.gone_before:
        mine = or_(mine, and_(seq > 0, seq <= row.state.head.seq))
    counted = select(func.count()).select_from(t.doomed).where(t.doomed.c.tenant == row.tenant, mine)
    return await connection.scalar(counted) or 0


async def _one(connection: AsyncConnection, *where: Any, is_locked: bool = False) -> ErasureRow | None:
    query = select(t.erasure).where(*where)
    found: Row[Any] | None = (await connection.execute(query.with_for_update() if is_locked else query)).first()
    return None if found is None else _row(found)


def _row(found: Row[Any]) -> ErasureRow:
    statement = msgspec.msgpack.decode(found.statement) if found.statement is not None else None
    return ErasureRow(
        tenant=found.tenant,
        id=found.id,
        request=found.request,
        selector=found.selector,
        state=msgspec.msgpack.decode(found.state, type=State),
        statement=ErasureStatement(**statement) if statement else None,
        leaf=found.leaf,
    )
