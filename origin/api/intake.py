"""A file as it arrives: in memory while it is small, sealed on the disk from then on, gone when its call is over.

How much of it is taken depends on who sends it and as what: before anything proves who calls, no more than a picture has.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from origin.api.budget import Account
from origin.records import Body, Held, Spool, SpoolFile

HELD_BYTES_MAX = 4 * 1024 * 1024
"""Of one file in memory; what is larger goes to the disk."""
WRITTEN_AT_ONCE_BYTES = 1024 * 1024

STRANGERS_SHARE = 2
"""Files of those who have not proved who they are take no more than half of their cloud's room."""


@dataclass(slots=True)
class Intake:
    """One file. `write` what comes, then `end`."""

    spool: Spool
    cloud: str
    account: Account
    share: int = 1
    body_bytes: int = 0
    """So far."""
    _waiting: bytearray = field(default_factory=bytearray, repr=False)
    _file: SpoolFile | None = None

    async def write(self, piece: bytes) -> None:
        """Raises Overloaded, OutsideRegion, AssetNotFound (no such cloud), UpstreamUnavailable."""
        self.body_bytes += len(piece)
        if self._file is None:
            self.account.take(len(piece))
        self._waiting += piece
        if len(self._waiting) >= (HELD_BYTES_MAX if self._file is None else WRITTEN_AT_ONCE_BYTES):
            await self._to_disk()

    async def end(self) -> Body:
        """Raises as `write`."""
        if self._file is None:
            return Held(bytes(self._waiting))
        if self._waiting:
            await self._to_disk()
        await self._file.finish()
        return self._file

    async def _to_disk(self) -> None:
        if self._file is None:
            self._file = self.spool.begin(self.cloud, share=self.share)
        waiting, self._waiting = self._waiting, bytearray()
        await self._file.append(waiting)

    def close(self) -> None:
        """Nothing of it stays."""
        if self._file is not None:
            self._file.close()


@contextmanager
def intake(spool: Spool, cloud: str, account: Account, *, share: int = 1) -> Iterator[Intake]:
    one = Intake(spool, cloud, account, share)
    try:
        yield one
    finally:
        one.close()
