"""How many archives are being made now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from domicile.media.errors import Overloaded


@dataclass(slots=True)
class ArchiveTurns:
    """Of this process."""

    archives_max: int
    running: int = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Raises Overloaded."""
        if self.running >= self.archives_max:
            raise Overloaded("Too many archives at once, try again")
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
