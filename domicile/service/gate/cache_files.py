"""The edge's disk tier, as far as bytes are written: a temporary file first, then its final name in one step.

No fsync: a cached object may be lost at a power cut, and a torn one fails its seal. A name is either absent or whole.
Every function here takes a permit to cache. Synchronous: callers run what may take long in a thread.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from domicile.media.policy import Activity, Permit

TEMPORARY_SUFFIX = ".tmp"
FILE_MODE = 0o600
DIRECTORY_MODE = 0o700


def write_temporary(permit: Permit, tenant: str, final: Path, *, slot: int, sealed: Iterable[bytes]) -> Path:
    """Write sealed pieces beside `final` and return where. Raises OSError, and leaves nothing behind then."""
    permit.require(Activity.CACHE, tenant)
    final.parent.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
    temporary = final.with_name(f"{final.name}.{slot}.{secrets.token_hex(8)}{TEMPORARY_SUFFIX}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - the descriptor carries mode and O_EXCL
            file.writelines(sealed)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def publish(permit: Permit, tenant: str, temporary: Path, final: Path) -> None:
    """Give a finished file its name, in place of an older one. Raises OSError."""
    permit.require(Activity.CACHE, tenant)
    temporary.replace(final)


def slot_of_temporary(name: str) -> int | None:
    """The worker slot that this unfinished file belongs to; None for any other file."""
    parts = name.split(".")
    if len(parts) != 4 or "." + parts[3] != TEMPORARY_SUFFIX or not parts[1].isdecimal():
        return None
    return int(parts[1])
