"""Which edges are known: by what names viewers reach them, learned when they ask for a lease. In memory only."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

NODES_MAX = 10_000
AUTHORITIES_MAX = 64
SILENT_SECONDS_MAX = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One edge node, as its last lease request described it."""

    node: str
    region: str
    authorities: frozenset[str]
    seen_at: float


@dataclass(slots=True)
class Nodes:
    """The nodes that were heard of lately; the longest silent one goes when there are too many."""

    known: OrderedDict[str, Node] = field(default_factory=OrderedDict)

    def heard(self, node: Node) -> None:
        self.known[node.node] = node
        self.known.move_to_end(node.node)
        while len(self.known) > NODES_MAX:
            self.known.popitem(last=False)

    def find(self, node: str) -> Node | None:
        return self.known.get(node)

    def alive(self, *, now: float) -> int:
        return sum(1 for node in self.known.values() if node.seen_at > now - SILENT_SECONDS_MAX)
