"""What is done to whom, and when: decided from a seed before anything runs.

Kinds are dealt from a shuffled deck, so that a short run meets each of them, too. Times are parts of the lease.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """Of an edge, unless its name says otherwise."""

    HOLD = "held up both ways"
    HOLD_UP = "held up towards the origin"
    HOLD_DOWN = "held up from the origin"
    RESET = "cut off"
    KILL_AGENT = "agent killed"
    KILL_WORKER = "worker killed"
    KILL_NODE = "node killed"
    STOP_AGENT = "agent stopped"
    STOP_WORKER = "worker stopped"
    STOP_NODE = "node stopped"
    KILL_ORIGIN = "origin killed"
    END_ORIGIN = "origin ended"
    STOP_ORIGIN = "origin stopped"
    FAIL_OVER = "database failed over"


PARTITIONS = (Kind.HOLD, Kind.HOLD_UP, Kind.HOLD_DOWN, Kind.RESET)
KILLS = (Kind.KILL_AGENT, Kind.KILL_WORKER, Kind.KILL_NODE, Kind.KILL_ORIGIN)
STOPS = (Kind.STOP_AGENT, Kind.STOP_WORKER, Kind.STOP_NODE, Kind.STOP_ORIGIN)
HANGS = frozenset({Kind.STOP_WORKER, Kind.HOLD_DOWN})
"""The edge keeps its lease as far as anybody knows, and cannot look for what was erased."""
_AT_ONCE = frozenset({Kind.KILL_AGENT, Kind.KILL_WORKER, Kind.KILL_NODE, Kind.FAIL_OVER})
EDGE_DECK = (
    *PARTITIONS,
    *PARTITIONS,
    Kind.KILL_AGENT,
    Kind.KILL_WORKER,
    Kind.STOP_AGENT,
    Kind.STOP_WORKER,
    Kind.STOP_NODE,
)
ORIGIN_DECK = (Kind.KILL_ORIGIN, Kind.STOP_ORIGIN, Kind.END_ORIGIN)
DATABASE_DECK = (Kind.FAIL_OVER,)

EDGE_LENGTH, EDGE_PAUSE = (0.2, 1.5), (0.1, 0.8)
"""Between these many leases; some partitions outlast a lease, and some pauses are too short to recover in."""
ORIGIN_LENGTH, ORIGIN_PAUSE = (0.1, 1.2), (1.0, 2.5)
DATABASE_PAUSE = (2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Event:
    kind: Kind
    pause: float
    """Seconds since the end of the one before."""
    seconds: float
    """How long it lasts."""
    pick: int = 0
    """Which worker, where it is about one."""


Lane = tuple[Event, ...]
"""One after the other; lanes know nothing of each other."""


@dataclass(slots=True)
class _Deck:
    chance: random.Random
    kinds: tuple[Kind, ...]
    _left: list[Kind] = field(default_factory=list)

    def draw(self) -> Kind:
        if not self._left:
            self._left = self.chance.sample(self.kinds, len(self.kinds))
        return self._left.pop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How much of what."""

    seconds: float
    lease_seconds: float
    edges: int
    partitions_min: int
    is_on_server: bool = False
    kills_nodes: bool = False


def plan(seed: int, wanted: Wanted) -> Mapping[str, Lane]:
    """Lanes by name: `edge 0` and so on, `origin`, `database`. No edge's lane is over before `seconds`."""
    chance, lease = random.Random(f"{seed}/plan"), wanted.lease_seconds
    edges: list[list[Event]] = [[] for _ in range(wanted.edges)]
    ends = [0.0] * wanted.edges
    deck = _Deck(chance, (*EDGE_DECK, Kind.KILL_NODE) if wanted.kills_nodes else EDGE_DECK)
    while min(ends) < wanted.seconds or counted(edges, PARTITIONS) < wanted.partitions_min:
        number = ends.index(min(ends))
        event = _event(chance, deck, lease, EDGE_PAUSE, EDGE_LENGTH)
        edges[number].append(event)
        ends[number] += event.pause + event.seconds
    lanes = {f"edge {number}": tuple(lane) for number, lane in enumerate(edges)}
    lanes["origin"] = _lane(chance, _Deck(chance, ORIGIN_DECK), max(ends), lease, ORIGIN_PAUSE)
    if wanted.is_on_server:
        lanes["database"] = _lane(chance, _Deck(chance, DATABASE_DECK), max(ends), lease, DATABASE_PAUSE)
    return lanes


def counted(lanes: Iterable[Iterable[Event]], kinds: Iterable[Kind]) -> int:
    among = set(kinds)
    return sum(event.kind in among for lane in lanes for event in lane)


def told(done: Counter[Kind]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(done.items()))


def _lane(chance: random.Random, deck: _Deck, seconds: float, lease: float, pauses: tuple[float, float]) -> Lane:
    """At least one."""
    lane: list[Event] = []
    while not lane or sum(event.pause + event.seconds for event in lane) < seconds:
        lane.append(_event(chance, deck, lease, pauses, ORIGIN_LENGTH))
    return tuple(lane)


def _event(
    chance: random.Random, deck: _Deck, lease: float, pauses: tuple[float, float], lengths: tuple[float, float]
) -> Event:
    kind = deck.draw()
    seconds = 0.0 if kind in _AT_ONCE else lease * chance.uniform(*lengths)
    return Event(kind, lease * chance.uniform(*pauses), seconds, chance.randrange(2))
