"""Deleting files of the disk tier, at once or beside the loop. What is on its way out is in `leaving`.

A worker that stands still for a second is killed, so more than a few files are deleted by a thread, some at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from edge.metrics import Count
from edge.store.files import Files

SWEPT_AT_ONCE = 512
"""Files that a thread deletes between two turns of the loop."""


class Removal:
    """Deletes, and counts what the disk does not let go of."""

    def __init__(self, files: Files, count: Callable[[Count], None]) -> None:
        self._files = files
        self._count = count
        self.leaving: set[str] = set()
        """Files that a thread is deleting: nothing may be published under their names meanwhile."""

    def now(self, file_names: Iterable[str]) -> None:
        self._note(self._files.unlink(file_names))

    async def away(self, file_names: list[str]) -> None:
        """Delete without standing still."""
        self.leaving.update(file_names)
        try:
            for start in range(0, len(file_names), SWEPT_AT_ONCE):
                batch = file_names[start : start + SWEPT_AT_ONCE]
                self._note(await asyncio.to_thread(self._files.unlink, batch))
        finally:
            self.leaving.difference_update(file_names)

    async def leftovers(self, paths: list[Path]) -> None:
        """Delete unfinished files of processes that are gone."""
        self._note(await asyncio.to_thread(self._files.unlink_paths, paths))

    def _note(self, failures: int) -> None:
        for _ in range(failures):
            self._count(Count.DISK_FAILURES)
