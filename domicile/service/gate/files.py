"""The gate to local files: sealed personal bytes go to disk, and come back, only with a permit.

Synchronous; callers on an event loop use `asyncio.to_thread`. Whole files are written through a temporary name in the
same directory, synced, renamed, and the directory synced: a reader sees the old file, the new one, or none.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import threading
from pathlib import Path

from domicile.media.policy import Activity, Permit

TEMPORARY_SUFFIX = ".tmp"
"""Files with this ending are leftovers of a crash; whoever owns a directory removes them at start."""


def begin_whole(permit: Permit, tenant: str, path: Path, *, within: Path) -> WholeFile:
    """A sealed file to be written in pieces, in a directory below `within` that need not exist yet.

    `permit`: Activity.STORE for this tenant. Does nothing on the disk yet.
    """
    permit.require(Activity.STORE, tenant)
    return WholeFile(path, within)


class WholeFile:
    """`write` each piece, then `finish`; `abandon` in any case, which is nothing once it is finished.

    It is under its name, durably, when `finish` returns; nothing of it is there after `abandon`. Calls may come from different
    threads, and `abandon` while another one still runs: it waits for that, and what is called later raises OSError.
    """

    __slots__ = ("_descriptor", "_is_over", "_lock", "_path", "_temporary", "_within")

    def __init__(self, path: Path, within: Path) -> None:
        self._path = path
        self._within = within
        self._temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
        self._descriptor = -1
        self._is_over = False
        self._lock = threading.Lock()

    def write(self, piece: bytes) -> None:
        """Raises OSError."""
        with self._lock:
            self._begin()
            view = memoryview(piece)
            while view:
                view = view[os.write(self._descriptor, view) :]

    def finish(self) -> None:
        """Raises OSError."""
        with self._lock:
            self._begin()
            os.fsync(self._descriptor)
            self._close()
            self._temporary.replace(self._path)
            self._is_over = True
        for directory in self._path.parents:
            _sync(directory)  # each may be new, made by us or by a writer who has not synced it yet
            if directory == self._within:
                return

    def abandon(self) -> None:
        """Never raises: it follows on an error, which is the one to tell."""
        with self._lock, contextlib.suppress(OSError):
            if not self._is_over:
                self._is_over = True
                self._close()
                self._temporary.unlink(missing_ok=True)

    def _begin(self) -> None:
        if self._is_over:
            raise OSError(errno.EBADF, "closed")
        if self._descriptor < 0:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            self._descriptor = os.open(self._temporary, flags, 0o600)

    def _close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


def open_for_reading(permit: Permit, tenant: str, path: Path) -> int:
    """A read-only file descriptor; the caller closes it. `permit`: STORE or TRANSFORM for this tenant."""
    permit.require(Activity.TRANSFORM if permit.activity is Activity.TRANSFORM else Activity.STORE, tenant)
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)


def remove(path: Path) -> bool:
    """Unlink durably; False when there was nothing. Needs no permit: forgetting is always allowed."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    _sync(path.parent)
    return True


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
