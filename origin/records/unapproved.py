"""How much a cloud has erased lately without a second person's yes, so that many small erasures do not pass for none.

Read and written under the lock of the journal's head, in the transaction that accepts an erasure: of two at once, the second
counts the first. There are never more rows of a cloud than its policy lets it erase without an approval.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select

from origin.catalogue.hold_tables import unapproved as table
from origin.journal import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Lately:
    """Assets, by whoever of the cloud, and by the key that asks."""

    by_cloud: int
    by_key: int


async def lately(change: Change, asked_by: str, *, since: float) -> Lately:
    """Of erasures that were accepted after `since`; older ones are forgotten."""
    await change.connection.execute(delete(table).where(table.c.tenant == change.tenant, table.c.at <= since))
    by_key = select(table.c.asked_by, func.sum(table.c.assets).label("assets")).where(table.c.tenant == change.tenant)
    rows = (await change.connection.execute(by_key.group_by(table.c.asked_by))).all()
    sums = {row.asked_by: int(row.assets) for row in rows}
    return Lately(by_cloud=sum(sums.values()), by_key=sums.get(asked_by, 0))


async def count(change: Change, asked_by: str, assets: int, *, now: float) -> None:
    """Accepted, if the transaction is."""
    if assets:
        row = {"tenant": change.tenant, "seq": change.seq, "at": now, "assets": assets, "asked_by": asked_by}
        await change.connection.execute(insert(table).values(row))
