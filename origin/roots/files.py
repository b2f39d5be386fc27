"""Roots as files of the keyring: KEYS/root-<r>, 32 random bytes, overwritten before they are unlinked."""

from __future__ import annotations

import os
import re
from pathlib import Path

from domicile.media.keys import KEY_BYTES
from origin.keyfiles import destroy, write_durably
from origin.roots.port import RootGone, RootKind, SealingKey

_NAME = re.compile(r"root-\d+")


class FileRoots:
    """The file is the root: whoever can read it has it."""

    kind = RootKind.FILE

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def new_name(self, number: int) -> str:
        return f"root-{number}"

    def create(self, name: str) -> None:
        write_durably(self._directory / name, os.urandom(KEY_BYTES))

    def has(self, name: str) -> bool:
        return (self._directory / name).exists()

    def fresh_key(self, name: str) -> SealingKey:
        try:
            return SealingKey(key=(self._directory / name).read_bytes())
        except FileNotFoundError as lost:
            raise RootGone(f"{name} is gone") from lost

    def key_of(self, name: str, sealed: bytes) -> SealingKey:
        return self.fresh_key(name)

    def destroy(self, name: str, *, beside: str | None) -> None:
        destroy(self._directory / name)

    def live(self) -> frozenset[str]:
        found = (file for file in self._directory.iterdir() if _NAME.fullmatch(file.name))
        return frozenset(file.name for file in found if file.stat().st_size == KEY_BYTES)
