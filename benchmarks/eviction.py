"""Hit ratio of the cache's own eviction, in simulation: the real `edge.store.fifo` against FIFO and LRU, weighted by bytes.

No process is started and no clock is read: the same seed, the same figures on every machine. Requests are drawn from a Zipf
distribution (popularity of rank k ~ 1/k^a) over objects of log-normal size, around 30 KB in the mean; some traces mix in
names that are asked for once and never again, as sizes made up by a script or a crawler are, and one lets popularity drift.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from edge.store.fifo import WeightedFifo
from edge.store.room import LOW_WATER_SHARE

SEED = 20_26
REQUESTS = 400_000
OBJECTS = 60_000
SIZE_LOG_MEAN = 9.8
SIZE_LOG_SIGMA = 1.0
RAM_SHARE = 0.05
"""RAM of the two-tier simulation, as a part of its disk."""
SHIFT_EVERY = 2000
"""Requests after which the drifting trace moves every popularity on by one object in a hundred."""


class Policy(Protocol):
    """One cache. `ask` says whether it was a hit, and takes the object in when it was not."""

    @property
    def written(self) -> int:
        """Bytes taken in."""
        ...

    @property
    def bytes_max(self) -> int:
        """What is larger is not asked for here: no cache keeps it."""
        ...

    def ask(self, key: str, size: int) -> bool: ...


class Fifo:
    def __init__(self, bytes_max: int, *, is_lru: bool = False) -> None:
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self.bytes_max = self._left = bytes_max
        self._is_lru = is_lru
        self.written = 0

    def ask(self, key: str, size: int) -> bool:
        if key in self._sizes:
            if self._is_lru:
                self._sizes.move_to_end(key)
            return True
        self._sizes[key] = size
        self._left -= size
        self.written += size
        while self._left < 0:
            self._left += self._sizes.popitem(last=False)[1]
        return False


class S3Fifo:
    """As the RAM tier uses the core: everything is taken in."""

    def __init__(self, bytes_max: int) -> None:
        self.core: WeightedFifo[int] = WeightedFifo(bytes_max)
        self.bytes_max = bytes_max
        self.written = 0

    def ask(self, key: str, size: int) -> bool:
        if self.core.get(key) is not None:
            return True
        self.core.put(key, size, size)
        self.written += size
        return False


class Admitting(S3Fifo):
    """As the disk tier uses it: strangers wait outside once it is full, and it is emptied down to the low mark at a time."""

    def ask(self, key: str, size: int) -> bool:
        if self.core.get(key) is not None:
            return True
        self.take(key, size)
        return False

    def take(self, key: str, size: int) -> None:
        core = self.core
        low = int(core.cost_max * LOW_WATER_SHARE)
        if not core.admits(key, size, below=low):
            return
        if core.cost + size > core.cost_max:
            core.shed(core.cost + size - low)
        core.put(key, size, size)
        self.written += size


class TwoTiers:
    """RAM over disk, as a worker has them. A hit of either counts; what RAM finds worth keeping is a visit on disk,
    or a name that is let in when it comes."""

    def __init__(self, bytes_max: int) -> None:
        self.disk = Admitting(bytes_max)
        self.bytes_max = bytes_max
        self._ram: WeightedFifo[int] = WeightedFifo(int(bytes_max * RAM_SHARE), on_proven=self._proven)

    @property
    def written(self) -> int:
        return self.disk.written

    def ask(self, key: str, size: int) -> bool:
        if self._ram.get(key) is not None:
            return True
        hit = self.disk.ask(key, size)
        if size <= self._ram.cost_max:
            self._ram.put(key, size, size)
        return hit

    def _proven(self, key: str, size: int) -> None:
        if self.disk.core.get(key) is None:
            self.disk.core.ghosts.add(key, size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    name: str
    exponent: float
    once_share: float = 0.0
    """Of all requests, those for a name that is never asked for again."""
    drifts: bool = False


TRACES = (
    Trace(name="zipf 0.9", exponent=0.9),
    Trace(name="zipf 0.7", exponent=0.7),
    Trace(name="zipf 0.9, 40 % asked once", exponent=0.9, once_share=0.4),
    Trace(name="zipf 0.9, drifting", exponent=0.9, drifts=True),
)
CAPACITIES = (0.01, 0.1)
"""Bytes of the cache as a part of all objects'."""


def asked(trace: Trace, *, requests: int, objects: int) -> Iterator[tuple[str, int]]:
    """(name, bytes) one after the other."""
    chance = np.random.default_rng(SEED)
    weights = 1.0 / np.arange(1, objects + 1) ** trace.exponent
    ranks = chance.choice(objects, size=requests, p=weights / weights.sum())
    sizes = np.exp(chance.normal(SIZE_LOG_MEAN, SIZE_LOG_SIGMA, size=objects + requests)).astype(np.int64) + 1
    order = chance.permutation(objects)
    once = chance.random(requests) < trace.once_share
    for number in range(requests):
        shift = number // SHIFT_EVERY * (objects // 100) if trace.drifts else 0
        which = objects + number if once[number] else int(order[(ranks[number] + shift) % objects])
        yield f"object/{which}", int(sizes[which])


def footprint(objects: int) -> int:
    """Bytes of all objects that come more than once, in the mean."""
    return int(objects * np.exp(SIZE_LOG_MEAN + SIZE_LOG_SIGMA**2 / 2))


def measure(*, scale: float = 1.0) -> list[dict[str, Any]]:
    """A row for each trace, capacity and policy."""
    requests, objects = round(REQUESTS * scale), round(OBJECTS * scale)
    rows = []
    for trace in TRACES:
        stream = list(asked(trace, requests=requests, objects=objects))
        for share in CAPACITIES:
            bytes_max = int(footprint(objects) * share)
            policies: dict[str, Policy] = {
                "FIFO": Fifo(bytes_max),
                "LRU": Fifo(bytes_max, is_lru=True),
                "S3-FIFO (RAM)": S3Fifo(bytes_max),
                "S3-FIFO, strangers wait (disk)": Admitting(bytes_max),
                "both, RAM 5 %": TwoTiers(bytes_max),
            }
            rows += [row(trace, share, name, policy, stream) for name, policy in policies.items()]
    return rows


def row(trace: Trace, share: float, name: str, policy: Policy, stream: list[tuple[str, int]]) -> dict[str, Any]:
    hits = hit_bytes = 0
    for key, size in stream:
        if size <= policy.bytes_max and policy.ask(key, size):
            hits += 1
            hit_bytes += size
    total = sum(size for _, size in stream)
    return {
        "trace": trace.name,
        "capacity": f"{share:.0%}",
        "policy": name,
        "hit_percent": 100 * hits / len(stream),
        "byte_hit_percent": 100 * hit_bytes / total,
        "written_percent": 100 * policy.written / total,
    }
