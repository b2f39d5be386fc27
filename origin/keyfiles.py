"""Files of the keyring: written durably, destroyed as well as a file system lets one.

Keys are not personal data and never leave their directory, so these writers need no permit; nothing else may use them.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from domicile.service.settings import BadSetting

_PRIVATE_DIRECTORY = 0o700
_PRIVATE_FILE = 0o600


def prepare_directory(keys: Path, data: Path) -> None:
    """Create the directory (0700). Raises BadSetting when it lies inside `data` or others may enter it."""
    resolved, inside = keys.resolve(), data.resolve()
    if resolved == inside or inside in resolved.parents:
        raise BadSetting(f"origin.records.keys: {str(keys)!r} lies inside the data directory; keys live elsewhere")
    keys.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
    mode = stat.S_IMODE(keys.stat().st_mode)
    if mode & 0o077:
        raise BadSetting(f"origin.records.keys: {str(keys)!r} has mode {mode:04o}; allowed: 0700")


def write_durably(path: Path, content: bytes) -> None:
    """Replace `path` atomically; on return it survives a power cut."""
    temporary = path.with_name(path.name + ".tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _PRIVATE_FILE)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    finally:
        os.close(handle)
    temporary.replace(path)
    sync_directory(path.parent)


def destroy(path: Path) -> None:
    """Overwrite with random bytes, sync, unlink, sync. A missing file is fine (a crash came after the unlink)."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.pwrite(handle, os.urandom(os.fstat(handle).st_size), 0)
        os.fsync(handle)
    finally:
        os.close(handle)
    path.unlink()
    sync_directory(path.parent)


def remove(path: Path) -> None:
    """Unlink what is no secret, durably; at no step is it there and unreadable. A missing file is fine."""
    path.unlink(missing_ok=True)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
