"""Files without a name, for bodies that are too large for memory while they pass an edge or come to an origin: sealed pieces,
and nothing after the process ends.

A file has its name only between two system calls, while it is empty; whatever a killed process leaves of that is taken over
by the next file of its worker. Synchronous: callers run what may take long in a thread.
"""

from __future__ import annotations

import os
from pathlib import Path

from domicile.media.policy import Activity, Permit

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700


def create(permit: Permit, tenant: str, directory: Path, *, slot: int) -> int:
    """The descriptor of an empty file, for reading and writing. `permit`: CACHE or STORE for this tenant. Raises OSError."""
    permit.require(Activity.STORE if permit.activity is Activity.STORE else Activity.CACHE, tenant)
    directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    path = directory / f"{slot}.spool"
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        path.unlink()
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def write(permit: Permit, tenant: str, descriptor: int, sealed: bytes, *, offset: int) -> None:
    """All of a sealed piece, at its place. Raises OSError; how much of it was written is then not known."""
    permit.require(Activity.STORE if permit.activity is Activity.STORE else Activity.CACHE, tenant)
    view = memoryview(sealed)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
