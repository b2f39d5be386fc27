"""Where an operator's export goes: originals in files of their own, and a line for each asset; nobody else may read them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from domicile.media.policy import Activity, Permit
from domicile.service.gate.account import Original

TEMPORARY_SUFFIX = ".part"


def write_original(permit: Permit, path: Path, original: Original) -> None:
    """Under its name when it is whole. `permit`: Activity.BACKUP. Raises OSError."""
    permit.require(Activity.BACKUP, permit.tenant)
    _make(path.parent)
    temporary = path.with_name(path.name + TEMPORARY_SUFFIX)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        shutil.copyfileobj(original.file, file)
        file.flush()
        os.fsync(handle)
    temporary.replace(path)


def append_line(permit: Permit, path: Path, line: str) -> None:
    """`permit`: Activity.BACKUP. Raises OSError."""
    permit.require(Activity.BACKUP, permit.tenant)
    _make(path.parent)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8") as file:
        file.write(line + "\n")


def _make(directory: Path) -> None:
    """With all around it that are not there, each for its owner alone: `parents` would leave these to everybody."""
    for one in (*reversed(directory.parents), directory):
        if not one.exists():
            one.mkdir(mode=0o700, exist_ok=True)
