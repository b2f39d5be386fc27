"""The search index of an embedded installation: SQLite in memory, in a thread of its own.

What is asked of the thread is done in the order in which it was asked, so whoever asks after a change sees it. A search by
expression may have to look at every asset: one at a time, and not for longer than SEARCH_SECONDS_MAX, so that listings and
changes wait for one search at most. What is left of rows that are gone leaves when the tables are written anew (`search_copies`).
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, Table, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import StaticPool

from domicile.media.errors import LimitExceeded
from domicile.media.journal import Head
from origin.catalogue import search_answers as answers
from origin.catalogue import search_sql as sql
from origin.catalogue import search_tables as t
from origin.catalogue.search_building import Building, Told
from origin.catalogue.search_copies import Copies
from origin.catalogue.search_turns import SEARCH_SECONDS_MAX, TOO_LONG, Turns
from origin.catalogue.sql import batches
from origin.journal import Change
from origin.search.conditions import Condition
from origin.search.document import Document
from origin.search.query import Counting, Found, Hit, Query

STEPS_PER_LOOK = 10_000
"""Instructions of SQLite between two looks at the clock."""
REWRITE_BYTES_MAX = 1024 * 1024 * 1024
"""An index that is larger is not written anew: it takes as much memory once more meanwhile."""
SCRUB_SECONDS = 2.0
RESTS = 20
"""Times as long as the last one took nothing is written anew."""
STATEMENTS_KEPT = 128
"""Prepared ones; SQLite keeps with each what it was asked with last."""
RESIDUAL = "moved rows in the memory of the search index"

T = TypeVar("T")

log = structlog.get_logger(__name__)


class MemoryIndex:
    """See `origin.catalogue.search_port.SearchIndex`."""

    def __init__(self, *, seconds_max: float = SEARCH_SECONDS_MAX) -> None:
        self._seconds_max = seconds_max
        self.building = Building()
        self.scrub_seconds = SCRUB_SECONDS
        self._told: dict[str, Told] = {}
        """Of each tenant that is being built."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="search")
        self._turns = Turns()
        self._deadline = float("inf")
        self._totals: dict[str, tuple[int, int]] = {}  # tenant -> assets, and bytes of their originals
        self._owes = self._keeps = self._is_rewriting = False
        """May bytes of rows that are gone be left; in an index that is too large to be written anew; is it, now?"""
        self._rests_until = 0.0
        self._db = self._thread.submit(self._open).result()
        self._copies = self._thread.submit(Copies, self._db).result()

    def _open(self) -> Connection:
        engine = create_engine(
            "sqlite://",
            poolclass=StaticPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"cached_statements": STATEMENTS_KEPT},
        )

        @event.listens_for(engine, "connect")
        def connected(driver: Any, _record: object) -> None:
            driver.execute("PRAGMA secure_delete = ON")
            driver.execute("PRAGMA temp_store = MEMORY")
            driver.set_progress_handler(self._is_late, STEPS_PER_LOOK)

        return engine.connect()

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline

    async def put(self, change: Change, document: Document) -> None:
        rows = sql.rows_of(document)
        self._after(change, [str(document.scalars["asset_id"])], lambda: self._replace([rows]))

    async def remove(self, change: Change, asset_ids: Iterable[str]) -> None:
        gone = list(asset_ids)
        docs = [t.doc_of(asset_id) for asset_id in gone]
        change.after_commit.append(self._owe)
        self._after(change, gone, lambda: self._replace([], docs))

    def _after(self, change: Change, asset_ids: Sequence[str], work: Callable[[], None]) -> None:
        def committed() -> None:
            if change.tenant in self._told:
                self._told[change.tenant].note(asset_ids, change.seq)
            self._soon(work)

        change.after_commit.append(committed)

    def _owe(self) -> None:
        self._owes = True

    async def follow(self, change: Change) -> None:
        """It is gone with the process, so nobody asks how far it went."""

    async def adopt(self, connection: AsyncConnection, tenant: str, head: Head) -> None:
        """It has no assets that could be missing."""

    async def begin(self, tenants: Iterable[str]) -> None:
        self._told = {tenant: Told() for tenant in tenants}
        self.building.begin(self._told)

    async def fill(self, tenant: str, documents: Sequence[Document], *, head: int) -> bool:
        rows = await asyncio.to_thread(lambda: [sql.rows_of(document) for document in documents])
        told = self._told.get(tenant, Told())
        fresh = told.fresh([one.asset_id for one in rows], head)
        if fresh is None:
            return False
        kept = [one for one, is_fresh in zip(rows, fresh, strict=True) if is_fresh]
        # Nothing is waited for between the look and this: changes of later are behind it in the thread.
        await asyncio.wrap_future(self._thread.submit(self._replace, kept))
        return True

    async def complete(self, tenant: str, era: int) -> None:
        self._told.pop(tenant, None)
        self.building.end(tenant)

    async def ready(self, tenant: str) -> None:
        await self.building.outwait(tenant)

    async def find(self, query: Query, change: Change | None = None) -> tuple[Hit, ...]:
        return await self._ask(query.tenant, lambda: answers.page(self._db, query), change)

    async def search(self, query: Query, counts: Sequence[Counting]) -> Found:
        await self.ready(query.tenant)
        async with self._turns.search():
            return await self._ask(query.tenant, lambda: answers.found(self._db, query, counts))

    async def totals(self, tenant: str, change: Change | None = None) -> tuple[int, int]:
        return await self._ask(tenant, lambda: self._totals.get(tenant, (0, 0)), change)

    async def count(self, tenant: str, condition: Condition) -> int:
        return await self._ask(tenant, lambda: answers.count(self._db, tenant, condition))

    async def resource_types(self, tenant: str) -> list[str]:
        return await self._ask(tenant, lambda: answers.texts(self._db, sql.resource_types(tenant)))

    async def tags(self, tenant: str, resource_type: str, *, prefix: str, after: str, limit: int) -> list[str]:
        asked = sql.tags(tenant, resource_type, prefix=prefix, after=after, limit=limit)
        return await self._ask(tenant, lambda: answers.texts(self._db, asked))

    async def folders_below(self, tenant: str, parent: str, *, limit: int) -> list[str]:
        return await self._ask(tenant, lambda: answers.folders_below(self._db, tenant, parent, limit))

    async def folders(self, tenant: str, limit: int) -> list[str]:
        return await self._ask(tenant, lambda: answers.texts(self._db, sql.folders(tenant, limit)))

    async def longest_folder(self, tenant: str, folder: str) -> int:
        return await self._ask(tenant, lambda: answers.number(self._db, sql.longest_folder(tenant, folder)))

    @property
    def residual(self) -> str:
        return RESIDUAL if self._owes or self._keeps or self._is_rewriting else ""

    async def scrub(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """In steps, with questions and changes between them. What is told while it is built would be copied again and again."""
        began = time.monotonic()
        if not self._owes or began < self._rests_until or self.building.left:
            return
        self._owes, self._is_rewriting = False, True
        try:
            self._keeps = await self._in_thread(lambda: self._copies.size) > REWRITE_BYTES_MAX
            if self._keeps:
                log.info("search_index_not_rewritten")
                return
            await self._in_thread(self._copies.begin)
            while not await self._in_thread(self._copies.step):
                if is_over():
                    self._owes = True
                    break
            await self._in_thread(self._forget_questions)
        except BaseException:
            self._owes = True
            raise
        finally:
            self._is_rewriting = False
            self._rests_until = time.monotonic() + RESTS * (time.monotonic() - began)

    def _forget_questions(self) -> None:
        """Compiled and prepared statements hold what they were asked with; others take their places."""
        self._db.engine.clear_compiled_cache()
        for number in range(STATEMENTS_KEPT):
            self._db.exec_driver_sql(f"SELECT {number}").all()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.wrap_future(self._thread.submit(work))

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._thread.submit(self._db.engine.dispose).result()
        self._thread.shutdown()

    async def _ask(self, tenant: str, work: Callable[[], T], change: Change | None = None) -> T:
        if change is None:
            await self.ready(tenant)
        else:
            self.building.refuse(tenant)
        with self._turns.question():
            return await asyncio.wrap_future(self._thread.submit(self._in_time, work))

    def _in_time(self, work: Callable[[], T]) -> T:
        self._deadline = time.monotonic() + self._seconds_max
        try:
            return work()
        except OperationalError as failed:
            if time.monotonic() > self._deadline:
                raise LimitExceeded(TOO_LONG) from failed
            raise
        finally:
            self._deadline = float("inf")

    def _soon(self, work: Callable[[], None]) -> None:
        """A change is committed, so nothing may refuse it here, and nobody waits for it."""
        self._thread.submit(self._logged, work)

    def _logged(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as failed:  # noqa: BLE001 - the text could hold a name
            log.error("search_index_failed", error=type(failed).__name__)  # noqa: TRY400

    def _replace(self, many: Sequence[sql.Rows], gone: Sequence[int] = ()) -> None:
        """What `many` say is there, and nothing of their assets from before, nor of those that are gone."""
        self._db.exec_driver_sql("BEGIN")
        try:
            docs = [*gone, *(rows.doc for rows in many)]
            before = self._drop(docs)
            for table, values in sql.rows_by_table(many):
                self._insert(table, values)
        except BaseException:
            self._db.exec_driver_sql("ROLLBACK")
            raise
        self._db.exec_driver_sql("COMMIT")
        self._copies.note(docs)
        if before:
            self._owe()
        self._count(before, -1)
        self._count([rows.size for rows in many], +1)

    def _insert(self, table: Table, rows: Sequence[sql.Row]) -> None:
        """Past SQLAlchemy, which takes as long to look at them as SQLite does to write them."""
        driver = self._db.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.executemany(f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(table.c))})", rows)  # noqa: S608 - ours

    def _count(self, sizes: Iterable[tuple[str, int]], sign: int) -> None:
        """Kept as a sum: each upload to a cloud with quotas asks for it."""
        for tenant, size in sizes:
            assets, total = self._totals.get(tenant, (0, 0))
            self._totals[tenant] = (assets + sign, total + sign * int(size))

    def _drop(self, docs: Sequence[int]) -> list[tuple[str, int]]:
        """Tenant and bytes of each that was there."""
        sizes: list[tuple[str, int]] = []
        for batch in batches(docs):
            for statement in sql.deletes(batch):
                done = self._db.execute(statement)
                sizes += [(row[0], row[1]) for row in done] if done.returns_rows else []
        return sizes
