"""Room on the disk that is kept for the journal: a file of RESERVE_BYTES beside `node.db`, given up when the disk is full.

A node that cannot write an entry down may not hand it to its workers (E6), and one that falls behind its journal ends up
serving nothing. So the journal comes before the cache: when the disk takes no more, first the reserve goes, then cached
files, and the cache itself stays away from the last bytes (`edge.store.room`). The reserve is made again when there is
room. Source: decisions D.5. Synchronous: `nodedb` calls it in its own thread.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import structlog

from edge.store.room import free_bytes_of

FILE = "node.reserve"
RESERVE_BYTES = 8 * 1024 * 1024
"""Enough for the largest answer of the feed (`wire.BODY_BYTES_MAX`), in SQLite's log and once more in its tables."""
SPARE_BYTES = 2 * 1024 * 1024
"""What must be free beside it before the reserve is made again, so that it is not given up at the next write."""
LOOK_SECONDS = 5.0
CANDIDATES_MAX = 10_000
"""Cached files looked at when some must go at once."""

log = structlog.get_logger("edge.reserve")


class Reserve:
    """The reserve of one cache directory."""

    def __init__(self, directory: Path, *, free_bytes: Callable[[Path], int] = free_bytes_of) -> None:
        self._directory = directory
        self._file = directory / FILE
        self._free_bytes = free_bytes

    @property
    def held_bytes(self) -> int:
        """0 while it is given up."""
        try:
            return self._file.stat().st_size
        except OSError:
            return 0

    def keep(self) -> bool:
        """Make the reserve if it is missing and there is room for it. True when it is there."""
        if self.held_bytes >= RESERVE_BYTES:
            return True
        if self._free_bytes(self._directory) < RESERVE_BYTES + SPARE_BYTES:
            return False
        try:
            self._make()
        except OSError:
            self._file.unlink(missing_ok=True)
            return False
        return True

    def spend(self) -> bool:
        """Let go of something, so that the journal can be written: the reserve, or cached files. False: nothing is left."""
        if self.held_bytes:
            log.warning("journal_reserve_given_up")
            self._file.unlink(missing_ok=True)
            return True
        gone = self._drop_cached(RESERVE_BYTES)
        if gone:
            log.warning("cached_files_given_up", count=gone)
        return gone > 0

    async def run(self) -> None:
        """Make it again when there is room. Runs until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not self.held_bytes and await asyncio.to_thread(self.keep):
                log.info("journal_reserve_made")

    def _make(self) -> None:
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
        finally:
            os.close(descriptor)

    def _drop_cached(self, wanted_bytes: int) -> int:
        """Unlink cached files, oldest first; returns how many. Workers take a file that is gone for a miss."""
        found = itertools.islice(self._directory.glob("[0-9a-f][0-9a-f]/*"), CANDIDATES_MAX)
        aged: list[tuple[float, int, Path]] = []
        for file in found:
            try:
                status = file.stat()
            except OSError:
                continue
            aged.append((status.st_mtime, status.st_size, file))
        freed = gone = 0
        for _, size, file in sorted(aged):
            if freed >= wanted_bytes:
                break
            try:
                file.unlink()
            except OSError:
                continue
            freed, gone = freed + size, gone + 1
        return gone
