"""One asset, two edges that fill from each other, one origin: which copy may be believed by whom (decisions D.2).

Generations: bytes were read before the erase (0), and every source says how far it had applied the journal when it gave them.
An edge that has forgotten its record of the erase is still fenced against older sources by its floor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tests.model.explore import Step, Violated

LEASE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    floor: bool = True
    """Does a receiver refuse what its source had read before something that the receiver has forgotten?"""
    record: bool = True
    """Does it refuse what matches a record that it still has?"""
    peers_need_lease: bool = False
    through_b: bool = False
    """Does a read from b alone, as a child from its parent: after it has asked the origin for the name? The slip is a's then."""


class Edge(NamedTuple):
    lease: int = 0
    applied: bool = False
    record: bool = False
    floor: bool = False
    ram: bool = False
    fill: str = ""
    """Bytes under way: "0" or "1" is how far the source had come."""


class State(NamedTuple):
    erased: bool = False
    since: int = 0
    fenced: bool = False
    edges: tuple[Edge, Edge] = (Edge(), Edge())


def steps(rules: Rules) -> Callable[[State], Iterator[Step[State]]]:
    def moves(s: State) -> Iterator[Step[State]]:
        after = tuple(edge._replace(lease=max(edge.lease - 1, 0)) for edge in s.edges)
        yield "tick", s._replace(since=min(s.since + s.erased, LEASE), edges=(after[0], after[1]))
        if not s.erased:
            yield "erase", s._replace(erased=True)
        elif not s.fenced and all(edge.applied or not edge.lease for edge in s.edges):
            yield "fenced", s._replace(fenced=True)
        for at in (0, 1):
            for name, edge in _of(s, at, rules):
                edges = (edge, s.edges[1]) if at == 0 else (s.edges[0], edge)
                yield f"{'ab'[at]}: {name}", s._replace(edges=edges)

    return moves


def _of(s: State, at: int, rules: Rules) -> Iterator[Step[Edge]]:
    edge, other = s.edges[at], s.edges[1 - at]
    own = Rules() if at and rules.through_b else rules
    if edge.lease < LEASE and (edge.applied or not s.erased):
        yield "take a lease", edge._replace(lease=LEASE)
    if s.erased and not edge.applied:
        yield "apply the entry", edge._replace(applied=True, record=True, ram=False)
    if edge.record:
        yield "forget the record", edge._replace(record=False, floor=True)
    if not edge.fill and not edge.ram:
        if not s.erased and (at or not rules.through_b):
            yield "read from the origin", edge._replace(fill="0")
        may_ask = not rules.through_b or not (at or s.erased)
        if may_ask and other.ram and (other.lease or not rules.peers_need_lease):
            yield "read from the other", edge._replace(fill=str(int(other.applied)))
    if edge.fill:
        is_old = edge.fill == "0"
        refuses = (own.record and edge.record) or (own.floor and edge.floor and is_old)
        yield ("drop it" if refuses else "insert it"), edge._replace(fill="", ram=not refuses)
    if edge.lease and edge.ram and not (own.record and edge.record) and s.fenced:
        raise Violated(f"{'ab'[at]} serves: bytes after fenced")
