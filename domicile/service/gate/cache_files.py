"""The edge's disk tier, as far as bytes are written: a temporary file first, then its final name in one step.

No fsync: a cached object may be lost at a power cut, and a torn one fails its seal. A name is either absent or whole.
Every function that writes what it is given takes a permit to cache. Synchronous: callers run what may take long in a thread.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from domicile.media.policy import Activity, Permit

TEMPORARY_SUFFIX = ".tmp"
FILE_MODE = 0o600
DIRECTORY_MODE = 0o700
RUN_CHARACTERS = 8
PROBE_BYTES = 64 * 1024
_PROBE = "0" * 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Whose unfinished file it is: a worker's slot, and one run of it, so that those of a killed one are told apart."""

    slot: int
    run: str
    """RUN_CHARACTERS hex digits."""


def new_maker(slot: int) -> Maker:
    return Maker(slot=slot, run=secrets.token_hex(RUN_CHARACTERS // 2))


def write_temporary(permit: Permit, tenant: str, final: Path, *, maker: Maker, sealed: Iterable[bytes]) -> Path:
    """Write sealed pieces beside `final` and return where. Raises OSError, and leaves nothing behind then."""
    permit.require(Activity.CACHE, tenant)
    return _written(final, maker, sealed)


def publish(permit: Permit, tenant: str, temporary: Path, final: Path) -> None:
    """Give a finished file its name, in place of an older one. Raises OSError."""
    permit.require(Activity.CACHE, tenant)
    temporary.replace(final)


def probe(directory: Path, maker: Maker) -> None:
    """Write PROBE_BYTES of zeros as an object is written, see them on the disk, and delete them. Raises OSError."""
    made = _written(directory / _PROBE[:2] / _PROBE, maker, (bytes(PROBE_BYTES),), sync=True)
    made.unlink()


def maker_of_temporary(name: str) -> Maker | None:
    """Who made this unfinished file; None for any other file."""
    parts = name.split(".")
    if len(parts) != 4 or "." + parts[3] != TEMPORARY_SUFFIX or not parts[1].isdecimal():
        return None
    return Maker(slot=int(parts[1]), run=parts[2][:RUN_CHARACTERS])


def _written(final: Path, maker: Maker, pieces: Iterable[bytes], *, sync: bool = False) -> Path:
    temporary = final.with_name(f"{final.name}.{maker.slot}.{maker.run}{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
    try:
        descriptor = _created(temporary)
    except FileNotFoundError:  # the first one of its directory
        final.parent.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        descriptor = _created(temporary)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - the descriptor carries mode and O_EXCL
            file.writelines(pieces)
            if sync:
                file.flush()
                os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _created(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
