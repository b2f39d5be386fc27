"""The RAM tier: whole objects in the clear, bounded in bytes, dropped at purge, erase and lock (decisions E.5).

Rules of the file: synchronous, no clock, no fence of its own; `drop_stale` is told what is stale. Each worker process
has its own, with its share of the node's limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from edge.metrics import Count
from edge.store.fifo import Place, WeightedFifo
from edge.store.port import Stored, StoredHead, tags_of
from edge.tagged import Tagged

ENTRY_OVERHEAD_BYTES = 2600
"""What CPython and the allocator need for key, head, index and queue of one object, measured on CPython 3.11 and 3.13
(`tests/unit/edge/store/test_memory.py` measures again)."""

ALLOCATOR_SHARE = 16
"""One byte in so many is the allocator's: what it leaves unused between bodies that come and go."""


class MemoryStore:
    """Objects by cache key."""

    __slots__ = ("_count", "_objects", "_tags", "object_bytes_max")

    def __init__(
        self,
        *,
        bytes_max: int,
        object_bytes_max: int,
        count: Callable[[Count], None],
        on_proven: Callable[[str, Stored], None] | None = None,
    ) -> None:
        """`on_proven`: told of an object that was asked for again, and stays when others go."""
        self._count = count
        self._objects: WeightedFifo[Stored] = WeightedFifo(bytes_max, on_proven=on_proven)
        self._tags: Tagged[str] = Tagged()
        self.object_bytes_max = object_bytes_max

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[str]:
        return iter(self._objects)

    @property
    def bytes_used(self) -> int:
        """Bodies and the estimated overhead of everything around them."""
        return self._objects.cost

    def get(self, key: str) -> Stored | None:
        return self._objects.get(key)

    def place(self, key: str) -> Place[Stored] | None:
        """Where an object lies: empty as soon as it is not here any more."""
        return self._objects.place(key)

    def put(self, key: str, stored: Stored) -> bool:
        """Keep an object whose bytes are at hand; False when it is not of a kind or size that RAM takes."""
        if not isinstance(stored.body, bytes) or len(stored.body) > self.object_bytes_max:
            return False
        cost = len(stored.body) + len(stored.body) // ALLOCATOR_SHARE + len(key) + ENTRY_OVERHEAD_BYTES
        if cost > self._objects.cost_max:
            return False
        before = self._objects.peek(key)
        if before is not None:
            self._tags.discard(key, tags_of(before.head))
        for gone, old in self._objects.put(key, stored, cost):
            self._tags.discard(gone, tags_of(old.head))
            self._count(Count.EVICTED_MEMORY)
        self._tags.add(key, tags_of(stored.head))
        return True

    def drop(self, key: str) -> None:
        old = self._objects.pop(key)
        if old is not None:
            self._tags.discard(key, tags_of(old.head))

    def drop_stale(self, tags: Iterable[str], is_fresh: Callable[[StoredHead], bool]) -> int:
        """Drop what carries one of these aids, names or tenants and is not fresh any more; returns how many."""
        keys = self._tags.names(tags)
        stale = [key for key in keys if (it := self._objects.peek(key)) is not None and not is_fresh(it.head)]
        if len(stale) == len(self._objects):  # a purge of everything: one by one it would take a good part of a second
            self.clear()
        for key in stale:
            self.drop(key)
        return len(stale)

    def count_of(self, tags: Iterable[str]) -> int:
        """How many carry one of these."""
        return len(self._tags.names(tags))

    def clear(self) -> None:
        self._objects.clear()
        self._tags.clear()
