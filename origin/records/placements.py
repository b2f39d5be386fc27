"""Rows of the placement ledger: what no other table remembers of where bytes are, and were (invariant I20).

    edges      a row for each version and node that has told of a copy, by a report of what it made or by listing its files
    originals  a row for each version that is not its asset's current one any more: under retention, to be deleted, or gone

Where the original of a current version lies is told by its row in `version`, and is not written twice. What is gone stays, with when
and why, while anything of its asset is there, at most PAST_MAX rows an asset; the last of an asset's bytes takes all of its rows along.
Every function is given the transaction of the change that it belongs to. Rows of `version` are locked before rows of this table, and those
in the order of their keys (`lock`). `origin.records.ledger` says what the rows mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, exists, func, insert, literal, null, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import Aid
from origin.catalogue.place_tables import placement as table
from origin.catalogue.port import AssetRow
from origin.catalogue.sql import add_if_absent, batches
from origin.catalogue.tables import backup, version

STORE = "store"
"""Stands for the store of originals where else an edge's id stands."""
PAST_MAX = 100
"""Originals of one asset that are gone and are told of: the newest."""
ROWS_MAX = 2000
"""Of one asset, in one answer."""


class Why(StrEnum):
    """Why a copy goes, or has gone."""

    REPLACED = "replaced"
    DELETED = "deleted"
    EXPIRED = "expired"
    """Its time under retention was over, or its cloud had too many."""
    ERASED = "erased"
    EVICTED = "evicted"
    """The edge did not find it among its files any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One row."""

    aid: Aid
    place: str
    region: str
    since: float | None
    seen_at: float
    is_listed: bool
    gone_at: float | None
    why: str


async def left(connection: AsyncConnection, row: AssetRow, *, region: str, since: float | None, now: float) -> None:
    """A version is its asset's current one no longer, whether it is kept or goes."""
    values = {"aid": row.aid, "place": STORE, "tenant": row.tenant, "asset_id": row.asset_id, "region": region}
    await add_if_absent(connection, table, {**values, "since": since, "seen_at": now})


async def leave(connection: AsyncConnection, tenant: str, aids: Iterable[Aid], *, region: str, now: float) -> None:
    """The same for current versions that are erased; only where there is something of their assets beside them: versions under
    retention, or rows of this table, which go with them.
    """
    columns = ("aid", "place", "tenant", "asset_id", "region", "since", "seen_at")
    beside = [
        exists().where(other.c.tenant == version.c.tenant, other.c.asset_id == version.c.asset_id)
        for other in (backup, table.alias())
    ]
    for batch in batches(aids):
        mine = (version.c.tenant == tenant, version.c.aid.in_(batch), or_(*beside))
        facts = (literal(STORE), version.c.tenant, version.c.asset_id, literal(region), null(), literal(now))
        await connection.execute(insert(table).from_select(columns, select(version.c.aid, *facts).where(*mine)))


async def lock(connection: AsyncConnection, *where: ColumnElement[bool], limit: int | None = None) -> list[Row[Any]]:
    """Keys of the rows, and whose they are, which nobody else changes until this transaction ends; asked for in one order, so that no
    two wait for each other.
    """
    query = select(table.c.aid, table.c.place, table.c.asset_id).where(*where).order_by(table.c.aid, table.c.place)
    return [*(await connection.execute(query.limit(limit).with_for_update()))]


async def doom(connection: AsyncConnection, aids: Iterable[Aid], why: Why, *, now: float) -> None:
    """All copies of these versions go."""
    for batch in batches(sorted(aids)):
        goes = (table.c.aid.in_(batch), table.c.gone_at.is_(None), table.c.why == "")
        if await lock(connection, *goes):
            await connection.execute(update(table).where(*goes).values(why=str(why), goes_since=now))


async def forgotten(connection: AsyncConnection, aids: Iterable[Aid], *, now: float) -> None:
    """Originals of these versions are deleted. What edges still have, they tell themselves."""
    for batch in batches(sorted(aids)):
        assets = select(table.c.tenant, table.c.asset_id).where(table.c.aid.in_(batch), table.c.asset_id != "")
        found = (await connection.execute(assets.distinct())).all()
        for tenant in sorted({row.tenant for row in found}):
            await _settle(connection, tenant, batch, [row.asset_id for row in found if row.tenant == tenant], now=now)


async def _settle(
    connection: AsyncConnection, tenant: str, aids: Sequence[Aid], asset_ids: Sequence[str], *, now: float
) -> None:
    """`asset_ids`: whose versions these are, no more than there are of them."""
    living: set[str] = set()
    for holder in (version, backup):
        there = select(holder.c.asset_id).where(holder.c.tenant == tenant, holder.c.asset_id.in_(asset_ids))
        living.update(await connection.scalars(there.distinct()))
    over = [asset_id for asset_id in asset_ids if asset_id not in living]
    await lock(connection, table.c.tenant == tenant, table.c.asset_id.in_(asset_ids))
    await connection.execute(delete(table).where(table.c.tenant == tenant, table.c.asset_id.in_(over)))
    gone = (table.c.aid.in_(aids), table.c.place == STORE, table.c.gone_at.is_(None))
    await connection.execute(update(table).where(*gone).values(gone_at=now))
    past = (table.c.tenant == tenant, table.c.place == STORE, table.c.gone_at.is_not(None))
    mine = (*past, table.c.asset_id.in_(living))
    counts = select(table.c.asset_id, func.count().label("rows")).where(*mine).group_by(table.c.asset_id)
    for row in (await connection.execute(counts.having(func.count() > PAST_MAX))).all():
        of_one = (*past, table.c.asset_id == row.asset_id)
        oldest = select(table.c.aid).where(*of_one).order_by(table.c.gone_at).limit(row.rows - PAST_MAX)
        await connection.execute(delete(table).where(*of_one, table.c.aid.in_(oldest)))


async def of_asset(connection: AsyncConnection, tenant: str, asset_id: str) -> list[Placed]:
    """The newest ROWS_MAX."""
    query = select(table).where(table.c.tenant == tenant, table.c.asset_id == asset_id)
    rows = await connection.execute(query.order_by(table.c.seen_at.desc(), table.c.aid, table.c.place).limit(ROWS_MAX))
    return [_placed(row) for row in rows]


def _placed(row: Row[Any]) -> Placed:
    return Placed(
        aid=Aid(row.aid),
        place=row.place,
        region=row.region,
        since=row.since,
        seen_at=row.seen_at,
        is_listed=row.is_listed,
        gone_at=row.gone_at,
        why=row.why,
    )
