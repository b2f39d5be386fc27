"""Which assets are under a legal hold: what every end of a version asks, in its own transaction. See `origin.records.holds`."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from origin.catalogue.hold_tables import held as table
from origin.catalogue.sql import batches


def is_held(asset_id: ColumnElement[str], tenant: str) -> ColumnElement[bool]:
    """As a condition of a query."""
    return exists().where(table.c.tenant == tenant, table.c.asset_id == asset_id)


async def held_among(connection: AsyncConnection, tenant: str, asset_ids: Iterable[str]) -> set[str]:
    """Which of these are under some hold."""
    found: set[str] = set()
    for batch in batches(dict.fromkeys(asset_ids)):
        mine = (table.c.tenant == tenant, table.c.asset_id.in_(batch))
        found.update(await connection.scalars(select(table.c.asset_id).where(*mine)))
    return found


async def any_held(connection: AsyncConnection, tenant: str, asset_ids: Iterable[str]) -> bool:
    """Is one of these under some hold? One question where the cloud has no holds."""
    some = select(table.c.hold).where(table.c.tenant == tenant).limit(1)
    return await connection.scalar(some) is not None and bool(await held_among(connection, tenant, asset_ids))
