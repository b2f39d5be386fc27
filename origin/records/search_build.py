"""Fills the search index from the sealed records, beside the calls: an origin serves before it has an index.

The smallest clouds first, each in steps that hold no snapshot longer than it takes to read one. What goes wrong is tried again
until it goes well; a record whose seal does not hold is counted, and keeps no other out of the index.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import msgspec
import structlog

from domicile.media.sealed import SealBroken
from origin.catalogue.port import AssetRow
from origin.journal_reading import read_head
from origin.records.core import Core
from origin.search.document import Document

STEP_ASSETS = 250
"""Assets that are read, opened and written to the index at once."""
PAUSE_SECONDS = 1.0
"""Between a failure and the next attempt."""

log = structlog.get_logger(__name__)


class SearchBuild:
    """One for each process."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._stopping = asyncio.Event()
        self._broken = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Until the end of the block; a step that has begun is finished."""
        self._core.shield.spawn(self._run())
        try:
            yield
        finally:
            self._stopping.set()
            self._core.search.building.wake()

    async def _run(self) -> None:
        building = self._core.search.building
        while not self._stopping.is_set():
            await building.begun()
            try:
                await self._build(building.left)
            except Exception as failed:  # noqa: BLE001 - a busy or broken database must not end the process
                log.warning("search_index_not_built", error=type(failed).__name__)
                with suppress(TimeoutError):
                    async with asyncio.timeout(PAUSE_SECONDS):
                        await self._stopping.wait()
                building.wake()

    async def _build(self, clouds: Sequence[str]) -> None:
        if not clouds:
            return
        core, began, self._broken = self._core, time.monotonic(), 0
        async with core.database.read() as connection:
            sizes = {cloud: await core.catalogue.count(connection, cloud) for cloud in clouds}
        core.search.building.expect(sum(sizes.values()))
        era = core.search.building.era
        for cloud in sorted(clouds, key=sizes.__getitem__):
            if await self._fill(cloud):
                await core.search.complete(cloud, era)
        if not core.search.building.left:
            seconds = round(time.monotonic() - began, 1)
            log.info("search_index_built", assets=sum(sizes.values()), seconds=seconds, broken=self._broken)

    async def _fill(self, cloud: str) -> bool:
        """Is all of it in? Not when the process ends before."""
        core, after = self._core, ""
        while not self._stopping.is_set():
            async with core.database.read() as connection:
                head = await read_head(connection, cloud)
                rows = await core.catalogue.page(connection, cloud, after=after, limit=STEP_ASSETS)
            documents = await asyncio.to_thread(self._opened, rows)
            if not await core.search.fill(cloud, documents, head=head.seq):
                continue  # changes came faster than they could be remembered
            core.search.building.advance(len(rows))
            if len(rows) < STEP_ASSETS:
                return True
            after = rows[-1].name
        return False

    def _opened(self, rows: Sequence[AssetRow]) -> list[Document]:
        documents = []
        for row in rows:
            try:
                record = self._core.open(row)
            except (SealBroken, msgspec.DecodeError):
                self._broken += 1
                continue
            if record is not None:
                documents.append(self._core.document(record))
        return documents
