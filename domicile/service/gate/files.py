"""The gate to local files: sealed personal bytes go to disk, and come back, only with a permit.

Synchronous; callers on an event loop use `asyncio.to_thread`. Whole files are written through a temporary name in the
same directory, synced, renamed, and the directory synced: a reader sees the old file, the new one, or none.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from domicile.media.policy import Activity, Permit

TEMPORARY_SUFFIX = ".tmp"
"""Files with this ending are leftovers of a crash; whoever owns a directory removes them at start."""


def write_whole(permit: Permit, tenant: str, path: Path, content: bytes, *, within: Path) -> None:
    """Write a sealed file durably, in a directory below `within` that need not exist yet.

    `permit`: Activity.STORE for this tenant. Raises OSError; then nothing is there.
    """
    permit.require(Activity.STORE, tenant)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(path.name + TEMPORARY_SUFFIX)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(handle, view) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    for directory in path.parents:
        _sync(directory)  # each may be new, made by us or by a writer who has not synced it yet
        if directory == within:
            return


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
