"""The files of the disk tier, as far as one worker minds them: where they are, which of them are whose. Synchronous.

A finished file is `<2 hex>/<40 hex>`, and its slot is `rendezvous.owner_of` the name. One in the making, or what a killed
process left of it, is `<2 hex>/<40 hex>.<slot>.<run, chance>.tmp`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from domicile.service.gate import cache_files
from edge.rendezvous import owner_of

FILES_MAX = 100_000
"""Entries of one directory that are looked at; there are 256 of them."""

DIRECTORIES = tuple(f"{number:02x}" for number in range(256))

_FILE_NAME = re.compile(r"[0-9a-f]{40}")


@dataclass(slots=True)
class Listed:
    """What one directory holds for this worker."""

    finished: dict[str, float] = field(default_factory=dict)
    """Own finished files and when they were written, in seconds of the wall clock."""
    leftovers: list[Path] = field(default_factory=list)
    """Unfinished files of processes that are gone."""


class Files:
    """One worker's view of the node's cache directory."""

    def __init__(self, directory: Path, *, slot: int, workers: int) -> None:
        self.directory = directory
        self.maker = cache_files.new_maker(slot)
        self._workers = workers

    def path_of(self, file_name: str) -> Path:
        return self.directory / file_name[:2] / file_name

    def unlink(self, file_names: Iterable[str]) -> int:
        """Delete finished files; returns how many could not be deleted."""
        return self.unlink_paths(map(self.path_of, file_names))

    def unlink_paths(self, paths: Iterable[Path]) -> int:
        failures = 0
        for path in paths:
            try:
                path.unlink(missing_ok=True)
            except OSError:
                failures += 1
        return failures

    def present(self, file_names: Iterable[str]) -> set[str]:
        """Those that are there. Raises OSError when the disk does not say."""
        found = set()
        for name in file_names:
            try:
                self.path_of(name).stat()
            except FileNotFoundError:
                continue
            found.add(name)
        return found

    def list(self, directory: str) -> Listed:
        """One of DIRECTORIES. Raises OSError."""
        listed = Listed()
        try:
            entries = os.scandir(self.directory / directory)
        except FileNotFoundError:
            return listed
        with entries:
            for _, entry in zip(range(FILES_MAX), entries, strict=False):
                if self._is_leftover(entry.name):
                    listed.leftovers.append(Path(entry.path))
                elif self.is_own(entry.name):
                    try:
                        listed.finished[entry.name] = entry.stat(follow_symlinks=False).st_mtime
                    except FileNotFoundError:
                        continue
        return listed

    def probe(self) -> None:
        """Try to write. Raises OSError."""
        cache_files.probe(self.directory, self.maker)

    def is_own(self, name: str) -> bool:
        """Is it a finished file that falls to this worker?"""
        return bool(_FILE_NAME.fullmatch(name)) and owner_of(name, range(self._workers)) == self.maker.slot

    def _is_leftover(self, name: str) -> bool:
        maker, me = cache_files.maker_of_temporary(name), self.maker
        if maker is None:
            return False
        is_mine = maker.slot == me.slot and maker.run != me.run
        return is_mine or (maker.slot >= self._workers and me.slot == 0)
