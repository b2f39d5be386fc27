"""Asking the worker that owns an object for it (decisions F): one question per key, however many wait here.

A large object is not sent: it is on disk, and every worker reads it there. An owner that is gone is no reason to fail,
whoever asked goes on by himself; one that is late is, because what it has begun must not be begun twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from domicile.media.errors import Overloaded, UpstreamUnavailable
from domicile.media.policy import Activity
from domicile.service.gate.peer import PeerClient, PeerGone, PeerLate, PeersBusy
from edge.flight import Fill
from edge.following import TenantState
from edge.keys import file_of
from edge.lookup import Lookup
from edge.metrics import Count
from edge.peer import PeerAnswer, Question, decode_answer
from edge.permits import Permits
from edge.rendezvous import owner_of
from edge.store.port import Stored
from edge.wanted import Wanted, Way


class Slots(Protocol):
    """Which workers accept connections; `edge.page.SharedPage`."""

    def live_slots(self) -> tuple[int, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """The other workers, from this one."""

    peers: PeerClient
    slot: int
    slots: Slots
    lookup: Lookup
    permits: Permits
    count: Callable[[Count], None]

    def other(self, asked: Wanted, state: TenantState) -> int | None:
        """The worker that owns what is asked for; None when this one does."""
        owner = owner_of(file_of(asked.ways[0], state.file_key), {*self.slots.live_slots(), self.slot})
        return None if owner == self.slot else owner

    async def ask(self, fill: Fill, asked: Wanted, state: TenantState, owner: int) -> bool:
        """Settle `fill` with the owner's answer; False when it is gone, or has nothing but what the origin has. Raises the
        owner's MediaError.
        """
        question = msgspec.msgpack.encode(_question(asked))
        permit = self.permits.require(state, Activity.DELIVER)
        try:
            answer = decode_answer(await self.peers.ask(permit, state.tenant, owner, question))
        except PeerGone:
            self.count(Count.PEER_FAILURES)
            return False
        except PeerLate as late:
            self.count(Count.PEER_FAILURES)
            raise UpstreamUnavailable("The picture took too long to make") from late
        except PeersBusy as busy:
            raise Overloaded("Too many pictures are being made; try again") from busy
        if answer.head.is_relayed:
            return False
        position = answer.head.position
        if not 0 <= position < len(asked.ways) or not _is_same(asked.ways[position], answer):
            return False
        outcome = answer.outcome
        if isinstance(outcome, Stored) and self._may_keep(asked, state, outcome):
            self.lookup.memory.put(asked.ways[position].key, outcome)
        fill.spans, fill.is_kept = answer.spans, answer.head.kept
        fill.tier = None if answer.head.tier is None else "peer"
        fill.is_collapsed = answer.head.collapsed
        fill.settle(outcome)
        return True

    def _may_keep(self, asked: Wanted, state: TenantState, stored: Stored) -> bool:
        return (
            self.lookup.is_fresh(stored.head)
            and self.lookup.is_current(asked)
            and self.permits.find(state, Activity.CACHE) is not None
        )


def _question(asked: Wanted) -> Question:
    held = asked.held
    return Question(
        raw_path=asked.raw_path,
        accept=asked.accept,
        hints=asked.hints,
        token="" if held is None else held.text,
        token_until=0.0 if held is None else held.until,
    )


def _is_same(way: Way, answer: PeerAnswer) -> bool:
    """The owner may read the path under another revision, whose names or redaction are other pixels: one is behind."""
    return (way.key, way.name) == (answer.head.key, answer.head.head.names[0])
