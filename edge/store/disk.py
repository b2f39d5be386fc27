"""The disk tier: one sealed file per object, `<2 hex>/<keyed hash>`, keys in the agent's memory alone.

    put   worth a place? -> room? -> seal into a temporary file -> register with the agent -> look at the fence once more
            -> rename
    get   key from the agent -> open -> seal holds? -> the whole body, or a reader of its chunks when it is large

Any worker reads by path; the worker that wrote an object (at a restart: the owner of its name) counts it, evicts it and
deletes it at a purge. A full or failing disk only means that objects are not kept (`edge.store.rest`). It serves from the
first moment: what is on it is learned meanwhile (`edge.store.keeper`). Nothing here judges freshness.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

from domicile.media.asset import Aid
from domicile.media.policy import Permit
from domicile.media.sealed import SealBroken, SealContext
from domicile.service.gate import cache_files
from edge.messages import FORGET_MAX
from edge.metrics import Count
from edge.store.files import Files
from edge.store.index import Index, cost_of
from edge.store.port import Judged, Stored, StoredHead
from edge.store.removal import SWEPT_AT_ONCE, Removal
from edge.store.rest import Rest
from edge.store.room import Going, Marks, Room
from edge.store.sealed_body import open_object
from edge.store.written import Register, kept_of, record_of, sealed_pieces

DROPPED_AT_ONCE_MAX = 64
"""Files that a purge deletes before it goes on. More are deleted in the background: a worker that stands still is killed,
their keys are gone with the purge, and the fence is asked at every look-up."""

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Others have taken the room, or a quota is smaller than our share: then our own files go, too."""

log = structlog.get_logger("edge.store")


class DiskStore:
    """This worker's view of the node's cache directory."""

    def __init__(
        self,
        directory: Path,
        *,
        region: str,
        slot: int,
        workers: int,
        marks: Marks,
        register: Register,
        room: Room,
        count: Callable[[Count], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`marks`: of this worker's share. `count`: told what went wrong or went out."""
        self.slot = slot
        self.rows = register
        self.files = Files(directory, slot=slot, workers=workers)
        self.index = Index(marks.high_bytes)
        self.removal = Removal(self.files, count)
        self.rest = Rest(clock=clock)
        self.count = count
        self._region = region
        self._room = room
        self._marks = marks
        self.is_stocked = False
        """Does the index know of every file whose name is this worker's? Set by who took stock (`edge.store.keeper`)."""
        self._sweeps: deque[tuple[list[str], Callable[[Judged], bool]]] = deque()
        self.has_work = asyncio.Event()
        """Set when there is something to sweep."""

    @property
    def bytes_used(self) -> int:
        return self.index.bytes_used

    def __len__(self) -> int:
        return len(self.index)

    # --- reading ----------------------------------------------------------------------------------------------------

    async def get(self, file_name: str, *, in_memory_max: int) -> Stored | None:
        """The object, with its bytes when they are at most `in_memory_max`; None when there is none that opens."""
        if not self.rest.may_read:
            return None
        record = await self.rows.keyring_get(file_name)
        if record is None or not record.content_key:
            return None
        self.index.visit(file_name)
        return await self.open_with(
            file_name, record.content_key, record.tenant, record.contributors, in_memory_max=in_memory_max
        )

    def may_survive(self, file_name: str) -> bool:
        """May there be a file of an earlier process by this name? Once stock was taken, none of ours that the index lacks."""
        return not self.is_stocked or file_name in self.index or not self.files.is_own(file_name)

    async def open_with(
        self, file_name: str, content_key: bytes, tenant: str, contributors: tuple[Aid, ...], *, in_memory_max: int
    ) -> Stored | None:
        """As `get`, with a key that is known another way: after a restart the origin has given it again."""
        context, path = self.context(tenant, contributors, file_name), self.files.path_of(file_name)
        if not self.rest.may_read:
            return None
        try:
            stored = await open_object(path, content_key, context, in_memory_max=in_memory_max)
        except FileNotFoundError:
            if file_name in self.index:  # given up for the journal's sake
                self.index.forget(file_name, is_welcome=True)
            return None
        except OSError as failed:
            self.count(Count.DISK_FAILURES)
            if self.rest.failed_to_read():
                log.warning("disk_not_read", reason=errno.errorcode.get(failed.errno or 0, "unknown"))
            return None
        except SealBroken:
            self.reject(file_name)
            return None
        self.rest.read()
        return stored

    def reject(self, file_name: str, why: Count = Count.SEALS_BROKEN) -> None:
        """Delete a file that cannot be read: its seal does not hold, or the disk does not give it."""
        self.count(why)
        self.index.forget(file_name, is_welcome=True)
        self.removal.now((file_name,))

    # --- keeping ----------------------------------------------------------------------------------------------------

    async def put(
        self,
        permit: Permit,
        file_name: str,
        stored: Stored,
        content_key: bytes,
        *,
        is_fresh: Callable[[Judged], bool],
    ) -> bool:
        """Keep a whole object. False when it was fenced meanwhile, is not worth a place, or the disk does not take it."""
        body, head = stored.body, stored.head
        assert isinstance(body, bytes)
        if not await self._takes(file_name, len(body)):
            return False
        final = self.files.path_of(file_name)
        pieces = sealed_pieces(head, body, content_key, self.context(head.tenant, head.contributors, file_name))
        maker = self.files.maker
        try:
            temporary = await asyncio.to_thread(
                cache_files.write_temporary, permit, head.tenant, final, maker=maker, sealed=pieces
            )
        except OSError as failed:
            await self.write_failed(failed)
            return False
        try:
            if not await self.rows.stored(record_of(file_name, head, content_key)):
                return False
            # nothing is awaited between this and the rename
            if not is_fresh(head) or file_name in self.removal.leaving:
                self.index.gone.add(file_name)
                return False
            cache_files.publish(permit, head.tenant, temporary, final)
        except OSError as failed:
            await self.write_failed(failed)
            return False
        finally:
            temporary.unlink(missing_ok=True)
        self.removal.now(self.index.enlist(file_name, kept_of(head), len(body)))
        self.count(Count.DISK_WRITES)
        return True

    async def _takes(self, file_name: str, body_bytes: int) -> bool:
        if not self.index.takes(body_bytes):
            return False
        if self.rest.is_resting:
            self.count(Count.NOT_KEPT_FAILING)
            return False
        if not self.index.admits(file_name, body_bytes, below=self._marks.low_bytes):
            self.count(Count.NOT_KEPT_STRANGER)
            return False
        if not await self.make_room(cost_of(body_bytes)):
            self.count(Count.NOT_KEPT_FULL)
            return False
        return True

    async def register(self, file_name: str, head: StoredHead, content_key: bytes) -> bool:
        """Make a file that was opened with `open_with` readable for every worker of the node again."""
        if not await self.rows.stored(record_of(file_name, head, content_key)):
            return False
        if file_name not in self.index:  # its row was lost with an agent that was killed
            self.removal.now(self.index.enlist(file_name, kept_of(head), head.body_bytes, survived=True))
        return True

    def asked_again(self, file_name: str, body_bytes: int) -> None:
        """RAM found it worth keeping: that is a visit here, or a reason to let it in when it comes."""
        if not self.index.visit(file_name):
            self.index.remember(file_name, body_bytes)

    async def write_failed(self, failed: OSError) -> None:
        """Rest, and when there is no space let some of our own go."""
        self.count(Count.DISK_FAILURES)
        if self.rest.failed():
            log.warning("disk_not_written", reason=errno.errorcode.get(failed.errno or 0, "unknown"))
        if failed.errno in NO_SPACE:
            await self._evict(self._marks.refused(self.index.bytes_used))

    async def make_room(self, wanted_bytes: int = 0) -> bool:
        """Let objects go until so much fits, into our share and on the disk. False: the disk is too full."""
        try:
            going = self._marks.going(self.index.bytes_used, wanted_bytes, self._room.lacking(wanted_bytes))
            if going:
                await self._evict(going)
            return not self._room.lacking(wanted_bytes)
        except OSError:
            return False

    async def _evict(self, going: Going) -> None:
        gone = self.index.shed(going)
        for _ in gone:
            self.count(Count.EVICTED_DISK)
        await self.removal.away(gone)

    # --- purges -----------------------------------------------------------------------------------------------------

    def drop_stale(self, tags: Iterable[str], is_fresh: Callable[[Judged], bool]) -> int:
        """Delete own files that carry one of these tags and are not fresh any more. Returns how many went at once."""
        names = self.index.tagged(tags)
        if len(names) > DROPPED_AT_ONCE_MAX:
            self._sweeps.append((list(names), is_fresh))
            self.has_work.set()
            return 0
        stale = self.index.forget_stale(names, is_fresh)
        self.removal.now(stale)
        return len(stale)

    async def sweep(self) -> None:
        """Delete what is to be deleted and still is not fresh, some at a time."""
        self.has_work.clear()
        while self._sweeps:
            names, is_fresh = self._sweeps[0]
            if not names:
                self._sweeps.popleft()
                continue
            batch = [names.pop() for _ in range(min(SWEPT_AT_ONCE, len(names)))]
            await self.removal.away(self.index.forget_stale(batch, is_fresh))

    async def tell_gone(self) -> None:
        """Let the agent forget rows and keys of files that are gone."""
        gone = self.index.gone
        while gone:
            batch = [gone.pop() for _ in range(min(FORGET_MAX, len(gone)))]
            await self.rows.forget([name for name in batch if name not in self.index])

    def context(self, tenant: str, contributors: tuple[Aid, ...], file_name: str) -> SealContext:
        """What a file of ours is bound to."""
        return SealContext(tenant=tenant, aids=contributors, variant=file_name, region=self._region)
