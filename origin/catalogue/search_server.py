"""The search index of an installation on PostgreSQL: tables of the same server that are not logged (`search_shape`).

What a change tells is written in its transaction, so whoever sees the change sees it here, and the other way round. A question
is answered from one snapshot, in which the index has everything up to the head of the cloud's journal, or not at all: a server
that has crashed has emptied the tables, and whoever notices has them built anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, bindparam, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.errors import LimitExceeded, Overloaded
from domicile.media.journal import Head
from origin.catalogue import search_answers as answers
from origin.catalogue import search_shape as shape
from origin.catalogue import search_sql as sql
from origin.catalogue import search_tables as t
from origin.catalogue.engine import Database, sqlstate
from origin.catalogue.search_building import Building
from origin.catalogue.search_turns import SEARCH_SECONDS_MAX, TOO_LONG, Turns
from origin.catalogue.sql import batches
from origin.catalogue.tables import journal_head, version
from origin.journal import Change
from origin.search.conditions import Condition
from origin.search.document import Document
from origin.search.query import Counting, Found, Hit, Query

REWRITE_BYTES_MAX = 256 * 1024 * 1024
"""A table that is larger, with its indexes, is not written anew after deletes: it cannot be used meanwhile."""
SCRUB_SECONDS = 60.0
RESTS = 60
"""Times as long as the last one took nothing is written anew."""
SCRUB_SECONDS_MAX = 600.0
"""Of one table."""
LOOKS_MAX = 3
"""Times that a question begins again because the index was lost under it."""
SORT_MEMORY = "32MB"
"""Of one question: what does not fit is written to files of the server, which nobody overwrites."""
RESIDUAL = "free space in the files of the search index"
_CANCELLED = "57014"
_LOST = "The search index was lost and is built anew: try again"

T = TypeVar("T")

log = structlog.get_logger(__name__)

_head, _state = journal_head.c, shape.state.c
_STANDING = (
    select(_state.whole, _state.epoch == _head.epoch, _state.seq == _head.seq - bindparam("ahead"))
    .select_from(journal_head.outerjoin(shape.state, _state.tenant == _head.tenant))
    .where(_head.tenant == bindparam("tenant"))
)
_LIMITS = select(
    func.set_config("statement_timeout", bindparam("milliseconds"), True),
    func.set_config("work_mem", SORT_MEMORY, True),
)
_INSERTION = shape.insertion()
_SHAPE = text("SELECT obj_description(to_regclass(:table), 'pg_class')")


class ServerIndex:
    """See `origin.catalogue.search_port.SearchIndex`."""

    def __init__(self, database: Database, *, seconds_max: float = SEARCH_SECONDS_MAX) -> None:
        self.building = Building()
        self.scrub_seconds = SCRUB_SECONDS
        self._database = database
        self._limits = {"milliseconds": str(max(1, int(seconds_max * 1000)))}
        self._turns = Turns()
        self._looking = asyncio.Lock()
        self._owes = True
        """May rows that were deleted still be in the files? At a start nobody knows."""
        self._keeps = False
        """And in those of a table that is too large to be written anew?"""
        self._is_rewriting = False
        self._rests_until = 0.0

    @classmethod
    async def opened(cls, database: Database, *, seconds_max: float = SEARCH_SECONDS_MAX) -> ServerIndex:
        """With its tables; those of another shape are thrown away."""
        async with database.write() as connection:
            if await connection.scalar(_SHAPE, {"table": shape.state.name}) != shape.SHAPE:
                for statement in shape.statements():
                    await connection.execute(text(statement))
        return cls(database, seconds_max=seconds_max)

    async def close(self) -> None:
        """The database is somebody else's."""

    # --- what changes tell ----------------------------------------------------------------------------------------------

    async def put(self, change: Change, document: Document) -> None:
        rows = sql.rows_of(document)
        gone = await _dropped(change.connection, [rows.doc])
        await change.connection.execute(_INSERTION, shape.columns_of(rows))
        change.grown_assets += 1 - gone[0]
        change.grown_bytes += rows.size[1] - gone[1]
        if gone[0]:
            change.after_commit.append(self._owe)

    async def remove(self, change: Change, asset_ids: Iterable[str]) -> None:
        for batch in batches(asset_ids):
            assets, size = await _dropped(change.connection, [t.doc_of(asset_id) for asset_id in batch])
            change.grown_assets -= assets
            change.grown_bytes -= size
        change.after_commit.append(self._owe)

    async def follow(self, change: Change) -> None:
        """Only from the number right before it: whoever has missed one is not to look as if nothing were missing.

        The sums are written here, and not row by row: `fill` locks versions before them, and so does a change.
        """
        mine = (_state.tenant == change.tenant, _state.epoch == change.epoch, _state.seq == change.seq - 1)
        sums = shape.grown(change.grown_assets, change.grown_bytes)
        await change.connection.execute(update(shape.state).where(*mine).values(seq=change.head.seq, **sums))

    async def adopt(self, connection: AsyncConnection, tenant: str, head: Head) -> None:
        await connection.execute(delete(shape.state).where(_state.tenant == tenant))
        mine = {"tenant": tenant, "epoch": head.epoch, "seq": head.seq, "whole": True, **shape.NOTHING}
        await connection.execute(insert(shape.state).values(mine))

    def _owe(self) -> None:
        self._owes = True

    # --- how it is built ------------------------------------------------------------------------------------------------

    async def begin(self, tenants: Iterable[str]) -> None:
        """No change is under way while this looks: it has every head."""
        async with self._database.write() as connection:
            rows = await connection.execute(
                select(_head.tenant, _head.epoch, _head.seq).order_by(_head.tenant).with_for_update()
            )
            heads: dict[str, shape.Position] = {row.tenant: (row.epoch, row.seq) for row in rows}
            rows = await connection.execute(select(_state.tenant, _state.epoch, _state.seq, _state.whole))
            held = {row.tenant: shape.Held(position=(row.epoch, row.seq), whole=row.whole) for row in rows}
            is_stale = shape.is_stale(heads, held)
            if is_stale:
                await connection.execute(text(f"TRUNCATE {', '.join(table.name for table in shape.EVERY)}"))
                states = [
                    {"tenant": one, "epoch": at[0], "seq": at[1], "whole": False, **shape.NOTHING}
                    for one, at in heads.items()
                ]
                if states:
                    await connection.execute(insert(shape.state), states)
        if is_stale:
            self.building.era += 1
        self.building.begin(heads if is_stale else [tenant for tenant, one in held.items() if not one.whole])

    async def fill(self, tenant: str, documents: Sequence[Document], *, head: int) -> bool:
        """A version that has changed since has a higher number, is hidden, or is not there; those that have not are kept from
        changing until what was read of them is written.
        """
        rows = await asyncio.to_thread(lambda: [sql.rows_of(document) for document in documents])
        row = version.c
        async with self._database.write() as connection:
            fresh: set[str] = set()
            for batch in batches(one.asset_id for one in rows):
                same = select(row.asset_id).where(row.tenant == tenant, row.asset_id.in_(batch), row.seq <= head)
                same = same.where(row.is_hidden.is_(False))
                fresh.update(await connection.scalars(same.with_for_update(read=True)))
            kept = [one for one in rows if one.asset_id in fresh]
            sums = shape.grown(*await self.write(connection, kept))
            await connection.execute(update(shape.state).where(_state.tenant == tenant).values(**sums))
        return True

    @staticmethod
    async def write(connection: AsyncConnection, many: Sequence[sql.Rows]) -> tuple[int, int]:
        """Instead of what is there of them; many at once. Of most nothing is, which one look at one table tells. How many more
        there are now, and how many bytes more.
        """
        asked = select(t.asset.c.doc).where(t.asset.c.doc.in_([one.doc for one in many]))
        there = list(await connection.scalars(asked))
        assets, size = await _dropped(connection, there) if there else (0, 0)
        driver = await _driver_of(connection)
        for table, rows in sql.rows_by_table(many):
            await driver.copy_records_to_table(table.name, records=rows, columns=table.c.keys())
        return len(many) - assets, sum(one.size[1] for one in many) - size

    async def complete(self, tenant: str, era: int) -> None:
        async with self._database.write() as connection:
            asked = select(_head.epoch, _head.seq).where(_head.tenant == tenant).with_for_update()
            at = (await connection.execute(asked)).one()
            mine = (_state.tenant == tenant, _state.epoch == at.epoch, _state.seq == at.seq)
            is_whole = era == self.building.era
            if is_whole:
                done = await connection.execute(update(shape.state).where(*mine).values(whole=True))
                is_whole = done.rowcount == 1
        if is_whole:
            self.building.end(tenant)
        else:
            await self.begin(())

    async def ready(self, tenant: str) -> None:
        await self.building.outwait(tenant)

    # --- what is asked --------------------------------------------------------------------------------------------------

    async def find(self, query: Query, change: Change | None = None) -> tuple[Hit, ...]:
        return await self._ask(query.tenant, partial(answers.page, query=query), change)

    async def search(self, query: Query, counts: Sequence[Counting]) -> Found:
        async with self._turns.search():
            return await self._ask(query.tenant, partial(answers.found, query=query, counts=counts))

    async def totals(self, tenant: str, change: Change | None = None) -> tuple[int, int]:
        assets, size = await self._ask(tenant, partial(_sums, tenant=tenant), change)
        return (assets, size) if change is None else (assets + change.grown_assets, size + change.grown_bytes)

    async def count(self, tenant: str, condition: Condition) -> int:
        return await self._ask(tenant, partial(answers.count, tenant=tenant, condition=condition))

    async def resource_types(self, tenant: str) -> list[str]:
        return await self._ask(tenant, partial(answers.texts, asked=sql.resource_types(tenant)))

    async def tags(self, tenant: str, resource_type: str, *, prefix: str, after: str, limit: int) -> list[str]:
        asked = sql.tags(tenant, resource_type, prefix=prefix, after=after, limit=limit)
        return await self._ask(tenant, partial(answers.texts, asked=asked))

    async def folders_below(self, tenant: str, parent: str, *, limit: int) -> list[str]:
        return await self._ask(tenant, partial(answers.folders_below, tenant=tenant, parent=parent, limit=limit))

    async def folders(self, tenant: str, limit: int) -> list[str]:
        return await self._ask(tenant, partial(answers.texts, asked=sql.folders(tenant, limit)))

    async def longest_folder(self, tenant: str, folder: str) -> int:
        return await self._ask(tenant, partial(answers.number, asked=sql.longest_folder(tenant, folder)))

    async def _ask(self, tenant: str, work: Callable[[Connection], T], change: Change | None = None) -> T:
        if change is not None:
            return await self._ask_in(change, work)
        for _ in range(LOOKS_MAX):
            await self.ready(tenant)
            with self._turns.question():
                async with self._database.read() as connection:
                    if await _is_whole(connection, tenant):
                        return await self._in_time(connection, work)
            async with self._looking:
                if tenant not in self.building.left:
                    await self.begin(())
        raise Overloaded(_LOST)

    async def _ask_in(self, change: Change, work: Callable[[Connection], T]) -> T:
        """As that transaction sees it. It holds a head, which building anew needs, so somebody else does that."""
        self.building.refuse(change.tenant)
        if not await _is_whole(change.connection, change.tenant, ahead=1):
            self.building.begin([change.tenant])
            raise Overloaded(_LOST)
        return await change.connection.run_sync(work)

    async def _in_time(self, connection: AsyncConnection, work: Callable[[Connection], T]) -> T:
        try:
            await connection.execute(_LIMITS, self._limits)
            return await connection.run_sync(work)
        except DBAPIError as failed:
            if sqlstate(failed) == _CANCELLED:
                raise LimitExceeded(TOO_LONG) from failed
            raise

    # --- what is left of rows that are gone -----------------------------------------------------------------------------

    @property
    def residual(self) -> str:
        return RESIDUAL if self._owes or self._keeps or self._is_rewriting else ""

    async def scrub(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """Deleted rows lie in their pages until these are written anew."""
        began = time.monotonic()
        if not self._owes or began < self._rests_until:
            return
        self._owes = self._keeps = False
        self._is_rewriting = True
        try:
            async with self._database.writer() as connection:
                driver = await _driver_of(connection)
                for table in t.TABLES:
                    if is_over():
                        self._owes = True
                        break
                    await self._rewrite(driver, table.name)
        except BaseException:
            self._owes = True
            raise
        finally:
            self._is_rewriting = False
            self._rests_until = time.monotonic() + RESTS * (time.monotonic() - began)

    async def _rewrite(self, driver: Any, table: str) -> None:
        await driver.execute(f"VACUUM {table}", timeout=SCRUB_SECONDS_MAX)
        asked = "SELECT pg_stat_get_dead_tuples($1::regclass), pg_total_relation_size($1::regclass)"
        dead, size = await driver.fetchrow(asked, table)
        if dead:  # somebody's snapshot still sees them
            self._owes = True
        if size > REWRITE_BYTES_MAX:
            log.info("search_index_not_rewritten", size=size)
            self._keeps = True
            return
        await driver.execute(f"VACUUM (FULL) {table}", timeout=SCRUB_SECONDS_MAX)


async def _is_whole(connection: AsyncConnection, tenant: str, *, ahead: int = 0) -> bool:
    """Does the index have everything up to the head, in the snapshot of the connection? `ahead`: changes of its own."""
    row = (await connection.execute(_STANDING, {"tenant": tenant, "ahead": ahead})).first()
    return row is None or all(row)  # a cloud that is not there has no assets


async def _dropped(connection: AsyncConnection, docs: Sequence[int]) -> tuple[int, int]:
    """How many of them were there, and how many bytes."""
    assets, size = (await connection.execute(sql.drop(docs))).one()
    return assets, int(size)


def _sums(connection: Connection, tenant: str) -> tuple[int, int]:
    row = connection.execute(select(_state.assets, _state.bytes).where(_state.tenant == tenant)).first()
    return (0, 0) if row is None else (row.assets, row.bytes)


async def _driver_of(connection: AsyncConnection) -> Any:
    """The driver's own connection, for what SQLAlchemy has no words for."""
    return (await connection.get_raw_connection()).driver_connection
