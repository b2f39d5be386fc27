"""How full the file system of the cache may become: below a number of free bytes nothing is kept, and objects go.

The journal of the node is on the same disk and comes first (`edge.reserve`); and a disk that is full stops more than a
cache. Who else writes there is not known, so the kernel is asked each time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def free_bytes_of(directory: Path) -> int:
    """Bytes that a process without privileges may still write there."""
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize


class Room:
    """The free space that is left alone."""

    def __init__(
        self, directory: Path, *, free_bytes_min: int, free_bytes: Callable[[Path], int] = free_bytes_of
    ) -> None:
        self._directory = directory
        self._free_bytes_min = free_bytes_min
        self._free_bytes = free_bytes

    def lacking(self, wanted_bytes: int = 0) -> int:
        """Bytes that must go before `wanted_bytes` may be written; 0 when they may. Raises OSError."""
        return max(0, self._free_bytes_min + wanted_bytes - self._free_bytes(self._directory))
