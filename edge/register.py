"""Which files the node's disk tier holds, and what opens them: keys in memory, rows in `node.db` a moment later.

A row that a crash or a full disk loses costs one file of cache: a worker deletes what it finds without a row when it
starts. A row whose file is gone does no harm. Nothing is registered that the fence forbids at that moment, whoever asks.
"""

from __future__ import annotations

import asyncio

import structlog

from edge.keyring import Keyring
from edge.messages import OBJECTS_PAGE_MAX, KeyRecord, Objects, StoredObject
from edge.node import Node
from edge.nodedb import NodeDb, NoRoom
from edge.rendezvous import owner_of

FLUSH_SECONDS = 0.25
PENDING_MAX = 20_000
"""Changes that wait for the disk; above it, nothing more is stored."""

log = structlog.get_logger("edge.register")


class Register:
    """The agent's register of cached objects."""

    def __init__(self, node: Node, db: NodeDb, keyring: Keyring, *, objects_max: int) -> None:
        self._node = node
        self._db = db
        self._keyring = keyring
        self.objects_max = objects_max
        self._stored: dict[str, StoredObject] = {}
        self._gone: set[str] = set()
        self._flushing = asyncio.Lock()
        self._on_their_way = 0

    @property
    def count(self) -> int:
        """Names that are registered. Those of the last moment count even if they replace others: no more than there are."""
        return self._db.objects_count + len(self._stored) + self._on_their_way

    async def start(self) -> None:
        await self._db.count_objects()

    def key_of(self, file_name: str, *, is_use: bool = True) -> KeyRecord | None:
        return self._keyring.get(file_name, is_use=is_use)

    def store(self, record: StoredObject) -> bool:
        """Take an object in, unless it is fenced, there is no lease for its tenant, or the register is full."""
        tenant = self._node.tenants.get(record.tenant)
        if tenant is None or tenant.grant is None or not self._node.fresh(record):
            return False
        if self.count >= self.objects_max or len(self._stored) >= PENDING_MAX:
            return False
        self._keyring.put(record.file_name, record.key_record())
        self._gone.discard(record.file_name)
        self._stored[record.file_name] = record
        return True

    def forget(self, file_names: tuple[str, ...]) -> None:
        self._keyring.forget(file_names)
        for file_name in file_names:
            self._stored.pop(file_name, None)
            self._gone.add(file_name)

    async def page(self, slot: int, after: str) -> Objects:
        """Objects that belong to a slot, without keys; those that are fenced by now are forgotten instead."""
        await self.flush()
        rows = await self._db.objects(after, OBJECTS_PAGE_MAX)
        void = frozenset(row.file_name for row in rows if not self._node.fresh(row))
        if void:
            self.forget(tuple(void))
        slots = range(self._node.page.workers)
        own = tuple(row for row in rows if row.file_name not in void and owner_of(row.file_name, slots) == slot)
        return Objects(objects=own, after=rows[-1].file_name if len(rows) == OBJECTS_PAGE_MAX else "")

    async def flush(self) -> None:
        """Write what waits, or lose it when the disk is full."""
        async with self._flushing:
            stored, gone = tuple(self._stored.values()), tuple(self._gone)
            self._stored.clear()
            self._gone.clear()
            if not stored and not gone:
                return
            self._on_their_way = len(stored)
            try:
                await self._db.change_objects(stored, gone)
            except NoRoom:
                log.warning("rows_lost", stored=len(stored), gone=len(gone))
            finally:
                self._on_their_way = 0

    async def run(self) -> None:
        """Write now and then; until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()
