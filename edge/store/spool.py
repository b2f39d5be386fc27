"""Bodies that are too large for memory, in sealed files without a name: read while they grow, gone with their last reader.

    begin  ->  append ...  ->  finish      one writer, who keeps what `readable_bytes` does not cover yet
    pieces(start, end)                     any number of readers, also before it is finished

A file's key is made for it and stays beside its descriptor: what lies on the disk opens for nobody else, and not after this
process. All files of a worker are bounded in bytes and in number; where there is no room, old ones are let go.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

from domicile.media.policy import Permit
from domicile.service.gate import spool_files
from domicile.service.sealed_file import SealedTemporary
from edge.store.room import Room

FILES_MAX = 256
"""Open descriptors of one worker that hold a body."""


class Spool:
    """The files of one worker. `let_go` ends the use of an old one, and says whether there was one."""

    def __init__(
        self,
        directory: Path,
        *,
        tenant: str,
        region: str,
        slot: int,
        bytes_max: int,
        object_bytes_max: int,
        files_max: int = FILES_MAX,
        room: Room,
        permit: Callable[[], Permit],
    ) -> None:
        self.directory = directory
        self.tenant = tenant
        self.region = region
        self.slot = slot
        self.bytes_max = bytes_max
        self.object_bytes_max = object_bytes_max
        self.files_max = files_max
        self.permit = permit
        self.let_go: Callable[[], bool] = lambda: False
        self._room = room
        self._lock = threading.Lock()
        self._bytes = 0
        self._files = 0

    def __len__(self) -> int:
        return self._files

    @property
    def bytes(self) -> int:
        """Plaintext that all files hold, those in use by readers alone included."""
        return self._bytes

    def takes(self, body_bytes: int) -> bool:
        """Is a body of this size kept at all?"""
        return body_bytes <= min(self.object_bytes_max, self.bytes_max)

    def begin(self) -> SpoolFile | None:
        """An empty file; None when there is no room for one more, or the disk gives none."""
        while self._files >= self.files_max:
            if not self.let_go():
                return None
        permit = self.permit()
        try:
            descriptor = spool_files.create(permit, self.tenant, self.directory, slot=self.slot)
        except OSError:
            return None
        self._count(0, 1)
        return SpoolFile(self, descriptor, permit)

    def take(self, more_bytes: int) -> bool:
        """Count so much more, if there is room for it or can be made."""
        try:
            while self._bytes + more_bytes > self.bytes_max or self._room.lacking(more_bytes):
                if not self.let_go():
                    return False
        except OSError:
            return False
        self._count(more_bytes, 0)
        return True

    def yield_room(self) -> None:
        """Let files go while the disk is shorter of room than it may be, whoever fills it."""
        with contextlib.suppress(OSError):
            while self._room.lacking() and self.let_go():
                pass

    def give_back(self, held_bytes: int) -> None:
        """A file is closed; in whichever thread its last reader was."""
        self._count(-held_bytes, -1)

    def _count(self, more_bytes: int, more_files: int) -> None:
        with self._lock:
            self._bytes += more_bytes
            self._files += more_files


class SpoolFile(SealedTemporary):
    """One body. It is closed with the last reference to it."""

    __slots__ = ("_counted", "_is_closed", "_spool")

    def __init__(self, spool: Spool, descriptor: int, permit: Permit) -> None:
        super().__init__(descriptor, permit, tenant=spool.tenant, region=spool.region)
        self._spool = spool
        self._counted = 0
        self._is_closed = False

    async def append(self, plain: bytes) -> bool:
        """Take in what follows. False when there is no room or the disk fails: what is readable stays so, the rest is not."""
        if not self._spool.take(len(plain)):
            return False
        self._counted += len(plain)
        try:
            await asyncio.to_thread(self.write, plain)
        except OSError:
            return False
        return True

    async def finish(self) -> bool:
        """Seal the last chunk. False: as `append`."""
        try:
            await asyncio.to_thread(self.end)
        except OSError:
            return False
        return True

    def close(self) -> None:
        super().close()
        if not self._is_closed:
            self._is_closed = True
            self._spool.give_back(self._counted)
