"""Notices that are fetched and not sent (`poll://`): claimed for a while, and gone once somebody says that he has them.

They are tasks like those that are sent: sealed under the key of what they tell of, gone with it, and dropped when they are old.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import exists, func, select, update

from origin.catalogue.sql import batches
from origin.catalogue.tables import version
from origin.catalogue.task_tables import task as table
from origin.records.core import Core
from origin.records.tasks import POLLED, Task, Tasks, channel_hash, drop_and_forget

POLLED_MAX = 1000
"""Notices of one cloud that wait, counted once a minute; the oldest go, as nobody may ever fetch them."""
SURPLUS_STEP = 1000
"""Dropped at a time."""


class Polled(Tasks):
    """Of all clouds."""

    def __init__(self, core: Core) -> None:
        super().__init__(core, POLLED)

    async def claim(self, cloud: str, channel: str, *, limit: int, seconds: float) -> tuple[Task, ...]:
        """The oldest that wait there; nobody else is given them for so long. Those of a restricted version wait."""
        core, now = self._core, self._core.now()
        waiting = (
            select(table)
            .where(
                table.c.tenant == cloud,
                table.c.channel == channel_hash(core, cloud, channel),
                table.c.due_at <= now,
                ~exists().where(version.c.aid == table.c.aid, version.c.is_hidden),
            )
            .order_by(table.c.created_at, table.c.id)
            .limit(limit)
        )
        async with core.database.read() as connection:  # whoever waits looks often, and keeps no writer from its turn
            if (await connection.execute(waiting)).first() is None:
                return ()
        async with core.database.write() as connection:
            rows = (await connection.execute(waiting.with_for_update(of=table, skip_locked=True))).all()
            claimed = update(table).where(table.c.id.in_([row.id for row in rows]))
            await connection.execute(claimed.values(due_at=now + seconds, attempts=table.c.attempts + 1))
        return await self._opened(rows)

    async def acknowledge(self, cloud: str, ids: Iterable[str]) -> frozenset[str]:
        """They are told; which of them were there."""
        found = set[str]()
        async with self._core.database.read() as connection:
            for batch in batches(ids):
                mine = (table.c.tenant == cloud, table.c.kind == POLLED, table.c.id.in_(batch))
                found.update(await connection.scalars(select(table.c.id).where(*mine)))
        if found:
            await self._drop(found)
        return frozenset(found)


async def drop_surplus(core: Core) -> None:
    """Of clouds that have more waiting than may."""
    mine = table.c.kind == POLLED
    counted = select(table.c.tenant, func.count()).where(mine).group_by(table.c.tenant)
    async with core.database.read() as connection:
        full = (await connection.execute(counted.having(func.count() > POLLED_MAX))).all()
    for tenant, count in full:
        oldest = select(table.c.id).where(mine, table.c.tenant == tenant).order_by(table.c.created_at, table.c.id)
        surplus = oldest.limit(min(count - POLLED_MAX, SURPLUS_STEP))
        async with core.database.read() as connection:
            ids = (await connection.execute(surplus)).scalars().all()
        for batch in batches(ids):
            await drop_and_forget(core, table.c.id.in_(batch))
