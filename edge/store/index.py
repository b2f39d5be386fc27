"""What one worker knows of its own files: which there are, what they weigh, what a purge finds them by. No I/O.

Rules of the file: every name that leaves the index is in `gone` until the agent has heard of it, so that its row and key go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from edge.store.fifo import WeightedFifo
from edge.store.port import Judged, tags_of
from edge.store.room import Going
from edge.store.written import Kept
from edge.tagged import Tagged

FILE_OVERHEAD_BYTES = 4096
"""Counted per file beside its bytes: a directory entry, an inode, the unused end of the last block."""


def cost_of(body_bytes: int) -> int:
    """What a file weighs."""
    return body_bytes + FILE_OVERHEAD_BYTES


class Index:
    """Own files by name."""

    __slots__ = ("_files", "_tags", "gone")

    def __init__(self, bytes_max: int) -> None:
        self._files: WeightedFifo[Kept] = WeightedFifo(max(1, bytes_max))
        self._tags: Tagged[str] = Tagged()
        self.gone: set[str] = set()
        """Names whose rows the agent may forget."""

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, file_name: str) -> bool:
        return file_name in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    @property
    def bytes_used(self) -> int:
        return self._files.cost

    def takes(self, body_bytes: int) -> bool:
        """Would it fit into the whole share?"""
        return cost_of(body_bytes) <= self._files.cost_max

    def admits(self, file_name: str, body_bytes: int, *, below: int) -> bool:
        """Is it worth a place? `below`: what the share may hold before strangers wait outside."""
        return self._files.admits(file_name, cost_of(body_bytes), below=below)

    def visit(self, file_name: str) -> bool:
        """Count a visit; False when there is no such file."""
        return self._files.get(file_name) is not None

    def remember(self, file_name: str, body_bytes: int) -> None:
        """One that is not here and is asked for again elsewhere: it is let in when it comes."""
        if file_name not in self._files:
            self._files.ghosts.add(file_name, cost_of(body_bytes))

    def peek(self, file_name: str) -> Kept | None:
        return self._files.peek(file_name)

    def enlist(self, file_name: str, kept: Kept, body_bytes: int, *, survived: bool = False) -> list[str]:
        """Take a file in; returns the names of those that had to go. `survived`: it was there before a restart."""
        old = self._files.peek(file_name)
        if old is not None:
            self._tags.discard(file_name, tags_of(old))
        self.gone.discard(file_name)
        take = self._files.restore if survived else self._files.put
        evicted = take(file_name, kept, min(cost_of(body_bytes), self._files.cost_max))
        self._tags.add(file_name, tags_of(kept))
        return self._left(evicted)

    def forget(self, file_name: str, *, is_welcome: bool = False) -> None:
        """It is gone. `is_welcome`: not for want of use, so that what comes in its place is let in."""
        kept = self._files.peek(file_name)
        if kept is not None:
            take_out = self._files.expel if is_welcome else self._files.pop
            take_out(file_name)
            self._tags.discard(file_name, tags_of(kept))
        self.gone.add(file_name)

    def tagged(self, tags: Iterable[str]) -> set[str]:
        return self._tags.names(tags)

    def forget_stale(self, names: Iterable[str], is_fresh: Callable[[Judged], bool]) -> list[str]:
        """Forget those of the names that are not fresh; returns them."""
        stale = [name for name in names if (kept := self._files.peek(name)) is not None and not is_fresh(kept)]
        for name in stale:
            self.forget(name, is_welcome=True)
        return stale

    def shed(self, going: Going) -> list[str]:
        """Let so many go; returns their names."""
        return self._left(self._files.shed(going.freed_bytes, going.files))

    def _left(self, evicted: Iterable[tuple[str, Kept]]) -> list[str]:
        names = []
        for file_name, kept in evicted:
            self._tags.discard(file_name, tags_of(kept))
            self.gone.add(file_name)
            names.append(file_name)
        return names
