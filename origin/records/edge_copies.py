"""What edges tell of the copies that they have: by reports of what they make, and by listing their files now and then.

A report may be lost, and a file be evicted: the list is what counts. A listing comes in parts, in no order; what the last part closes
without having named is gone. What it names and nobody here knows is a stranger: it has just been erased and is being deleted there, or
it stays, and then the crawler tells of it. A copy in the memory of a worker is not told apart and not listed.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import Aid
from domicile.media.errors import BadRequest
from domicile.media.wire import CopyListing, RenditionReport
from origin.catalogue.place_tables import placement as table
from origin.catalogue.sql import IN_MAX, add_if_absent, batches
from origin.catalogue.tables import backup, version
from origin.records.core import Core
from origin.records.placements import STORE, Why, lock

PLACES_MAX = 256
"""Edges that are noted of one version; those that were not heard of for long make room, and further ones are not noted."""
SILENT_SECONDS = 30 * 86_400.0
"""After that a copy need not be noted any more, if there are too many: its key was dropped with the lease."""
STRANGER_SECONDS = 600.0
"""So long after it was erased, replaced, or named by an edge without being known, a copy must have gone there."""
CLOSE_STEPS_MAX = 10_000
"""Transactions at the end of a listing; what is left then is gone with the next one."""
STRANGERS_MAX = 10_000
"""Copies of what nobody here knows that are noted of one edge and cloud, so that a broken one does not fill the catalogue."""
LISTED_MAX = 1000
"""Versions in one part of a listing."""
LISTINGS_MAX = 100_000
"""Of nodes and tenants, under way."""

_HEX128 = re.compile(r"[0-9a-f]{32}")


class EdgeCopies:
    """Of one origin."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._began: OrderedDict[tuple[str, str], float] = OrderedDict()
        """When the listing of a node and tenant began that is under way."""

    async def reported(self, report: RenditionReport, *, region: str) -> None:
        """Each picture in a rendition has a copy there. What is noted already costs no transaction that writes."""
        if not _HEX128.fullmatch(report.node):
            return
        aids: dict[str, dict[Aid, None]] = {}
        for made in report.renditions:
            aids.setdefault(made.tenant, {}).update(dict.fromkeys((made.aid, *made.layers)))
        for tenant, told in aids.items():
            if new := await self._unnoted(tenant, report.node, list(told)):
                await self._core.shield.run(self._note(tenant, report.node, region, new, is_listed=False))

    async def listed(self, listing: CopyListing, *, region: str) -> None:
        """Raises BadRequest."""
        node, tenant, now = listing.node, listing.tenant, self._core.now()
        if not _HEX128.fullmatch(node) or not all(map(_HEX128.fullmatch, listing.aids)):
            raise BadRequest("node and aids are 32 hex digits")
        if len(listing.aids) > LISTED_MAX:
            raise BadRequest(f"At most {LISTED_MAX} copies in one part of a listing")
        if self._core.tenants.get(tenant) is None:
            return
        if listing.opens:
            self._began[node, tenant] = now
            while len(self._began) > LISTINGS_MAX:
                self._began.popitem(last=False)
        if listing.aids:
            await self._core.shield.run(self._note(tenant, node, region, listing.aids, is_listed=True))
        if listing.closes and (began := self._began.pop((node, tenant), None)) is not None:
            await self._core.shield.run(self._close(tenant, node, began))

    async def _unnoted(self, tenant: str, node: str, aids: Sequence[Aid]) -> list[Aid]:
        known: set[str] = set()
        async with self._core.database.read() as connection:
            for batch in batches(aids):
                noted = (table.c.aid.in_(batch), table.c.place == node, table.c.gone_at.is_(None))
                known.update(await connection.scalars(select(table.c.aid).where(*noted, table.c.tenant == tenant)))
        return [aid for aid in aids if aid not in known]

    async def _note(self, tenant: str, node: str, region: str, aids: Iterable[Aid], *, is_listed: bool) -> None:
        now = self._core.now()
        async with self._core.database.write() as connection:
            for batch in batches(sorted(set(aids))):
                owners = await _owners(connection, tenant, batch)
                named = batch if is_listed else [aid for aid in batch if aid in owners]
                there = (table.c.aid.in_(named), table.c.place == node, table.c.tenant == tenant)
                known = {Aid(row.aid): row.asset_id for row in await lock(connection, *there)}
                for aid in [
                    aid for aid in known if not known[aid] and aid in owners
                ]:  # it was being changed when it was first named
                    mine = (table.c.aid == aid, table.c.place == node)
                    await connection.execute(update(table).where(*mine).values(asset_id=owners[aid], goes_since=None))
                back = (*there, table.c.gone_at.is_not(None))
                again = {"since": now, "why": "", "goes_since": None, "gone_at": None}
                await connection.execute(update(table).where(*back, table.c.aid.in_(list(owners))).values(**again))
                await connection.execute(update(table).where(*back).values(gone_at=None, goes_since=now))
                seen = {"seen_at": now, **({"is_listed": True} if is_listed else {})}
                await connection.execute(update(table).where(*there).values(**seen))
                new = await _with_room(connection, [aid for aid in named if aid not in known], now=now)
                if any(aid not in owners for aid in new) and await _has_too_many_strangers(connection, node, tenant):
                    new = [aid for aid in new if aid in owners]
                same = {"place": node, "tenant": tenant, "region": region, "since": now, **seen}
                rows = [
                    {"aid": aid, "asset_id": owners.get(aid, ""), "goes_since": None if aid in owners else now, **same}
                    for aid in new
                ]
                await add_if_absent(connection, table, *rows)

    async def _close(self, tenant: str, node: str, began: float) -> None:
        """What was not named since is gone; of what nobody here knows not even that is remembered."""
        now = self._core.now()
        unseen = (table.c.place == node, table.c.tenant == tenant, table.c.seen_at < began, table.c.gone_at.is_(None))
        for _ in range(CLOSE_STEPS_MAX):
            async with self._core.database.write() as connection:
                rows = await lock(connection, *unseen, limit=IN_MAX)
                these = (table.c.place == node, table.c.aid.in_([row.aid for row in rows]))
                await connection.execute(delete(table).where(*these, table.c.asset_id == ""))
                evicted = (*these, table.c.why == "")
                await connection.execute(update(table).where(*evicted).values(why=str(Why.EVICTED)))
                await connection.execute(update(table).where(*these).values(gone_at=now))
            if len(rows) < IN_MAX:
                return


async def strangers(connection: AsyncConnection, *, limit: int) -> tuple[int, list[tuple[str, Aid]]]:
    """Copies at edges of what has been erased or replaced, or was never here, although they have had the time to be deleted: how
    many, and some of them.
    """
    stays = table.c.seen_at - table.c.goes_since > STRANGER_SECONDS
    mine = (table.c.place != STORE, table.c.is_listed, table.c.gone_at.is_(None), stays)
    count = await connection.scalar(select(func.count()).select_from(table).where(*mine)) or 0
    some = await connection.execute(select(table.c.tenant, table.c.aid).where(*mine).order_by(table.c.aid).limit(limit))
    return count, [(row.tenant, Aid(row.aid)) for row in some]


async def _owners(connection: AsyncConnection, tenant: str, aids: Sequence[Aid]) -> dict[Aid, str]:
    """The assets of those that are there, and stay until this transaction ends: an erase waits, and sees the rows. What is being
    changed right now is not waited for, and left out.
    """
    found: dict[Aid, str] = {}
    for holder in (version, backup):
        query = select(holder.c.aid, holder.c.asset_id).where(holder.c.tenant == tenant, holder.c.aid.in_(aids))
        rows = await connection.execute(query.with_for_update(read=True, skip_locked=True))
        found |= {Aid(row.aid): row.asset_id for row in rows}
    return found


async def _has_too_many_strangers(connection: AsyncConnection, node: str, tenant: str) -> bool:
    mine = (table.c.place == node, table.c.tenant == tenant, table.c.asset_id == "")
    return (await connection.scalar(select(func.count()).select_from(table).where(*mine)) or 0) >= STRANGERS_MAX


async def _with_room(connection: AsyncConnection, aids: Sequence[Aid], *, now: float) -> list[Aid]:
    """Those that may get one more row."""
    counted = select(table.c.aid).where(table.c.aid.in_(aids)).group_by(table.c.aid).having(func.count() >= PLACES_MAX)
    full = set(await connection.scalars(counted))
    if full:
        old = table.c.gone_at.is_not(None) | (table.c.seen_at < now - SILENT_SECONDS)
        await connection.execute(delete(table).where(table.c.aid.in_(full), table.c.place != STORE, old))
        full = set(await connection.scalars(counted))
    return [aid for aid in aids if aid not in full]
