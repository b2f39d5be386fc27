"""Which versions an erasure that waits means, where it does not mean all of an asset: the current one alone, or one under
retention that was found by what it carried itself, while its asset shows somebody else by now (ADR 0060).

They are written down beside `erasure_target` when it is asked for. A target without any means all that there is of its asset.
None of them can be restored meanwhile, and what is under retention of them is hidden with what the erasure hides.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import Aid
from origin.catalogue.hold_tables import erasure_version as table
from origin.catalogue.port import AssetRow
from origin.catalogue.sql import add_if_absent, batches
from origin.catalogue.tables import version


async def note(
    connection: AsyncConnection, tenant: str, erasure: str, rows: Iterable[AssetRow], *, hides: bool
) -> None:
    own = {"tenant": tenant, "erasure": erasure, "hides": hides}
    meant = [{**own, "aid": row.aid, "asset_id": row.asset_id} for row in rows]
    await add_if_absent(connection, table, *meant)


async def hide(connection: AsyncConnection, tenant: str, erasure: str) -> None:
    """From now on."""
    mine = (table.c.tenant == tenant, table.c.erasure == erasure)
    await connection.execute(update(table).where(*mine).values(hides=True))


async def meant(
    connection: AsyncConnection, tenant: str, erasure: str, asset_ids: Iterable[str]
) -> dict[str, list[Aid]]:
    """By asset, of those of which not all is meant."""
    found: dict[str, list[Aid]] = {}
    for batch in batches(asset_ids):
        mine = (table.c.tenant == tenant, table.c.erasure == erasure, table.c.asset_id.in_(batch))
        for row in await connection.execute(select(table.c.asset_id, table.c.aid).where(*mine)):
            found.setdefault(row.asset_id, []).append(Aid(row.aid))
    return found


async def is_meant(connection: AsyncConnection, tenant: str, aid: Aid) -> bool:
    """By any erasure that waits, with this version alone."""
    found = select(table.c.aid).where(table.c.tenant == tenant, table.c.aid == aid).limit(1)
    return await connection.scalar(found) is not None


async def settle(connection: AsyncConnection, tenant: str, erasure: str, asset_ids: Iterable[str] | None) -> None:
    """These are dealt with; None: all of them."""
    mine = (table.c.tenant == tenant, table.c.erasure == erasure)
    if asset_ids is None:
        await connection.execute(delete(table).where(*mine))
        return
    for batch in batches(asset_ids):
        await connection.execute(delete(table).where(*mine, table.c.asset_id.in_(batch)))


def is_hidden(aid: ColumnElement[str], tenant: str) -> ColumnElement[bool]:
    """Of a version under retention; as a condition of a query."""
    return exists().where(table.c.tenant == tenant, table.c.aid == aid, table.c.hides)


def hides_asset(asset_id: ColumnElement[str], tenant: str, erasure: str) -> ColumnElement[bool]:
    """Is the whole asset hidden by it: is all of it meant, or what it shows now, or does it show nothing? As a condition of a query
    about targets.
    """
    mine = and_(table.c.tenant == tenant, table.c.erasure == erasure, table.c.asset_id == asset_id)
    shows_it = exists().where(mine, version.c.aid == table.c.aid)
    shows_any = exists().where(version.c.tenant == tenant, version.c.asset_id == asset_id)
    return or_(~exists().where(mine), shows_it, ~shows_any)
