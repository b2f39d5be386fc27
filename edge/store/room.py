"""How full the disk tier may become: by its own share, and by what the file system must keep free for others.

The journal of the node is on the same disk and comes first (`edge.reserve`); and a disk that is full stops more than a
cache. Who else writes there is not known, so the kernel is asked each time. Inodes count as bytes do: many small files
use up a file system that has bytes to spare.

    high water  the share: a file that would lead above it makes others go
    low water   so far down they go, so that it does not happen at every write; below it everybody is let in
    floor       free bytes and inodes of the file system that are left alone: below it files go, and nothing is stored
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LOW_WATER_SHARE = 0.95
"""Where nothing else is set."""

REFUSED_PART = 10
"""A disk that refuses a write gets this part of our files back, if that is less than down to the low mark."""

SPARE_FILES = 64
"""Files that go beyond those that must, when inodes are short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """What a process without privileges may still take of a file system."""

    free_bytes: int
    free_files: int | None
    """Inodes; None where they are not counted (btrfs, most network file systems)."""


def space_of(directory: Path) -> Space:
    """Ask the kernel. Raises OSError."""
    found = os.statvfs(directory)
    return Space(free_bytes=found.f_bavail * found.f_frsize, free_files=found.f_favail if found.f_files else None)


def free_bytes_of(directory: Path) -> int:
    """Bytes that a process without privileges may still write there. Raises OSError."""
    return space_of(directory).free_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """What has to leave: bytes (with FILE_OVERHEAD_BYTES for each file) and files. Both may be 0."""

    freed_bytes: int = 0
    files: int = 0

    def __bool__(self) -> bool:
        return self.freed_bytes > 0 or self.files > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """One worker's share of the disk."""

    high_bytes: int
    low_bytes: int

    @classmethod
    def of(cls, bytes_max: int, *, low_share: float = LOW_WATER_SHARE) -> Marks:
        return cls(high_bytes=max(1, bytes_max), low_bytes=int(bytes_max * low_share))

    def going(self, used_bytes: int, wanted_bytes: int, lacking: Going) -> Going:
        """What has to leave before `wanted_bytes` more are written. Once something must, it goes on to the low mark."""
        must = max(used_bytes + wanted_bytes - self.high_bytes, lacking.freed_bytes)
        files = lacking.files + SPARE_FILES if lacking.files else 0
        if must <= 0:
            return Going(files=files)
        return Going(freed_bytes=min(used_bytes, must + self.high_bytes - self.low_bytes), files=files)

    def refused(self, used_bytes: int) -> Going:
        """What goes when the disk says that it is full where it did not look so: a little, and again at each refusal."""
        return Going(freed_bytes=min(self.high_bytes - self.low_bytes, used_bytes // REFUSED_PART), files=1)


class Room:
    """The free space that is left alone."""

    def __init__(
        self,
        directory: Path,
        *,
        free_bytes_min: int,
        free_files_min: int = 0,
        space: Callable[[Path], Space] = space_of,
    ) -> None:
        self._directory = directory
        self._free_bytes_min = free_bytes_min
        self._free_files_min = free_files_min
        self._space = space

    def lacking(self, wanted_bytes: int = 0) -> Going:
        """What must go before `wanted_bytes` may be written, as one more file unless it is 0. Raises OSError."""
        space = self._space(self._directory)
        lacking_bytes = self._free_bytes_min + wanted_bytes - space.free_bytes
        files_min = self._free_files_min + (wanted_bytes > 0)
        lacking_files = 0 if space.free_files is None else files_min - space.free_files
        return Going(freed_bytes=max(0, lacking_bytes), files=max(0, lacking_files))
