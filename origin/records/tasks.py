"""What a change leaves to be done after it: a notice to be told, renditions to be made.

A task is written in the transaction of its change and belongs to one version: its detail is sealed under that version's
key, and it goes with it (decisions B.3). Who does it asks for what is due, does it at least once, and says so.

    for task in await records.notices.due(limit=10):
        ...                                     # send it
        await records.notices.done(task.id)     # or, when that failed: .later(task.id, due_at=…)
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Row, delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import Aid, NameHash
from domicile.media.keys import subkey
from domicile.media.sealed import SALT_BYTES, SealBroken, SealContext, open_sealed, seal
from origin.catalogue.sql import batches
from origin.catalogue.tables import version
from origin.catalogue.task_tables import task as table
from origin.catalogue.task_tables import told_of
from origin.records import under_retention
from origin.records.core import Core
from origin.records.types import AssetRecord, Draft

log = structlog.get_logger(__name__)

NOTICE, POLLED, EAGER = "notice", "polled", "eager"
TASK_ID_BYTES = 16
TASK_KEPT_SECONDS = 7 * 24 * 3600.0
"""What could not be done for so long is dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """A task of the version that is being written."""

    kind: str
    detail: bytes
    channel: str = ""
    """Where one that is polled waits."""


Says = Callable[[Sequence[AssetRecord]], tuple[NewTask, ...]]
"""What is to be done about assets that go with one entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """Tasks about assets that go: they cannot live under their keys, so they have one of their own, of a draft without
    bytes. `says`: the tasks.
    """

    draft: Draft
    says: Says

    async def leave(self, core: Core, connection: AsyncConnection, records: Sequence[AssetRecord]) -> None:
        """In the transaction that removes them; once."""
        tasks, tenant, aid = self.says(records), self.draft.tenant, self.draft.aid
        if tasks and await core.catalogue.undraft(connection, aid):
            await add_tasks(core, connection, tenant, aid, self.draft.data_key, tasks)
            hashes = {one for record in records for one in hashes_of(core, record)}
            rows = [{"aid": aid, "hash": one, "tenant": tenant} for one in sorted(hashes)]
            for batch in batches(rows):
                await connection.execute(insert(told_of), batch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One that is due. `id` is its own for good: a receiver can tell a repetition by it."""

    id: str
    tenant: str
    aid: Aid
    attempts: int
    """How often it was put off."""
    created_at: float
    detail: bytes


class Tasks:
    """Tasks of one kind."""

    def __init__(self, core: Core, kind: str) -> None:
        self._core = core
        self._kind = kind

    async def due(self, *, limit: int, but: Collection[str] = (), but_of: Collection[str] = ()) -> tuple[Task, ...]:
        """The longest due first. Those whose version has no key any more are dropped, those of a restricted one wait.

        `but`: ids, and `but_of`: clouds, that are left out; a few.
        """
        now, core = self._core.now(), self._core
        query = select(table).where(
            table.c.kind == self._kind,
            table.c.due_at <= now,
            table.c.id.not_in(but),
            table.c.tenant.not_in(but_of),
            ~exists().where(version.c.aid == table.c.aid, version.c.is_hidden),
        )
        async with core.database.read() as connection:
            rows = (await connection.execute(query.order_by(table.c.due_at, table.c.id).limit(limit))).all()
        return await self._opened(rows)

    async def _opened(self, rows: Iterable[Row[Any]]) -> tuple[Task, ...]:
        """Those that cannot be read are dropped."""
        core = self._core
        tasks, dead = list[Task](), list[str]()
        for row in rows:
            data_key = core.keyring.of(row.aid)
            if data_key is None:
                dead.append(row.id)
                continue
            key, context = _seal_of(core, row.tenant, row.aid, data_key)
            try:
                _, detail = open_sealed(key, context, row.detail)
            except SealBroken:  # one that cannot be read must not keep the others waiting
                log.warning("task_unreadable")
                dead.append(row.id)
                continue
            tasks.append(
                Task(
                    id=row.id,
                    tenant=row.tenant,
                    aid=row.aid,
                    attempts=row.attempts,
                    created_at=row.created_at,
                    detail=detail,
                )
            )
        if dead:
            await self._drop(dead)
        return tuple(tasks)

    async def stands(self, task: Task) -> bool:
        """Is it still to be done? One whose version was deleted or erased since it was read is not."""
        if self._core.keyring.of(task.aid) is None:
            return False
        async with self._core.database.read() as connection:
            return await connection.scalar(select(table.c.id).where(table.c.id == task.id)) is not None

    async def done(self, task_id: str) -> None:
        await self._drop([task_id])

    async def later(self, task_id: str, *, due_at: float) -> None:
        """It failed, and is tried again then."""
        changed = update(table).where(table.c.id == task_id)
        async with self._core.database.write() as connection:
            await connection.execute(changed.values(due_at=due_at, attempts=table.c.attempts + 1))

    async def _drop(self, ids: Iterable[str]) -> None:
        await drop_and_forget(self._core, table.c.id.in_(list(ids)))


def hashes_of(core: Core, record: AssetRecord) -> set[NameHash]:
    """What an erase may select it by."""
    return {core.hash_name(record.name), asset_hash(core, record.name.cloud, record.asset_id), *core.labels(record)}


def asset_hash(core: Core, tenant: str, asset_id: str) -> NameHash:
    return core.hash_of(tenant, "asset", asset_id)


async def drop_told(
    core: Core, connection: AsyncConnection, tenant: str, hashes: Iterable[NameHash] | None, *, seq: int
) -> list[Aid]:
    """Notices of deletes that tell of any of these, or all of the cloud's, are told to nobody. In the caller's transaction;
    the aids of their keys, which are doomed.
    """
    mine = select(told_of.c.aid).where(told_of.c.tenant == tenant).distinct()
    found: set[str] = set()
    if hashes is None:
        found.update((await connection.execute(mine)).scalars())
    for batch in batches(hashes or ()):
        found.update((await connection.execute(mine.where(told_of.c.hash.in_(batch)))).scalars())
    for some in batches(sorted(found)):
        await connection.execute(delete(table).where(table.c.aid.in_(some)))
        await connection.execute(delete(told_of).where(told_of.c.aid.in_(some)))
        for aid in some:
            await core.catalogue.doom(connection, Aid(aid), tenant, seq=seq)
    return [Aid(aid) for aid in sorted(found)]


async def add_tasks(
    core: Core, connection: AsyncConnection, tenant: str, aid: Aid, data_key: bytes, tasks: Iterable[NewTask]
) -> None:
    """In the transaction of the change that leaves them."""
    now = core.now()
    for task in tasks:
        key, context = _seal_of(core, tenant, aid, data_key)
        detail = seal(key, context, header=b"", body=task.detail, salt=os.urandom(SALT_BYTES))
        await connection.execute(
            insert(table).values(
                id=secrets.token_hex(TASK_ID_BYTES),
                tenant=tenant,
                kind=task.kind,
                aid=aid,
                created_at=now,
                due_at=now,
                attempts=0,
                detail=detail,
                channel=channel_hash(core, tenant, task.channel) if task.channel else None,
            )
        )


def channel_hash(core: Core, tenant: str, channel: str) -> NameHash:
    return core.hash_of(tenant, "channel", channel)


async def drop_and_forget(core: Core, which: ColumnElement[bool]) -> int:
    """How many there were. Keys that were there for a task alone are destroyed: see `Word`."""
    async with core.database.write() as connection:
        # Only what this removes itself: a version that is put under retention meanwhile takes its tasks along.
        gone = (await connection.execute(delete(table).where(which).returning(table.c.aid, table.c.tenant))).all()
        doomed: list[tuple[Aid, str]] = []
        for aid, tenant in {(Aid(row.aid), row.tenant) for row in gone}:
            is_owned = aid in await core.catalogue.owners(connection, [aid])
            if not is_owned and await under_retention.one(connection, tenant, aid) is None:
                await core.catalogue.doom(connection, aid, tenant, seq=0)
                doomed.append((aid, tenant))
        for batch in batches(aid for aid, _ in doomed):
            await connection.execute(delete(told_of).where(told_of.c.aid.in_(batch)))
    if doomed:
        await core.forget(doomed)
    return len(gone)


async def drop_tasks(connection: AsyncConnection, ids: Iterable[str]) -> None:
    """In the caller's transaction."""
    gone = list(ids)
    if gone:
        await connection.execute(delete(table).where(table.c.id.in_(gone)))


async def drop_old(core: Core) -> None:
    """What could not be done for TASK_KEPT_SECONDS."""
    is_old = table.c.created_at < core.now() - TASK_KEPT_SECONDS
    async with core.database.read() as connection:
        if await connection.scalar(select(table.c.id).where(is_old).limit(1)) is None:
            return
    log.warning("tasks_dropped", tasks=await drop_and_forget(core, is_old))


def _seal_of(core: Core, tenant: str, aid: Aid, data_key: bytes) -> tuple[bytes, SealContext]:
    context = SealContext(tenant=tenant, aids=(aid,), variant="task", region=core.settings.region)
    return subkey(data_key, "meta"), context
