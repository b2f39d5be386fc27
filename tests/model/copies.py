"""One edge whose machine is put back to a snapshot, or goes on twice from one, while it runs: who under its boot id is believed?

One asset that the edge has, and serves under a lease; one origin. A snapshot holds all of the machine: lease, nonce, what it had
applied. What goes on from it has a clock that stood still meanwhile, and nothing tells it so, unless the rules say that it hears.
A request that nobody waits for any more may still arrive. Nonces that somebody holds are numbered by their age; which others
there were makes no difference, so that there may be as many as there are requests.

What may be served after all is what a machine serves until it has had an answer since it was copied or put back (`told`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tests.model.explore import Step, Violated

LEASE = 1
WAIT = LEASE + 1
NEVER = -1
NOBODYS = 0
"""A nonce that nobody holds any more."""
NAMES = "ab"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    nonces: bool = True
    """Does a request show the nonce of the last answer? Without, none of the next three is there."""
    refuses_used: bool = True
    doubts: bool = True
    """Does no ack count for as long as a lease can last, when a nonce is shown again?"""
    in_acks: bool = True
    """Do acks show it as well?"""
    ends_former: bool = True
    """Does an answer say when the lease before ends, by the origin's clock?"""
    hears: bool = False
    """Does the machine hear from its hypervisor, or its wall clock, that it goes on from a snapshot?"""
    late: bool = False
    """May requests and acks arrive when nobody waits for them any more?"""
    window: bool = True
    """May a machine that has not had an answer since serve what it has?"""


class Request(NamedTuple):
    nonce: int
    applied: bool
    leased: bool


class Answer(NamedTuple):
    nonce: int
    """NEVER: refused."""
    head: bool
    former: int


class Machine(NamedTuple):
    lease: int = LEASE
    nonce: int = 1
    applied: bool = False
    told: bool = True
    is_anew: bool = False
    """It goes on under another id, as an edge that has just started: no lease, nothing that counts."""
    pending: int = NEVER
    """Age of a grant whose head it has not come to."""


class State(NamedTuple):
    machines: tuple[Machine, ...] = (Machine(),)
    snapshot: Machine | None = None
    is_used: bool = False
    """Has a machine begun with the snapshot?"""
    ghost: Request | None = None
    """A request that nobody waits for."""
    ghost_ack: int = NEVER
    """The nonce of such an ack."""
    # origin
    since: int = NEVER
    """Ticks since the erase."""
    last: int = 0
    """Ticks since the last request that was granted."""
    doubt: int = 0
    """Ticks for which no ack counts."""
    acked: bool = False
    awaited: bool = True
    """Was this boot known when the erase was committed?"""
    fenced: bool = False
    before: int = 0
    issued: frozenset[int] = frozenset({1})

    @property
    def held(self) -> list[int]:
        nonces = {one.nonce for one in self.machines} | {
            one.nonce for one in (self.snapshot, self.ghost) if one is not None
        }
        return sorted((nonces | {self.ghost_ack}) - {NEVER})

    def numbered(self) -> State:
        number = {nonce: at for at, nonce in enumerate(self.held, 1)}
        return self._replace(
            machines=tuple(one._replace(nonce=number[one.nonce]) for one in self.machines),
            snapshot=self.snapshot and self.snapshot._replace(nonce=number[self.snapshot.nonce]),
            ghost=self.ghost and self.ghost._replace(nonce=number[self.ghost.nonce]),
            ghost_ack=number.get(self.ghost_ack, NEVER),
            before=number.get(self.before, NOBODYS),
            issued=frozenset(number[nonce] for nonce in self.issued if nonce in number),
        )


def steps(rules: Rules) -> Callable[[State], Iterator[Step[State]]]:
    def moves(s: State) -> Iterator[Step[State]]:
        for name, after in _moves(s):
            yield name, after.numbered()

    def _moves(s: State) -> Iterator[Step[State]]:
        if s.is_used and all(one.is_anew or one.applied for one in s.machines):
            return  # nobody has what was erased
        yield "tick", _tick(s)
        if s.since == NEVER:
            yield "erase", s._replace(since=0)
        is_silent = max(s.last, s.since) >= WAIT
        if s.since >= 0 and not s.fenced and ((s.acked and not s.doubt) or is_silent or not s.awaited):
            yield "fenced", s._replace(fenced=True)
        if s.ghost is not None:
            yield "a request of before arrives", _arrives(s._replace(ghost=None), s.ghost, rules)[0]
        if s.ghost_ack != NEVER:
            yield "an ack of before arrives", _acked(s._replace(ghost_ack=NEVER), s.ghost_ack, rules)[0]
        yield from _snapshots(s, rules)
        for at, machine in enumerate(s.machines):
            if not machine.is_anew:
                for name, after in _of(s, at, machine, rules):
                    yield f"{NAMES[at]}: {name}", after

    return moves


def _tick(s: State) -> State:
    machines = tuple(
        one._replace(
            lease=max(one.lease - 1, 0),
            pending=min(one.pending + 1, LEASE) if one.pending != NEVER else NEVER,
        )
        for one in s.machines
    )
    return s._replace(
        machines=machines,
        since=min(s.since + 1, WAIT) if s.since >= 0 else NEVER,
        last=min(s.last + 1, WAIT),
        doubt=max(s.doubt - 1, 0),
    )


def _snapshots(s: State, rules: Rules) -> Iterator[Step[State]]:
    first = s.machines[0]
    if s.snapshot is None and not s.is_used and not first.is_anew:
        yield "snapshot", s._replace(snapshot=first)
    if s.snapshot is None or s.is_used:
        return
    back = s.snapshot._replace(told=False, is_anew=rules.hears)
    late = first.nonce if rules.late and first.applied else NEVER
    ghosts = s._replace(is_used=True, snapshot=None, ghost_ack=late)
    yield "put back", ghosts._replace(machines=(back,))
    yield "copy", s._replace(is_used=True, snapshot=None, machines=(first._replace(told=False), back))


def _arrives(s: State, asked: Request, rules: Rules) -> tuple[State, Answer]:
    """What the origin makes of a request, and its answer."""
    head, fresh = s.since >= 0, max(*s.held, *s.issued, s.before) + 1
    granted = s._replace(last=0)
    if s.last >= WAIT:  # it is not known any more
        is_doubted = asked.leased and rules.doubts
        known = granted._replace(before=asked.nonce, issued=frozenset({fresh}), acked=False, doubt=WAIT * is_doubted)
        former = 0 if rules.ends_former and rules.nonces else LEASE
        return known._replace(awaited=is_doubted or not head), Answer(fresh, head, former)
    if asked.nonce in s.issued or not rules.nonces or not (rules.refuses_used or asked.nonce == s.before):
        former = LEASE
        if rules.ends_former and rules.nonces and head and not asked.applied:
            former = 0 if s.acked else max(LEASE - s.since, 0)
        return granted._replace(before=asked.nonce, issued=frozenset({fresh})), Answer(fresh, head, former)
    doubt = WAIT if rules.doubts else 0
    if asked.nonce == s.before:
        former = 0 if rules.ends_former else LEASE
        return granted._replace(issued=s.issued | {fresh}, doubt=doubt), Answer(fresh, head, former)
    return s._replace(doubt=doubt), Answer(NEVER, head, 0)


def _acked(s: State, nonce: int, rules: Rules) -> tuple[State, bool]:
    """And whether it is refused."""
    is_known = s.last < WAIT
    if nonce in s.issued or not (rules.nonces and rules.in_acks):
        return s._replace(acked=is_known), False
    if nonce == s.before or not is_known:
        return s, False
    return s._replace(doubt=WAIT if rules.doubts else 0), True


def _of(s: State, at: int, machine: Machine, rules: Rules) -> Iterator[Step[State]]:
    def put(after: Machine, state: State = s) -> State:
        return state._replace(machines=(*state.machines[:at], after, *state.machines[at + 1 :]))

    if machine.lease and not machine.applied and s.fenced and (machine.told or not rules.window):
        raise Violated(f"{NAMES[at]} serves: bytes after fenced")
    asked = Request(machine.nonce, machine.applied, machine.lease > 0)
    after, answer = _arrives(s, asked, rules)
    yield "renew", put(_taken(machine, answer), after)
    yield "renew, and the answer is lost", after
    if rules.late and s.ghost is None:
        yield "renew, and the request is late", s._replace(ghost=asked)
    if s.since >= 0 and not machine.applied:
        left = LEASE - machine.pending if machine.pending != NEVER else machine.lease
        yield "apply the entry", put(machine._replace(applied=True, lease=left, pending=NEVER))
    if machine.applied and not s.acked:
        after, is_refused = _acked(s, machine.nonce, rules)
        if is_refused:
            yield "its ack is refused", put(machine._replace(is_anew=True), after)
        yield "ack", put(machine, after)


def _taken(machine: Machine, answer: Answer) -> Machine:
    if answer.nonce == NEVER:
        return machine._replace(is_anew=True)
    taken = machine._replace(told=True, nonce=answer.nonce)
    if machine.applied >= answer.head:
        return taken._replace(lease=LEASE, pending=NEVER)
    return taken._replace(lease=min(machine.lease, answer.former), pending=0)
