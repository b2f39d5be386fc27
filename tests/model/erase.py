"""One asset, one edge, one origin, one CDN: the erase and lease protocol of the design, as steps between states.

Time goes in ticks. The edge counts its lease of LEASE ticks from the sending; the origin waits WAIT, one more for a clock
that runs slow. Bytes of the asset exist only as read before the erase (generation 0), unless a restore brings them back. A
write is approved (lease and fence are asked) and done in two steps, as in another worker; no tick comes between.

`Rules` are the guards. With all of them the model holds; each damaged variant must have a story (test_erase.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tests.model.explore import Step, Violated

LEASE = 2
WAIT = LEASE + 1
TRANSIT = 1
"""Ticks for which an answer that the CDN has received may lie there before it is stored."""
NEVER = WAIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is kept to; each False is one slip."""

    serves_under_lease: bool = True
    lease_from_send: bool = True
    margin: bool = True
    """Does the origin wait longer than the edge's clock may be slow by?"""
    slow_clock: bool = True
    """May the edge's clock lose a tick?"""
    head_at_grant: bool = True
    """Is the head of a grant read after the request arrived?"""
    waits_for_unreachable: bool = True
    waits_anew: bool = False
    """Does the origin wait for an instance that has crashed, as for one that it cannot reach, and after a restore for everybody
    once more? It need not, and does."""
    ends_fills: bool = False
    """Does a fill end with the lease that it began under? It need not, and does."""
    checks_at_insert: bool = True
    checks_at_look_up: bool = True
    floor: bool = True
    """Does a fence that forgets a record refuse everything older?"""
    tombstones_kept: bool = False
    ack_after_writes: bool = True
    durable_before_ack: bool = True
    key_gate: bool = True
    purges_after_fence: bool = True
    purges_after_transit: bool = True
    """Is there a purge after what was on its way into the CDN's store when it was fenced must have arrived?"""
    restore_without_key: bool = True
    """Does a restore use the keyring of now?"""


class State(NamedTuple):
    # origin
    since: int = -1
    """Ticks since the erase was committed; -1: not yet."""
    last: int = NEVER
    """Ticks since the last lease request of this instance arrived."""
    acked: bool = False
    fenced: bool = False
    after: int = 0
    """Ticks since it was fenced."""
    restored: bool = False
    purged: bool = False
    """The purge after which nothing is waited for any more; earlier ones only make copies go sooner."""
    verified: bool = False
    # edge
    up: bool = True
    lease: int = 0
    applied: bool = False
    record: bool = False
    floor: bool = False
    ram: str = ""
    """ "old" or "new", as in `fill`."""
    disk: bool = False
    fill: str = ""
    """ "asked", "old" (bytes of generation 0 under way) or "new" (bytes after a restore)."""
    approved: bool = False
    request: str = ""
    """Lease request: "sent", or the head of the grant under way: "0" or "1"."""
    age: int = 0
    slowed: bool = False
    crashed: bool = False
    # CDN
    copy: bool = False
    wire: int = -1
    """Ticks for which an answer has been on its way into the CDN's store; -1: none."""


def steps(rules: Rules) -> Callable[[State], Iterator[Step[State]]]:
    wait = WAIT if rules.margin else LEASE

    def moves(s: State) -> Iterator[Step[State]]:
        yield from _time(s, rules)
        yield from _lease(s, rules)
        yield from _bytes(s, rules)
        yield from _origin(s, rules, wait)
        yield from _cdn(s, rules)

    return moves


def _time(s: State, rules: Rules) -> Iterator[Step[State]]:
    if s.approved:
        return  # the write comes before anything else does on this machine
    passed = s._replace(
        since=min(s.since + 1, WAIT) if s.since >= 0 else -1,
        last=min(s.last + 1, NEVER),
        after=min(s.after + 1, TRANSIT + 1) if s.fenced and not s.purged else 0,
        wire=-1 if s.wire >= TRANSIT else s.wire + (s.wire >= 0),
        age=min(s.age + 1, LEASE + 1) if s.request else 0,
    )
    left = max(s.lease - 1, 0)
    yield "tick", passed._replace(lease=left, fill=s.fill if left or not rules.ends_fills else "")
    if rules.slow_clock and not s.slowed and s.lease:
        yield "tick that the edge's clock loses", passed._replace(slowed=True)


def _lease(s: State, rules: Rules) -> Iterator[Step[State]]:
    if s.up and not s.request and s.lease < LEASE:
        yield "ask for a lease", s._replace(request="sent", age=0)
    if s.request == "sent":
        head = s.since >= 0 and rules.head_at_grant
        yield "grant", s._replace(request=str(int(head)), last=0)
    if s.request:
        yield "lose it", s._replace(request="", age=0)
    if s.up and s.request in {"0", "1"} and s.applied >= int(s.request):
        left = LEASE - s.age if rules.lease_from_send else LEASE
        if left > s.lease:
            yield "take the lease", s._replace(request="", age=0, lease=left)
    if s.up and s.since >= 0 and not s.applied:
        yield (
            "apply the entry",
            s._replace(applied=True, record=True, ram="", disk=s.disk and not rules.durable_before_ack),
        )
    if s.up and s.applied and not s.acked and (not s.approved or not rules.ack_after_writes):
        yield "ack", s._replace(acked=True)
    if s.record and not rules.tombstones_kept:
        yield "forget the record", s._replace(record=False, floor=rules.floor)
    if s.up and not s.crashed:
        yield "crash", s._replace(up=False, lease=0, ram="", fill="", approved=False, request="", age=0, crashed=True)
    if not s.up:  # another instance: it has acked nothing, and was given nothing
        heard = (s.acked, s.last) if rules.waits_anew else (False, NEVER)
        record = s.record and rules.durable_before_ack
        yield "start", s._replace(up=True, acked=heard[0], last=heard[1], record=record)


def _refuses(s: State, *, is_old: bool) -> bool:
    """An erase matches by presence, everything else by number."""
    return s.record or (s.floor and is_old)


def _bytes(s: State, rules: Rules) -> Iterator[Step[State]]:
    may_serve = s.up and (s.lease > 0 or not rules.serves_under_lease)
    if may_serve and not s.fill and not s.ram:
        yield "ask for the bytes", s._replace(fill="asked")
    if s.fill == "asked":
        if s.since < 0:
            yield "read them", s._replace(fill="old")
        elif s.restored:
            yield "read them after the restore", s._replace(fill="new")
        yield "refuse them", s._replace(fill="")
    if s.up and s.fill in {"old", "new"}:
        if rules.checks_at_insert and _refuses(s, is_old=s.fill == "old"):
            yield "drop them", s._replace(fill="")
        else:
            yield "insert", s._replace(fill="", ram=s.fill, disk=True)
    has_key = not rules.key_gate or s.since < 0
    if may_serve and s.disk and not s.ram and has_key and not (rules.checks_at_look_up and _refuses(s, is_old=True)):
        yield "open the file", s._replace(ram="old")
    may_show = not (rules.checks_at_look_up and _refuses(s, is_old=s.ram == "old"))
    if may_serve and s.ram and not s.approved and may_show:
        yield "approve a write", s._replace(approved=True)
    if s.approved:
        if s.fenced:
            raise Violated("write: bytes after fenced")
        yield "write", s._replace(approved=False, wire=0)


def _origin(s: State, rules: Rules, wait: int) -> Iterator[Step[State]]:
    if s.since < 0:
        yield "erase", s._replace(since=0)
        return
    if not s.restored and not rules.restore_without_key:  # with the keyring of now it brings nothing that opens
        back = s._replace(restored=True)
        yield "restore", back._replace(acked=False, since=0, last=0) if rules.waits_anew else back
    is_silent = max(s.last, s.since) >= wait
    if not s.fenced and (s.acked or is_silent or not rules.waits_for_unreachable):
        yield "fenced", s._replace(fenced=True)


def _cdn(s: State, rules: Rules) -> Iterator[Step[State]]:
    if s.wire >= 0:
        yield "the CDN stores it", s._replace(copy=True, wire=-1)
    if s.copy and s.verified:
        raise Violated("the CDN answers: bytes after verified")
    if not s.purged and s.since >= 0:
        is_drained = s.after > TRANSIT or not rules.purges_after_transit
        if (s.fenced and is_drained) or not rules.purges_after_fence:
            yield "purge", s._replace(copy=False, purged=True)
    if s.fenced and s.purged and not s.verified:
        yield "verified", s._replace(verified=True)
