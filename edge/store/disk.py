"""The disk tier: one sealed file per object, `<2 hex>/<keyed hash>`, keys in the agent's memory alone.

    put   seal into a temporary file -> register with the agent -> look at the fence once more -> rename
    get   key from the agent -> open -> seal holds? -> the whole body, or a reader of its chunks when it is large

Any worker reads by path; the worker that wrote an object (at a restart: the owner of its name) counts it, evicts it and
deletes it at a purge. A full or failing disk only means that the object is not kept. Nothing here judges freshness.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

from domicile.media.asset import Aid
from domicile.media.errors import MediaError
from domicile.media.policy import Permit
from domicile.media.sealed import SealBroken, SealContext
from domicile.service.gate import cache_files
from edge.messages import FORGET_MAX, StoredObject
from edge.metrics import Count
from edge.rendezvous import owner_of
from edge.store.fifo import WeightedFifo
from edge.store.port import Judged, Stored, StoredHead
from edge.store.room import Room
from edge.store.sealed_body import open_object
from edge.store.tags import Tags
from edge.store.written import Kept, Register, kept_of, record_of, sealed_pieces

FILE_OVERHEAD_BYTES = 4096
"""Counted per file beside its bytes: a directory entry, an inode, the unused end of the last block."""

LOW_WATER_SHARE = 0.95
"""An eviction goes on until this share of the limit is reached, so that it does not happen at every write."""

START_FILES_MAX = 5_000_000
"""Files looked at when a worker starts."""

LIST_TRIES_MAX = 40
LIST_RETRY_SECONDS = 0.25
"""The agent is asked for the rows of this slot so often: it may just be starting again."""

DROPPED_AT_ONCE_MAX = 64
"""Files that a purge deletes before it goes on. More are deleted in the background: a worker that stands still is killed,
their keys are gone with the purge, and the fence is asked at every look-up."""

SWEPT_AT_ONCE = 512
"""Files that the background looks at between two turns of the loop."""

FORGET_SECONDS = 1.0
"""How often the agent is told which files are gone (their keys went with the purge already), and the disk is looked at."""

_FILE_NAME = re.compile(r"[0-9a-f]{40}")


class DiskStore:
    """This worker's view of the node's cache directory."""

    def __init__(
        self,
        directory: Path,
        *,
        region: str,
        slot: int,
        workers: int,
        bytes_max: int,
        register: Register,
        room: Room,
        count: Callable[[Count], None],
    ) -> None:
        """`bytes_max`: this worker's share. `count`: told what went wrong or went out."""
        self._directory = directory
        self._region = region
        self._slot = slot
        self._workers = workers
        self._register = register
        self._room = room
        self._count = count
        self._files: WeightedFifo[Kept] = WeightedFifo(max(1, bytes_max))
        self._tags = Tags()
        self._gone: set[str] = set()
        self._leaving: set[str] = set()
        """Files that a thread is deleting: nothing may be published under their names meanwhile."""
        self._sweeps: deque[tuple[list[str], Callable[[Judged], bool]]] = deque()
        self._has_work = asyncio.Event()

    @property
    def bytes_used(self) -> int:
        return self._files.cost

    def __len__(self) -> int:
        return len(self._files)

    def path_of(self, file_name: str) -> Path:
        return self._directory / file_name[:2] / file_name

    async def start(self) -> None:
        """Learn what this slot owns, and clear away what a killed process left: files in the making, and unknown ones.

        UpstreamUnavailable when the agent stays away: then nothing is known, and nothing is cleared away.
        """
        sizes = await asyncio.to_thread(self._scan)  # first the files, then the rows: a row is older than its file
        rows = {row.file_name: row for row in await self._rows()}
        await self._unlink_away([file_name for file_name in sizes if file_name not in rows])
        for file_name, file_bytes in sizes.items():
            row = rows.pop(file_name, None)
            if row is not None:
                kept = Kept(
                    tenant=row.tenant,
                    contributors=row.contributors,
                    names=(row.name,),
                    epoch=row.epoch,
                    sequence=row.sequence,
                )
                self._enlist(file_name, kept, file_bytes)
        self._gone.update(rows)

    async def _rows(self) -> list[StoredObject]:
        for _ in range(LIST_TRIES_MAX - 1):
            try:
                return await self._register.list_objects(self._slot)
            except MediaError:
                await asyncio.sleep(LIST_RETRY_SECONDS)
        return await self._register.list_objects(self._slot)

    async def run(self) -> None:
        """Delete what a large purge left, leave room for others, and tell the agent now and then which files are gone.

        Runs until it is cancelled.
        """
        while True:
            await self.sweep()
            await self._make_room(0)
            await self.tell_gone()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FORGET_SECONDS):
                    await self._has_work.wait()

    async def sweep(self) -> None:
        """Delete what is to be deleted and still is not fresh, some at a time."""
        self._has_work.clear()
        while self._sweeps:
            names, is_fresh = self._sweeps[0]
            if not names:
                self._sweeps.popleft()
                continue
            batch = [names.pop() for _ in range(min(SWEPT_AT_ONCE, len(names)))]
            await self._unlink_away(self._forget_stale(batch, is_fresh))

    async def tell_gone(self) -> None:
        while self._gone:
            batch = [self._gone.pop() for _ in range(min(FORGET_MAX, len(self._gone)))]
            await self._register.forget([name for name in batch if name not in self._files])

    async def get(self, file_name: str, *, in_memory_max: int) -> Stored | None:
        """The object, with its bytes when they are at most `in_memory_max`; None when there is none that opens."""
        record = await self._register.keyring_get(file_name)
        if record is None or not record.content_key:
            return None
        self._files.get(file_name)  # counts the visit, when the file is ours
        return await self.open_with(
            file_name, record.content_key, record.tenant, record.contributors, in_memory_max=in_memory_max
        )

    async def open_with(
        self, file_name: str, content_key: bytes, tenant: str, contributors: tuple[Aid, ...], *, in_memory_max: int
    ) -> Stored | None:
        """As `get`, with a key that is known another way: after a restart the origin has given it again."""
        context = self._context(tenant, contributors, file_name)
        try:
            return await open_object(self.path_of(file_name), content_key, context, in_memory_max=in_memory_max)
        except FileNotFoundError:
            if file_name in self._files:  # given up for the journal's sake
                self._forget(file_name)
            return None
        except OSError:
            self._count(Count.DISK_FAILURES)
            return None
        except SealBroken:
            self.reject(file_name)
            return None

    def reject(self, file_name: str, why: Count = Count.SEALS_BROKEN) -> None:
        """Delete a file that cannot be read: its seal does not hold, or the disk does not give it."""
        self._count(why)
        self._forget(file_name)
        self._unlink(file_name)

    async def put(
        self,
        permit: Permit,
        file_name: str,
        stored: Stored,
        content_key: bytes,
        *,
        is_fresh: Callable[[Judged], bool],
    ) -> bool:
        """Keep a whole object. False when it was fenced meanwhile, does not fit, or the disk does not take it."""
        body, head = stored.body, stored.head
        assert isinstance(body, bytes)
        cost = len(body) + FILE_OVERHEAD_BYTES
        if cost > self._files.cost_max:
            return False
        if not await self._make_room(cost):
            self._count(Count.DISK_FAILURES)
            return False
        final = self.path_of(file_name)
        pieces = sealed_pieces(head, body, content_key, self._context(head.tenant, head.contributors, file_name))
        try:
            temporary = await asyncio.to_thread(
                cache_files.write_temporary, permit, head.tenant, final, slot=self._slot, sealed=pieces
            )
        except OSError:
            self._count(Count.DISK_FAILURES)
            return False
        try:
            if not await self._register.stored(record_of(file_name, head, content_key)):
                return False
            if not is_fresh(head) or file_name in self._leaving:  # nothing is awaited between this and the rename
                self._gone.add(file_name)
                return False
            cache_files.publish(permit, head.tenant, temporary, final)
        except OSError:
            self._count(Count.DISK_FAILURES)
            return False
        finally:
            temporary.unlink(missing_ok=True)
        self._enlist(file_name, kept_of(head), len(body))
        return True

    async def register(self, file_name: str, head: StoredHead, content_key: bytes) -> bool:
        """Make a file that was opened with `open_with` readable for every worker of the node again."""
        return await self._register.stored(record_of(file_name, head, content_key))

    def drop_stale(self, tags: Iterable[str], is_fresh: Callable[[Judged], bool]) -> int:
        """Delete own files that carry one of these tags and are not fresh any more. Returns how many went at once."""
        names = self._tags.keys(tags)
        if len(names) > DROPPED_AT_ONCE_MAX:
            self._sweeps.append((list(names), is_fresh))
            self._has_work.set()
            return 0
        stale = self._forget_stale(names, is_fresh)
        self._unlink(*stale)
        return len(stale)

    def _forget_stale(self, names: Iterable[str], is_fresh: Callable[[Judged], bool]) -> list[str]:
        stale = [name for name in names if (kept := self._files.peek(name)) is not None and not is_fresh(kept)]
        for name in stale:
            self._forget(name)
        return stale

    async def _make_room(self, cost: int) -> bool:
        """Let objects go until `cost` more bytes fit, into our share and on the disk. False: the disk is too full."""
        share = cost - (self._files.cost_max - self._files.cost)
        try:
            short = max(share, self._room.lacking(cost))
            if short > 0:
                await self._evict(short + int(self._files.cost_max * (1 - LOW_WATER_SHARE)))
            return not self._room.lacking(cost)
        except OSError:
            return False

    async def _evict(self, freed_bytes: int) -> None:
        unused = self._files.cost_max - self._files.cost
        gone = self._files.make_room(min(self._files.cost_max, unused + freed_bytes))
        for file_name, kept in gone:
            self._tags.discard(file_name, kept)
            self._gone.add(file_name)
            self._count(Count.EVICTED_DISK)
        await self._unlink_away([file_name for file_name, _ in gone])

    def _enlist(self, file_name: str, kept: Kept, body_bytes: int) -> None:
        self._forget(file_name)
        self._gone.discard(file_name)
        for evicted, old in self._files.put(
            file_name, kept, min(body_bytes + FILE_OVERHEAD_BYTES, self._files.cost_max)
        ):
            self._tags.discard(evicted, old)
            self._gone.add(evicted)
            self._unlink(evicted)
        self._tags.add(file_name, kept)

    def _forget(self, file_name: str) -> None:
        kept = self._files.pop(file_name)
        if kept is not None:
            self._tags.discard(file_name, kept)
        self._gone.add(file_name)

    async def _unlink_away(self, file_names: list[str]) -> None:
        """Delete files without standing still."""
        self._leaving.update(file_names)
        try:
            for start in range(0, len(file_names), SWEPT_AT_ONCE):
                await asyncio.to_thread(self._unlink, *file_names[start : start + SWEPT_AT_ONCE])
        finally:
            self._leaving.difference_update(file_names)

    def _unlink(self, *file_names: str) -> None:
        for file_name in file_names:
            try:
                self.path_of(file_name).unlink(missing_ok=True)
            except OSError:
                self._count(Count.DISK_FAILURES)

    def _scan(self) -> dict[str, int]:
        """Own finished files and their sizes; own unfinished ones are deleted on the way."""
        sizes: dict[str, int] = {}
        for number, file in enumerate(self._directory.glob("[0-9a-f][0-9a-f]/*")):
            if number >= START_FILES_MAX:
                break
            if self._is_leftover(file.name):
                file.unlink(missing_ok=True)
            elif _FILE_NAME.fullmatch(file.name) and owner_of(file.name, range(self._workers)) == self._slot:
                try:
                    sizes[file.name] = file.stat().st_size
                except FileNotFoundError:
                    continue
        return sizes

    def _is_leftover(self, name: str) -> bool:
        slot = cache_files.slot_of_temporary(name)
        return slot is not None and (slot == self._slot or (slot >= self._workers and self._slot == 0))

    def _context(self, tenant: str, contributors: tuple[Aid, ...], file_name: str) -> SealContext:
        return SealContext(tenant=tenant, aids=contributors, variant=file_name, region=self._region)
