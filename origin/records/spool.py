"""Files on their way in, on the disk: sealed, without a name, each under a key that is nowhere else, gone with their process.

    begin -> append ... -> end -> a Body, until it is closed

What all of them hold is bounded, and what those of one cloud hold; the disk keeps some room for what comes after them.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections import Counter
from collections.abc import AsyncGenerator

from domicile.media.errors import MediaError, Overloaded, UpstreamUnavailable
from domicile.media.policy import Activity, Permit
from domicile.service.gate import spool_files
from domicile.service.sealed_file import SealedTemporary
from origin.records.bodies import PIECE_BYTES_MAX
from origin.records.core import Core

FILES_MAX = 256
"""Open at once."""


class Spool:
    """Of one process."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._directory = core.settings.data / "spool"
        self._held: Counter[str] = Counter()
        self._files = 0

    @property
    def bytes(self) -> int:
        """What all files hold."""
        return self._held.total()

    def begin(self, cloud: str, *, share: int = 1) -> SpoolFile:
        """An empty file. `share`: 2 for those who get no more than half of a cloud's room.

        AssetNotFound (no such cloud); OutsideRegion; Overloaded; UpstreamUnavailable.
        """
        permit = self._core.permit(cloud, Activity.STORE)
        if self._files >= FILES_MAX:
            raise Overloaded("Too many uploads at once, try again")
        try:
            descriptor = spool_files.create(permit, cloud, self._directory, slot=0)
        except OSError as failed:
            raise cannot_write(failed) from failed
        self._files += 1
        return SpoolFile(self, descriptor, permit, cloud=cloud, region=self._core.settings.region, share=share)

    def take(self, cloud: str, more_bytes: int, *, share: int) -> None:
        """Count so much more. Raises Overloaded when there is no room for it."""
        limits = self._core.settings
        if (
            self.bytes + more_bytes > limits.spool_bytes_max
            or self._held[cloud] + more_bytes > limits.spool_cloud_bytes_max // share
        ):
            raise Overloaded("Too many uploads at once, try again")
        try:
            disk = os.statvfs(self._directory)
        except OSError as failed:
            raise cannot_write(failed) from failed
        if disk.f_bavail * disk.f_frsize - more_bytes < limits.spool_free_bytes_min:
            raise no_room()
        self._held[cloud] += more_bytes

    def give_back(self, cloud: str, held_bytes: int) -> None:
        """A file is closed."""
        self._files -= 1
        self._held[cloud] -= held_bytes
        if not self._held[cloud]:
            del self._held[cloud]


class SpoolFile(SealedTemporary):
    """One of them; `close` it."""

    __slots__ = ("_cloud", "_counted", "_is_closed", "_share", "_spool")

    def __init__(self, spool: Spool, descriptor: int, permit: Permit, *, cloud: str, region: str, share: int) -> None:
        super().__init__(descriptor, permit, tenant=cloud, region=region)
        self._spool = spool
        self._cloud = cloud
        self._share = share
        self._counted = 0
        self._is_closed = False

    async def append(self, plain: bytes | bytearray) -> None:
        """Take in what follows. Raises Overloaded, UpstreamUnavailable."""
        self._spool.take(self._cloud, len(plain), share=self._share)
        self._counted += len(plain)
        try:
            await asyncio.to_thread(self.write, plain)
        except OSError as failed:
            raise cannot_write(failed) from failed

    async def finish(self) -> None:
        """It is whole. Raises Overloaded, UpstreamUnavailable."""
        try:
            await asyncio.to_thread(self.end)
        except OSError as failed:
            raise cannot_write(failed) from failed

    async def pieces(self, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        stop = self.body_bytes if end is None else min(end, self.body_bytes)
        for at in range(start, stop, PIECE_BYTES_MAX):
            yield await asyncio.to_thread(self.read, at, min(stop, at + PIECE_BYTES_MAX))

    def close(self) -> None:
        super().close()
        if not self._is_closed:
            self._is_closed = True
            self._spool.give_back(self._cloud, self._counted)


def cannot_write(failed: OSError) -> MediaError:
    """What a disk's refusal means to whoever sends a file."""
    if failed.errno in {errno.ENOSPC, errno.EDQUOT}:
        return no_room()
    return UpstreamUnavailable("Files cannot be stored now, try again")


def no_room() -> Overloaded:
    return Overloaded("There is no room for more files now, try again")
