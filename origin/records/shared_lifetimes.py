"""What is remembered of each cloud's C, written in the transactions that put a policy in force."""

from __future__ import annotations

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.policy import ResidencyPolicy
from origin import cdn_lifetimes
from origin.catalogue.cdn_tables import shared_lifetime as table
from origin.cdn_lifetimes import Held


async def held(connection: AsyncConnection, tenant: str, policy: ResidencyPolicy | None) -> Held:
    """`policy`: the one in force, for a cloud of which nothing is remembered."""
    return await _read(connection, tenant) or Held(seconds=cdn_lifetimes.shared_seconds(policy))


async def _read(connection: AsyncConnection, tenant: str) -> Held | None:
    row = (await connection.execute(select(table).where(table.c.tenant == tenant))).first()
    if row is None:
        return None
    return Held(seconds=row.seconds, longer_seconds=row.longer_seconds, longer_until=row.longer_until)


async def change(connection: AsyncConnection, tenant: str, policy: ResidencyPolicy | None, *, now: float) -> None:
    """Another policy is put in force."""
    before = await _read(connection, tenant)
    after = cdn_lifetimes.changed(before, cdn_lifetimes.shared_seconds(policy), now=now)
    if before is None:
        await _add(connection, tenant, after)
    elif before != after:
        await connection.execute(update(table).where(table.c.tenant == tenant).values(_values(after)))


async def begin(connection: AsyncConnection, tenant: str, policy: ResidencyPolicy | None) -> None:
    """The first policy of a cloud, or the first one that is remembered."""
    if await _read(connection, tenant) is None:
        await _add(connection, tenant, Held(seconds=cdn_lifetimes.shared_seconds(policy)))


async def known(connection: AsyncConnection) -> frozenset[str]:
    return frozenset((await connection.scalars(select(table.c.tenant))).all())


async def _add(connection: AsyncConnection, tenant: str, new: Held) -> None:
    await connection.execute(insert(table).values(tenant=tenant, **_values(new)))


def _values(of: Held) -> dict[str, float]:
    return {"seconds": of.seconds, "longer_seconds": of.longer_seconds, "longer_until": of.longer_until}
