"""How much of the past is kept: the newest `journal_entries_max` entries of each cloud, and every erase in the mirror.

What is dropped is what a reader that far behind gets instead by starting again (`JournalAnswer.compacted`), and the memory
of purge_ids that old: asked once more they purge once more, which harms nobody.
"""

from __future__ import annotations

import asyncio

from sqlalchemy import delete, func, select

from origin.catalogue import tables as t
from origin.mirror import Mirror
from origin.records.core import Core

ROWS_PER_STEP = 2000
"""Entries dropped in one transaction: nobody waits long for the lock."""


async def trim(core: Core) -> None:
    """Drop rows of the past, cloud by cloud."""
    for cloud, head in (await core.journal.heads()).items():
        await _trim(core, cloud, head.seq - core.settings.journal_entries_max)


async def _trim(core: Core, cloud: str, until: int) -> None:
    entry, call = t.journal_entry, t.purge_call
    while True:
        async with core.database.read() as connection:
            oldest = await connection.scalar(select(func.min(entry.c.seq)).where(entry.c.tenant == cloud))
        if oldest is None or oldest > until:
            return
        step = min(until, oldest + ROWS_PER_STEP - 1)
        async with core.database.write() as connection:
            await connection.execute(delete(entry).where(entry.c.tenant == cloud, entry.c.seq <= step))
            await connection.execute(delete(call).where(call.c.tenant == cloud, call.c.seq <= step))


async def compact(core: Core, mirror: Mirror) -> None:
    """Write the mirror anew when it has grown enough."""
    if mirror.worth_compacting:
        await asyncio.to_thread(mirror.compact, core.settings.journal_entries_max)
