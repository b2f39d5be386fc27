"""Opening every own file under its key, slowly: what does not open is deleted before somebody asks for it.

A file whose key the agent does not have (it has restarted since) is only looked at for its shape: the origin gives the key
again when somebody asks, and the seal is proved then. What the fence forbids goes. Reading is paced: a file costs its bytes
and FILE_OVERHEAD_BYTES, and the rate is an upper bound, since the reading itself takes time on top.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable

from domicile.media.sealed import FIXED_BYTES, SealBroken, preamble_bytes
from domicile.service.sealed_file import SEGMENT_BYTES
from edge.messages import KeyRecord
from edge.metrics import Count
from edge.store.disk import DiskStore
from edge.store.index import FILE_OVERHEAD_BYTES
from edge.store.port import Judged
from edge.store.sealed_body import SealedBody


class Scrub:
    """One worker's scrubber."""

    def __init__(
        self,
        disk: DiskStore,
        *,
        may_stay: Callable[[Judged], bool],
        bytes_per_second: float,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._disk = disk
        self._may_stay = may_stay
        self._rate = bytes_per_second
        self._sleep = sleep

    async def run(self) -> None:
        """Every file that is there now, once."""
        if self._rate <= 0:
            return
        for file_name in list(self._disk.index):
            await self._one(file_name)
        self._disk.count(Count.SCRUBS)

    async def _one(self, file_name: str) -> None:
        disk = self._disk
        kept = disk.index.peek(file_name)
        if kept is None or not disk.rest.may_read:
            return
        if not self._may_stay(kept):
            disk.index.forget(file_name)
            disk.removal.now((file_name,))
            disk.count(Count.SCRUBBED_STALE)
            return
        await self._pace(FILE_OVERHEAD_BYTES)
        record = await disk.rows.keyring_get(file_name, is_use=False)
        try:
            disk.count(await self._read(file_name, record))
        except FileNotFoundError:
            return  # evicted meanwhile; if not, the next stock says so
        except OSError as failed:
            if failed.errno == errno.EIO:  # a bad place on the disk, and not a want of descriptors
                disk.reject(file_name, Count.DISK_FAILURES)
            else:
                disk.count(Count.DISK_FAILURES)

    async def _read(self, file_name: str, record: KeyRecord | None) -> Count:
        """What came of it. A broken file is deleted. Raises OSError."""
        path = self._disk.files.path_of(file_name)
        descriptor = await asyncio.to_thread(os.open, path, os.O_RDONLY | os.O_CLOEXEC)
        body = SealedBody(descriptor)
        try:
            if record is None:
                preamble_bytes(os.pread(descriptor, FIXED_BYTES, 0))
                return Count.SCRUBBED_KEYLESS
            body.open(record.content_key, self._disk.context(record.tenant, record.contributors, file_name))
            for start in range(0, max(1, body.body_bytes), SEGMENT_BYTES):
                end = min(body.body_bytes, start + SEGMENT_BYTES)
                await asyncio.to_thread(body.read, start, end)
                await self._pace(end - start)
        except SealBroken:
            if not await self._is_still(file_name, record, descriptor):
                return Count.SCRUBBED_REPLACED
            self._disk.reject(file_name, Count.SCRUBBED_TORN)
            return Count.SEALS_BROKEN
        finally:
            body.close()
        return Count.SCRUBBED_WHOLE

    async def _is_still(self, file_name: str, record: KeyRecord | None, descriptor: int) -> bool:
        """Is it the file that was opened, and the key that it was opened with? Else another took its place meanwhile."""
        known = await self._disk.rows.keyring_get(file_name, is_use=False)
        if (known is None) != (record is None) or (known and record and known.content_key != record.content_key):
            return False
        try:
            return os.path.samestat(os.fstat(descriptor), self._disk.files.path_of(file_name).stat())
        except FileNotFoundError:
            return False

    async def _pace(self, read_bytes: int) -> None:
        await self._sleep(read_bytes / self._rate)
