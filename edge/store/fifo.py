"""Which object goes when room is needed: S3-FIFO, weighted by bytes.

    new ----> small (10 %) --- asked for again ---> main (90 %) <-+ asked for since: once more round, one visit less
                 |                                   |            |
                 +--- never asked for ---> ghost     +------------+---> out
    a name that the ghost remembers goes to main at once

One-hit wonders leave through the small queue without disturbing the main one, and a hit only counts a visit: no list is
re-linked. Source: Yang et al., SOSP 2023; simulation in the project's notes on edges (section 5.2).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

V = TypeVar("V")

SMALL_SHARE = 0.1
VISITS_MAX = 3
GHOSTS_MAX = 50_000
"""Hashes of names that left the small queue unseen."""


class _Entry(Generic[V]):
    __slots__ = ("cost", "value", "visits")

    def __init__(self, value: V, cost: int) -> None:
        self.value = value
        self.cost = cost
        self.visits = 0


class WeightedFifo(Generic[V]):
    """A map with a cost per entry that keeps the sum of costs within `cost_max`."""

    __slots__ = ("_ghosts", "_main", "_small", "_small_cost", "cost", "cost_max")

    def __init__(self, cost_max: int) -> None:
        self.cost_max = cost_max
        self.cost = 0
        self._small_cost = 0
        self._small: OrderedDict[str, _Entry[V]] = OrderedDict()
        self._main: OrderedDict[str, _Entry[V]] = OrderedDict()
        self._ghosts: OrderedDict[int, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._small) + len(self._main)

    def __contains__(self, key: str) -> bool:
        return key in self._main or key in self._small

    def __iter__(self) -> Iterator[str]:
        yield from self._main
        yield from self._small

    def get(self, key: str) -> V | None:
        """The value, counted as a visit."""
        entry = self._main.get(key) or self._small.get(key)
        if entry is None:
            return None
        if entry.visits < VISITS_MAX:
            entry.visits += 1
        return entry.value

    def peek(self, key: str) -> V | None:
        """The value, without a visit."""
        entry = self._main.get(key) or self._small.get(key)
        return None if entry is None else entry.value

    def put(self, key: str, value: V, cost: int) -> list[tuple[str, V]]:
        """Take a value in, replacing an older one; returns what had to go. A cost above `cost_max` is a mistake."""
        if cost > self.cost_max:
            raise ValueError("larger than the whole cache")
        self.pop(key)
        gone = self.make_room(cost)
        entry = _Entry(value, cost)
        ghost = hash(key)
        if ghost in self._ghosts:
            del self._ghosts[ghost]
            self._main[key] = entry
        else:
            self._small[key] = entry
            self._small_cost += cost
        self.cost += cost
        return gone

    def pop(self, key: str) -> V | None:
        """Take a value out, if it is there."""
        entry = self._main.pop(key, None)
        if entry is None:
            entry = self._small.pop(key, None)
            if entry is None:
                return None
            self._small_cost -= entry.cost
        self.cost -= entry.cost
        return entry.value

    def make_room(self, cost: int) -> list[tuple[str, V]]:
        """Let entries go until `cost` more would fit. Each round ends an entry or takes one visit from it."""
        gone: list[tuple[str, V]] = []
        while self.cost + cost > self.cost_max and (self._small or self._main):
            leaver = self._from_small() if self._small_is_full() else self._from_main()
            if leaver is not None:
                gone.append(leaver)
        return gone

    def clear(self) -> None:
        self._small.clear()
        self._main.clear()
        self._ghosts.clear()
        self.cost = self._small_cost = 0

    def _small_is_full(self) -> bool:
        return bool(self._small) and (not self._main or self._small_cost > self.cost_max * SMALL_SHARE)

    def _from_small(self) -> tuple[str, V] | None:
        key, entry = self._small.popitem(last=False)
        self._small_cost -= entry.cost
        if entry.visits:
            entry.visits = 0
            self._main[key] = entry
            return None
        self.cost -= entry.cost
        self._ghosts[hash(key)] = None
        if len(self._ghosts) > GHOSTS_MAX:
            self._ghosts.popitem(last=False)
        return key, entry.value

    def _from_main(self) -> tuple[str, V] | None:
        key, entry = self._main.popitem(last=False)
        if entry.visits:
            entry.visits -= 1
            self._main[key] = entry
            return None
        self.cost -= entry.cost
        return key, entry.value
