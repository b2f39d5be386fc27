"""Minding the disk tier beside the requests: two loops, which may end and begin again at any time.

    chores   each second: delete what a large purge left, keep the marks, tell the agent what is gone, try a disk that rests
    mind     take stock at once; then, now and then, take stock again and open every file under its key (`edge.store.scrub`)

Taking stock: rows of the agent that the index does not have go into it, then the directories are looked at. A file without a
row is an orphan and goes, and so does an unfinished one of a process that is gone; a row without its file is forgotten.
Until that is done a worker serves all the same: reading needs the agent's key and the path, not the index.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

import structlog

from domicile.media.errors import MediaError
from edge.metrics import Count
from edge.store.disk import DiskStore
from edge.store.files import DIRECTORIES, Listed
from edge.store.port import Judged
from edge.store.scrub import Scrub
from edge.store.written import kept_of_row

CHORES_SECONDS = 1.0
"""How often the agent is told which files are gone (their keys went with the purge already), and the disk is looked at."""

LIST_RETRY_SECONDS = 0.25
"""The agent is asked for the rows again after this: it may just be starting again."""

ORPHAN_SECONDS = 5.0
"""A file that is younger than the list of rows, by this margin, may be one that another worker has just registered."""

DIRECTORY_PAUSE_SECONDS = 0.005
"""Between two directories."""

ROWS_AT_ONCE = 500
"""Rows taken in between two turns of the loop: a few milliseconds."""

PASS_SECONDS_MIN = 3600.0
"""From one scrub to the next, at least."""

log = structlog.get_logger("edge.store")


class Keeper:
    """Minds one worker's disk tier."""

    def __init__(
        self,
        disk: DiskStore,
        *,
        may_stay: Callable[[Judged], bool],
        scrub_bytes_per_second: float,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`may_stay`: False for what the fence forbids. `scrub_bytes_per_second`: 0 means no file is opened."""
        self._disk = disk
        self._index = disk.index
        self._may_stay = may_stay
        self._wall_clock = wall_clock
        self._sleep = sleep
        self._scrub = Scrub(disk, may_stay=may_stay, bytes_per_second=scrub_bytes_per_second, sleep=sleep)

    # --- chores -----------------------------------------------------------------------------------------------------

    async def chores(self) -> None:
        """Runs until it is cancelled."""
        while True:
            await self._disk.sweep()
            await self._disk.make_room()
            await self._disk.tell_gone()
            await self.probe()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHORES_SECONDS):
                    await self._disk.has_work.wait()

    async def probe(self) -> None:
        """Try a disk that rests, when it is time."""
        rest = self._disk.rest
        if not rest.wants_probe():
            return
        try:
            await asyncio.to_thread(self._disk.files.probe)
        except OSError as failed:
            await self._disk.write_failed(failed)
            return
        if rest.works():
            log.info("disk_works_again")

    # --- mind -------------------------------------------------------------------------------------------------------

    async def mind(self) -> None:
        """Runs until it is cancelled."""
        while not await self.take_stock():
            await self._sleep(LIST_RETRY_SECONDS)
        log.info("disk_stock_taken", files=len(self._index))
        while True:
            await self._sleep(PASS_SECONDS_MIN)
            if await self.take_stock():
                await self._scrub.run()

    async def take_stock(self) -> bool:
        """See the head of the file. False when the agent or the disk does not say all: then nothing was cleared away."""
        since = self._wall_clock()
        try:
            await self._learn()
            known: dict[str, list[str]] = {}
            for name in self._index:
                known.setdefault(name[:2], []).append(name)
            for directory in DIRECTORIES:
                await self._tidy(directory, known.get(directory, []), since=since)
                await self._sleep(DIRECTORY_PAUSE_SECONDS)
        except MediaError:
            return False
        except OSError:
            self._disk.count(Count.DISK_FAILURES)
            return False
        self._disk.is_stocked = True
        return True

    async def _learn(self) -> None:
        """Take in the rows that the index lacks; what the fence forbids goes instead."""
        index = self._index
        async for rows in self._disk.rows.object_pages(self._disk.slot):
            for start in range(0, len(rows), ROWS_AT_ONCE):
                leavers = []
                for row in rows[start : start + ROWS_AT_ONCE]:
                    if row.file_name in index or row.file_name in index.gone:
                        continue
                    kept = kept_of_row(row)
                    if self._may_stay(kept):
                        leavers += index.enlist(row.file_name, kept, row.body_bytes, survived=True)
                    else:
                        index.gone.add(row.file_name)
                        leavers.append(row.file_name)
                await self._disk.removal.away(leavers)
                await asyncio.sleep(0)

    async def _tidy(self, directory: str, known: list[str], *, since: float) -> None:
        """`known`: of this directory, in the index a moment ago."""
        disk, index = self._disk, self._index
        listed = await asyncio.to_thread(disk.files.list, directory)
        missing = [name for name in known if name not in listed.finished]
        present = await asyncio.to_thread(disk.files.present, missing) if missing else set()
        for name in set(missing) - present:
            if name in index:
                index.forget(name)
                disk.count(Count.SCRUBBED_MISSING)
        await self._clear_away(listed, since=since)

    async def _clear_away(self, listed: Listed, *, since: float) -> None:
        disk = self._disk
        orphans = [
            name
            for name, written in listed.finished.items()
            if name not in self._index and name not in disk.removal.leaving and written < since - ORPHAN_SECONDS
        ]
        await disk.removal.away(orphans)
        await disk.removal.leftovers(listed.leftovers)
        for _ in orphans:
            disk.count(Count.SCRUBBED_ORPHAN)
        for _ in listed.leftovers:
            disk.count(Count.SCRUBBED_UNFINISHED)
