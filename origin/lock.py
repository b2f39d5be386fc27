"""One origin process per DATA: an advisory lock that the kernel releases with the process, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domicile.service.settings import BadSetting, blamed


@contextmanager
def hold(data: Path) -> Iterator[None]:
    """Hold DATA/origin.lock. Raises BadSetting when another process does, or DATA is no directory of ours."""
    with blamed("origin.records.data", data, "a directory that can be made and written to"):
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(data / "origin.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            raise BadSetting(f"origin.records.data: {str(data)!r} is in use by another origin process") from held
        yield
    finally:
        os.close(handle)
