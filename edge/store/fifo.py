"""Which object goes when room is needed, and which is let in: S3-FIFO, weighted by bytes, the same for RAM and disk.

    new ----> small (10 %) --- asked for again ---> main (90 %) <-+ asked for since: once more round, one visit less
                 |                                   |            |
                 +--- never asked for ---> ghost     +------------+---> out
    a name that the ghost remembers goes to main at once

One-hit wonders leave through the small queue without disturbing the main one, and a hit only counts a visit: no list is
re-linked. Whoever pays for what is written asks `admits` first: while there is room everything is let in, after that only
what was asked for before, and a stranger's name goes to the ghost. Source: Yang et al., SOSP 2023, there also the ghost
queue as admission to flash; figures: `python -m benchmarks store`. No clock, no chance: the same calls, the same outcome.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from edge.store.ghosts import Ghosts

V = TypeVar("V")

SMALL_SHARE = 0.1
VISITS_MAX = 3


class Place(Generic[V]):
    """Where one value lies; empty once it has left the cache, and for good."""

    __slots__ = ("cost", "value", "visits")

    def __init__(self, value: V | None, cost: int) -> None:
        self.value = value
        self.cost = cost
        self.visits = 0

    @classmethod
    def empty(cls) -> Place[V]:
        return cls(None, 0)

    def visit(self) -> V | None:
        """The value, counted as a visit."""
        if self.visits < VISITS_MAX:
            self.visits += 1
        return self.value

    def leave(self) -> V:
        value, self.value = self.value, None
        assert value is not None, "it left before"
        return value


class WeightedFifo(Generic[V]):
    """A map with a cost per place that keeps the sum of costs within `cost_max`."""

    __slots__ = ("_main", "_on_proven", "_small", "_small_cost", "cost", "cost_max", "ghosts")

    def __init__(self, cost_max: int, *, on_proven: Callable[[str, V], None] | None = None) -> None:
        """`on_proven`: told of a value that was asked for while it was in the small queue, as it goes to the main one."""
        self.cost_max = cost_max
        self.cost = 0
        self.ghosts = Ghosts(cost_max)
        self._on_proven = on_proven
        self._small_cost = 0
        self._small: OrderedDict[str, Place[V]] = OrderedDict()
        self._main: OrderedDict[str, Place[V]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._small) + len(self._main)

    def __contains__(self, key: str) -> bool:
        return key in self._main or key in self._small

    def __iter__(self) -> Iterator[str]:
        yield from self._main
        yield from self._small

    def get(self, key: str) -> V | None:
        """The value, counted as a visit."""
        place = self.place(key)
        return None if place is None else place.visit()

    def peek(self, key: str) -> V | None:
        """The value, without a visit."""
        place = self.place(key)
        return None if place is None else place.value

    def place(self, key: str) -> Place[V] | None:
        """For who asks again and again, and must not hold the value itself."""
        return self._main.get(key) or self._small.get(key)

    def admits(self, key: str, cost: int, *, below: int) -> bool:
        """Is it worth its place? While costs stay within `below`, everything is; then what was asked for before.

        A stranger is remembered, so that it is let in when it comes again.
        """
        if self.cost + cost <= below or key in self or key in self.ghosts:
            return True
        self.ghosts.add(key, cost)
        return False

    def put(self, key: str, value: V, cost: int) -> list[tuple[str, V]]:
        """Take a value in, replacing an older one; returns what had to go. A cost above `cost_max` is a mistake."""
        was_proven = key in self._main
        gone = self._make_place(key, cost)
        if self.ghosts.take(key) or was_proven:
            self._main[key] = Place(value, cost)
        else:
            self._small[key] = Place(value, cost)
            self._small_cost += cost
        self.cost += cost
        return gone

    def restore(self, key: str, value: V, cost: int) -> list[tuple[str, V]]:
        """As `put`, for one that had its place before a restart: it has proved itself."""
        gone = self._make_place(key, cost)
        self._main[key] = Place(value, cost)
        self.cost += cost
        return gone

    def pop(self, key: str) -> V | None:
        """Take a value out, if it is there."""
        place = self._main.pop(key, None)
        if place is None:
            place = self._small.pop(key, None)
            if place is None:
                return None
            self._small_cost -= place.cost
        self.cost -= place.cost
        return place.leave()

    def expel(self, key: str) -> None:
        """Take a value out whose place is kept: when it comes again, it is let in."""
        place = self._main.get(key) or self._small.get(key)
        if place is not None:
            self.pop(key)
            self.ghosts.add(key, place.cost)

    def make_room(self, cost: int) -> list[tuple[str, V]]:
        """Let entries go until `cost` more would fit."""
        return self.shed(self.cost + cost - self.cost_max)

    def shed(self, cost: int, count: int = 0) -> list[tuple[str, V]]:
        """Let entries go until they have freed `cost` and are `count`. Each round ends one or takes one visit from it."""
        gone: list[tuple[str, V]] = []
        down_to = self.cost - cost
        while (self.cost > down_to or len(gone) < count) and (self._small or self._main):
            leaver = self._from_small() if self._small_is_full() else self._from_main()
            if leaver is not None:
                gone.append(leaver)
        return gone

    def clear(self) -> None:
        for places in (self._small, self._main):
            for place in places.values():
                place.value = None
            places.clear()
        self.ghosts.clear()
        self.cost = self._small_cost = 0

    def _make_place(self, key: str, cost: int) -> list[tuple[str, V]]:
        if cost > self.cost_max:
            raise ValueError("larger than the whole cache")
        self.pop(key)
        return self.make_room(cost)

    def _small_is_full(self) -> bool:
        return bool(self._small) and (not self._main or self._small_cost > self.cost_max * SMALL_SHARE)

    def _from_small(self) -> tuple[str, V] | None:
        key, place = self._small.popitem(last=False)
        self._small_cost -= place.cost
        if place.visits:
            place.visits = 0
            self._main[key] = place
            if self._on_proven is not None:
                assert place.value is not None
                self._on_proven(key, place.value)
            return None
        self.cost -= place.cost
        self.ghosts.add(key, place.cost)
        return key, place.leave()

    def _from_main(self) -> tuple[str, V] | None:
        key, place = self._main.popitem(last=False)
        if place.visits:
            place.visits -= 1
            self._main[key] = place
            return None
        self.cost -= place.cost
        return key, place.leave()
