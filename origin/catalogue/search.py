"""The search index of an embedded installation: SQLite in memory, in a thread of its own.

What is asked of the thread is done in the order in which it was asked, so whoever asks after a change sees it. A search by
expression may have to look at every asset: one at a time, and not for longer than SEARCH_SECONDS_MAX, so that listings and
changes wait for one search at most.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import StaticPool

from domicile.media.errors import LimitExceeded, Overloaded
from origin.catalogue import search_sql as sql
from origin.catalogue import search_tables as t
from origin.journal import Change
from origin.search.conditions import Both, Condition
from origin.search.document import Document
from origin.search.query import Counting, Found, Hit, Query

SEARCH_SECONDS_MAX = 2.0
"""Of one question."""
WAITING_MAX = 64
"""Questions that wait for the thread, and searches that wait for their turn, each."""
STEPS_PER_LOOK = 10_000
"""Instructions of SQLite between two looks at the clock."""
VALUES_MAX = 100
"""Values that results are counted by, of one field."""

T = TypeVar("T")

log = structlog.get_logger(__name__)


class MemoryIndex:
    """See `origin.catalogue.search_port.SearchIndex`."""

    def __init__(self, *, seconds_max: float = SEARCH_SECONDS_MAX) -> None:
        self._seconds_max = seconds_max
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="search")
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._searching = 0
        self._deadline = float("inf")
        self._totals: dict[str, tuple[int, int]] = {}  # tenant -> assets, and bytes of their originals
        self._db = self._thread.submit(self._open).result()

    def _open(self) -> Connection:
        engine = create_engine("sqlite://", poolclass=StaticPool, isolation_level="AUTOCOMMIT")

        @event.listens_for(engine, "connect")
        def connected(driver: Any, _record: object) -> None:
            driver.execute("PRAGMA secure_delete = ON")
            driver.execute("PRAGMA temp_store = MEMORY")
            driver.set_progress_handler(self._is_late, STEPS_PER_LOOK)

        connection = engine.connect()
        t.metadata.create_all(connection)
        return connection

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline

    async def put(self, change: Change, document: Document) -> None:
        rows = sql.rows_of(document)
        change.after_commit.append(lambda: self._soon(lambda: self._replace([rows])))

    async def remove(self, change: Change, asset_ids: Iterable[str]) -> None:
        gone = list(asset_ids)
        change.after_commit.append(lambda: self._soon(lambda: self._replace([], gone)))

    async def fill(self, documents: Sequence[Document]) -> None:
        rows = [sql.rows_of(document) for document in documents]
        await asyncio.wrap_future(self._thread.submit(self._replace, rows))

    async def find(self, query: Query, change: Change | None = None) -> tuple[Hit, ...]:
        return await self._ask(lambda: self._page(query))

    async def search(self, query: Query, counts: Sequence[Counting]) -> Found:
        async with self._my_turn():
            return await self._ask(lambda: self._found(query, counts))

    async def totals(self, tenant: str) -> tuple[int, int]:
        return await self._ask(lambda: self._totals.get(tenant, (0, 0)))

    async def count(self, tenant: str, condition: Condition) -> int:
        asked = sql.count(tenant, condition)
        return await self._ask(lambda: self._db.execute(asked).scalar_one())

    async def resource_types(self, tenant: str) -> list[str]:
        return await self._ask(lambda: list(self._db.execute(sql.resource_types(tenant)).scalars()))

    async def tags(self, tenant: str, resource_type: str, *, prefix: str, after: str, limit: int) -> list[str]:
        asked = sql.tags(tenant, resource_type, prefix=prefix, after=after, limit=limit)
        return await self._ask(lambda: list(self._db.execute(asked).scalars()))

    async def folders_below(self, tenant: str, parent: str, *, limit: int) -> list[str]:
        return await self._ask(lambda: self._folders_below(tenant, f"{parent}/" if parent else "", limit))

    def _folders_below(self, tenant: str, under: str, limit: int) -> list[str]:
        """Leaps from folder to folder: what it costs follows from how many there are, and not from their assets."""
        found, at = dict[str, None](), under
        while len(found) < limit and (folder := self._db.execute(sql.first_folder(tenant, at, under)).scalar()):
            child, at = sql.child_of(folder, under)
            found[child] = None
        return list(found)

    async def folders(self, tenant: str, limit: int) -> list[str]:
        return await self._ask(lambda: list(self._db.execute(sql.folders(tenant, limit)).scalars()))

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._thread.submit(self._db.engine.dispose).result()
        self._thread.shutdown()

    @asynccontextmanager
    async def _my_turn(self) -> AsyncIterator[None]:
        if self._searching >= WAITING_MAX:
            raise Overloaded("Too many searches at once; try again")
        self._searching += 1
        try:
            async with self._turn:
                yield
        finally:
            self._searching -= 1

    async def _ask(self, work: Callable[[], T]) -> T:
        if self._waiting >= WAITING_MAX:
            raise Overloaded("Too many questions to the search index at once; try again")
        self._waiting += 1
        try:
            return await asyncio.wrap_future(self._thread.submit(self._in_time, work))
        finally:
            self._waiting -= 1

    def _in_time(self, work: Callable[[], T]) -> T:
        self._deadline = time.monotonic() + self._seconds_max
        try:
            return work()
        except OperationalError as failed:
            if time.monotonic() > self._deadline:
                raise LimitExceeded("The search takes too long: ask for less") from failed
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

    def _replace(self, many: Sequence[sql.Rows], gone: Sequence[str] = ()) -> None:
        """What `many` say is there, and nothing of their assets from before, nor of those that are gone."""
        self._db.exec_driver_sql("BEGIN")
        try:
            before = self._drop([*gone, *(rows.asset["asset_id"] for rows in many)])
            for statement, values in sql.inserts(many):
                self._db.execute(statement, values)
        except BaseException:
            self._db.exec_driver_sql("ROLLBACK")
            raise
        self._db.exec_driver_sql("COMMIT")
        self._count(before, -1)
        self._count([(rows.asset["tenant"], rows.asset["bytes"]) for rows in many], +1)

    def _drop(self, asset_ids: Sequence[str]) -> list[tuple[str, int]]:
        """Tenant and bytes of each that was there."""
        sizes: list[tuple[str, int]] = []
        for statement in sql.deletes(asset_ids):
            done = self._db.execute(statement)
            sizes += [(row[0], row[1]) for row in done] if done.returns_rows else []
        return sizes

    def _count(self, sizes: Iterable[tuple[str, int]], sign: int) -> None:
        """Kept as a sum: each upload to a cloud with quotas asks for it."""
        for tenant, size in sizes:
            assets, total = self._totals.get(tenant, (0, 0))
            self._totals[tenant] = (assets + sign, total + sign * int(size))

    def _page(self, query: Query) -> tuple[Hit, ...]:
        rows = self._db.execute(sql.page(query))
        return tuple(Hit(asset_id=row[0], place=tuple(row[1:])) for row in rows)

    def _found(self, query: Query, counts: Sequence[Counting]) -> Found:
        tenant, condition = query.tenant, query.condition
        told: dict[str, dict[str, int]] = {}
        for one in counts:
            if one.ranges:
                asked = [(name, sql.count(tenant, Both((condition, there)))) for name, there in one.ranges]
                told[one.field] = {name: self._db.execute(number).scalar_one() for name, number in asked}
            else:
                rows = self._db.execute(sql.counted_by(tenant, condition, one.field, VALUES_MAX))
                told[one.field] = {row[0]: row[1] for row in rows}
        total = self._db.execute(sql.count(tenant, condition)).scalar_one()
        return Found(hits=self._page(query), total=total, counts=told)
