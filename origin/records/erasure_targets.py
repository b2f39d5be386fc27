"""What a call that is not carried out at once has still to deal with, and how it stands: see `origin.records.deferred`."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.errors import AssetNotFound
from origin.catalogue.hold_tables import erasure_target as table
from origin.catalogue.sql import batches
from origin.records import erasure_rows as rows_of
from origin.records import erasure_versions, restrictions
from origin.records.core import Core
from origin.records.erasure_rows import Deferred, ErasureRow
from origin.records.held import is_held
from origin.records.restrictions import ART_18
from origin.records.stages import Mode, Standing

SELECTED_ASSETS_MAX = 50_000
"""Assets of one such call."""


async def unfinished(connection: AsyncConnection, *, limit: int, tenant: str | None = None) -> list[tuple[str, str]]:
    """(tenant, id) of calls that have something left to do, or to wait for; of more than `limit` whichever: over many rounds
    all of them have their turn.
    """
    query = select(table.c.tenant, table.c.erasure).group_by(table.c.tenant, table.c.erasure)
    query = query.order_by(func.random()).limit(limit)
    if tenant is not None:
        query = query.where(table.c.tenant == tenant)
    return [(row.tenant, row.erasure) for row in await connection.execute(query)]


async def standing_of(core: Core, connection: AsyncConnection, row: ErasureRow) -> Standing | None:
    """None for an erasure that is carried out at once."""
    waits = row.state.deferred
    if waits is None:
        return None
    mode, tenant = Mode(waits.mode), row.tenant
    policy = core.tenants.standing(tenant).policy
    hides_held = policy.erasures.held_restricted if policy else True
    cause = ART_18 if mode is Mode.RESTRICT else row.id
    held = bool(await next_targets(connection, row, is_held(table.c.asset_id, tenant), limit=1))
    shown = await restrictions.is_any_shown(connection, tenant, cause)
    if not shown and held and hides_held and mode is Mode.ERASE:
        shown = bool(await next_targets(connection, row, is_held_and_unmarked(row), limit=1))
    return Standing(
        mode=mode,
        now=core.now(),
        approve_until=waits.approve_until,
        grace_until=waits.grace_until,
        is_cancelled=waits.cancelled,
        free=bool(await next_targets(connection, row, ~is_held(table.c.asset_id, tenant), limit=1)),
        held=held,
        shown=shown,
        held_restricted=hides_held,
    )


async def held_count(connection: AsyncConnection, row: ErasureRow) -> int:
    mine = (table.c.tenant == row.tenant, table.c.erasure == row.id, is_held(table.c.asset_id, row.tenant))
    return await connection.scalar(select(func.count()).select_from(table).where(*mine)) or 0


async def row_of(connection: AsyncConnection, tenant: str, erasure_id: str) -> ErasureRow:
    """To be changed in this transaction. Raises AssetNotFound."""
    row = await rows_of.locked(connection, tenant, erasure_id)
    if row is None:
        raise AssetNotFound("no such erasure")
    return row


def waits_of(row: ErasureRow) -> Deferred:
    assert row.state.deferred is not None
    return row.state.deferred


async def hidden_by(connection: AsyncConnection, tenant: str, erasure: str) -> list[str]:
    """Assets that it hides."""
    mine = (table.c.tenant == tenant, table.c.erasure == erasure)
    hides = erasure_versions.hides_asset(table.c.asset_id, tenant, erasure)
    return list(await connection.scalars(select(table.c.asset_id).where(*mine, hides).limit(SELECTED_ASSETS_MAX)))


def is_held_and_unmarked(row: ErasureRow) -> ColumnElement[bool]:
    hides = erasure_versions.hides_asset(table.c.asset_id, row.tenant, row.id)
    is_unmarked = ~restrictions.is_marked(table.c.asset_id, row.tenant, row.id)
    return is_held(table.c.asset_id, row.tenant) & is_unmarked & hides


async def next_targets(
    connection: AsyncConnection, row: ErasureRow, *conditions: ColumnElement[bool], limit: int
) -> list[str]:
    """Assets that the call has still to deal with."""
    mine = (table.c.tenant == row.tenant, table.c.erasure == row.id, *conditions)
    found = await connection.scalars(select(table.c.asset_id).where(*mine).order_by(table.c.asset_id).limit(limit))
    return list(found)


async def settle(connection: AsyncConnection, row: ErasureRow, asset_ids: Collection[str] | None) -> None:
    """These are dealt with; None: all of them."""
    mine = (table.c.tenant == row.tenant, table.c.erasure == row.id)
    await erasure_versions.settle(connection, row.tenant, row.id, asset_ids)
    if asset_ids is None:
        await connection.execute(delete(table).where(*mine))
        return
    for batch in batches(asset_ids):
        await connection.execute(delete(table).where(*mine, table.c.asset_id.in_(batch)))
