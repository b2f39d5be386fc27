"""Names without objects: what was let go, or not let in, and would be welcome if it were asked for again.

Bounded twice: what the names' objects would weigh together, so that a name is remembered about as long as an object would
have stayed; and their number, because of the memory they take. Source: S3-FIFO's ghost queue (Yang et al., SOSP 2023).
"""

from __future__ import annotations

from collections import OrderedDict

GHOSTS_MAX = 50_000
"""Names. One takes some 150 bytes: a hash, a cost, their place in the order."""


class Ghosts:
    """The youngest names, by hash: two names of one hash are taken for each other, which costs a place at worst."""

    __slots__ = ("_costs", "_max", "cost", "cost_max")

    def __init__(self, cost_max: int, *, count_max: int = GHOSTS_MAX) -> None:
        self.cost_max = cost_max
        self.cost = 0
        self._max = count_max
        self._costs: OrderedDict[int, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._costs)

    def __contains__(self, key: str) -> bool:
        return hash(key) in self._costs

    def add(self, key: str, cost: int) -> None:
        """Remember a name as the youngest."""
        self.take(key)
        self._costs[hash(key)] = cost
        self.cost += cost
        while self.cost > self.cost_max or len(self._costs) > self._max:
            self.cost -= self._costs.popitem(last=False)[1]

    def take(self, key: str) -> bool:
        """Forget a name; was it known?"""
        cost = self._costs.pop(hash(key), None)
        if cost is None:
            return False
        self.cost -= cost
        return True

    def clear(self) -> None:
        self._costs.clear()
        self.cost = 0
