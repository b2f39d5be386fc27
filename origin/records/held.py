"""Which assets are under a legal hold: what every end of a version asks, in its own transaction. See `origin.records.holds`.

Of a catalogue that was put back, holds are laid again, and lifted again, as the journal tells: by the versions that they were laid
on. Who laid one and why is not in the journal, and not known any more then.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, delete, exists, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import Aid
from origin.catalogue.hold_tables import held as table
from origin.catalogue.hold_tables import hold
from origin.catalogue.sql import add_if_absent, batches
from origin.catalogue.tables import backup, version

NO_DETAIL = b""
"""Of a hold that was laid again."""


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


async def aids_of(connection: AsyncConnection, tenant: str, asset_ids: Iterable[str]) -> list[Aid]:
    """Of all versions that there are of these assets, those under retention included."""
    found: list[Aid] = []
    for batch in batches(asset_ids):
        live = select(version.c.aid).where(version.c.tenant == tenant, version.c.asset_id.in_(batch))
        kept = select(backup.c.aid).where(backup.c.tenant == tenant, backup.c.asset_id.in_(batch))
        found += [Aid(row.aid) for row in await connection.execute(union(live, kept))]
    return found


async def assets_of(connection: AsyncConnection, tenant: str, aids: Iterable[Aid]) -> list[str]:
    """Whose versions these are, as far as they are there, under retention or not."""
    found: dict[str, None] = {}
    for batch in batches(aids):
        live = select(version.c.asset_id).where(version.c.tenant == tenant, version.c.aid.in_(batch))
        kept = select(backup.c.asset_id).where(backup.c.tenant == tenant, backup.c.aid.in_(batch))
        found.update((row.asset_id, None) for row in await connection.execute(union(live, kept)))
    return list(found)


async def hold_again(
    connection: AsyncConnection, tenant: str, hold_id: str, aids: Iterable[Aid], *, now: float
) -> None:
    """When it was laid nothing tells, either."""
    row = {"tenant": tenant, "id": hold_id, "placed_at": now, "detail": NO_DETAIL}
    await add_if_absent(connection, hold, row)
    assets = await assets_of(connection, tenant, aids)
    rows = [{"tenant": tenant, "asset_id": asset_id, "hold": hold_id} for asset_id in assets]
    await add_if_absent(connection, table, *rows)


async def lift(connection: AsyncConnection, tenant: str, hold_id: str) -> int | None:
    """How many assets it was on; None: there is no such hold."""
    gone = await connection.execute(delete(hold).where(hold.c.tenant == tenant, hold.c.id == hold_id))
    freed = await connection.execute(delete(table).where(table.c.tenant == tenant, table.c.hold == hold_id))
    return freed.rowcount if gone.rowcount else None
