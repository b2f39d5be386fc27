"""Hits that are answered in one synchronous pass: no task, no await, no request object (decisions J).

A hit becomes hot when the ordinary path has answered it from RAM: what that path decided is kept (`hot_table`), and holds as
long as nothing that it was decided by has moved. Each answer looks again: lease and applied events (`serving_at`), the
tenant's fence, policy and revision, the time that object and permits have left, and that the RAM tier holds this very
object. A fence that has moved is asked whether it forbids the object; if it does, or if anything else has moved, the
decision goes and the ordinary path decides anew. Heads are written by the same functions as everywhere else, once a
second: only `Date` and the seconds left change in them.

What a request asks for is read once: the same bytes ask for the same. A viewer's own fields, which concern no hit, are left
out before. Counters are added up and written to the page before the loop waits for anything.

While an event is on its way to this worker nobody may be answered. Requests of that millisecond are held as they came, and
looked at again when the event is taken in (`hold`, `release`): on the ordinary path each would cost many hits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from time import perf_counter
from typing import Protocol

from domicile.media.asset import Aid, NameHash
from domicile.media.policy import Activity
from domicile.media.timing import Span
from edge.counters import Counters
from edge.deliver import Delivered
from edge.front import ANYBODY, Asker, Front
from edge.hosts import Hosts
from edge.hot_table import Decision, HotTable, Request
from edge.hot_words import HotWords
from edge.lookup import Lookup
from edge.metrics import QUICK_SECONDS, Cache, Route
from edge.open_responses import OpenResponses
from edge.permits import Permits
from edge.rates import Rates
from edge.request_head import HeadReader
from edge.store.port import PIECE_BYTES_MAX, Stored
from edge.wording import Wording

HOLD_SECONDS_MAX = 0.05
"""For a request that came while an event is on its way; then the ordinary path waits, and says why."""
HELD_BYTES_MAX = 8 * 1024
"""Of one connection."""
TARGET_CHARACTERS_MAX = 600
ACCEPT_CHARACTERS_MAX = 600
JOINED_BYTES_MAX = 4 * 1024
"""Of a body that is copied behind its head: dearer for more than two buffers are."""

_NANO = 1_000_000_000
_QUICK_NS = int(QUICK_SECONDS * _NANO)
_LINE_END = b" HTTP/1.1\r\n"
_HEAD_END = b"\r\n\r\n"
_ANYBODY, _OTHER = Asker.ANYBODY, Asker.OTHER


class Node(Protocol):
    """What a worker knows of its node: see `NodeLink`."""

    @property
    def now_ns(self) -> Callable[[], int]: ...

    def serving_at(self, now_ns: int) -> bool: ...

    def is_catching_up(self) -> bool: ...


class Hot:
    """The hot hits of one worker. Everything here is synchronous."""

    def __init__(
        self,
        *,
        lookup: Lookup,
        permits: Permits,
        responses: OpenResponses,
        counters: Counters,
        node: Node,
        rates: Rates,
        hosts: Hosts,
        wording: Wording,
        buffer_bytes_max: int,
    ) -> None:
        """`buffer_bytes_max`: what may wait for a viewer, besides one piece."""
        self._lookup = lookup
        self._memory = lookup.memory
        self._permits = permits
        self._responses = responses
        self._meter = counters.meter(Route.DELIVERY, Cache.MEMORY)
        self._now_ns = node.now_ns
        self._serving_at = node.serving_at
        self._tenant_of = lookup.tenant_of
        self.is_catching_up = node.is_catching_up
        self._rates = rates
        self._hosts = hosts
        self._words = HotWords(wording)
        self._bytes_max = buffer_bytes_max + PIECE_BYTES_MAX
        self._wall_clock = wording.wall_clock
        self._table = HotTable()
        self._reader = HeadReader(wording.downstream.proof_field)
        self.answers = 0
        """Requests answered so far."""
        self._wholes = self._unchanged = self._sent_bytes = self._taken_ns = 0
        """Answers that are not in the counters yet: of status 200 and 304, their bodies, and the time they took."""
        self._held: list[Callable[[], None]] = []
        self._release: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._table)

    # --- learning and forgetting --------------------------------------------------------------------------------------

    def learn(self, target: str, accept: str, delivered: Delivered) -> None:
        """The ordinary path has just decided to answer a GET of `target` with this object, from RAM.

        Nothing may be waited for in between: the marks are those of the decision.
        """
        head, state, way = delivered.stored.head, delivered.state, delivered.way
        # Readings of the path before this one may follow hints: their names do not exist, and the fence tells when they do.
        is_plain = delivered.is_public and not delivered.needs_verdict and not head.stands_in and not way.follows
        if head.access.is_ruled:  # every answer has a judgement of its own
            return
        if not is_plain or delivered.tier != "memory" or head.body_bytes >= self._bytes_max:
            return
        if len(target) > TARGET_CHARACTERS_MAX or len(accept) > ACCEPT_CHARACTERS_MAX or not target.isascii():
            return
        may_cache, may_deliver = (
            self._permits.find(state, activity) for activity in (Activity.CACHE, Activity.DELIVER)
        )
        if may_cache is None or may_deliver is None:
            return
        place = self._memory.place(way.key)
        if place is None or place.value is not delivered.stored:
            return
        self._table.decide(
            Decision(
                at=(target.encode("ascii"), accept),
                place=place,
                delivered=replace(delivered, stored=Stored(head=head, body=b""), spans=(Span("lookup", 0.0),)),
                head=head,
                tenant=head.tenant,
                state=state,
                policy=state.policy,
                revision=state.config_revision,
                fence=state.fence,
                applied=state.fence.applied,
                marks=(*head.contributors, *head.names),
                heads=[None] * len(Asker),
                valid_until=min(
                    head.stored_at + self._lookup.ttl_seconds(head), may_cache.valid_until, may_deliver.valid_until
                ),
            )
        )

    def forget(self, tenant: str) -> None:
        """Everything about this tenant may be otherwise: no target of it stays in memory."""
        self._table.drop_tenant(tenant)

    def drop(self, aids: Collection[Aid], names: Collection[NameHash]) -> None:
        """Something was said about these: no target that shows one of them, or could have been read as one, stays."""
        self._table.drop_marked(aids, names)

    def count_of(self, aids: Collection[Aid]) -> int:
        """How many targets show one of these."""
        return self._table.count_of(aids)

    def clear(self) -> None:
        self._table.clear()
        self._reader.clear()

    # --- waiting for an event -----------------------------------------------------------------------------------------

    def hold(self, again: Callable[[], None]) -> None:
        """Call `again`, once: when the event that is on its way is taken in, or HOLD_SECONDS_MAX after the first who waits."""
        if not self._held:
            self._release = asyncio.get_running_loop().call_later(HOLD_SECONDS_MAX, self.release)
        self._held.append(again)

    def release(self) -> None:
        """Have everybody who waits ask again."""
        if self._release is not None:
            self._release.cancel()
            self._release = None
        held, self._held = self._held, []
        for again in held:
            again()

    # --- the one pass -------------------------------------------------------------------------------------------------

    def take(self, data: bytes, transport: asyncio.Transport, front: Front = ANYBODY) -> int:
        """Answer the requests at the beginning of `data` that are hot hits; how many bytes they were.

        The transport must hold nothing back before, and holds back at most its buffer and one piece afterwards.
        """
        known = self._table.request(data)
        if known is None and data.endswith(_HEAD_END):
            known = self._table.request(self._reader.without_own(data))
        if known is not None and known.front is front and self._answer(known, self._bytes_max, transport):
            return len(data)
        taken, room = 0, self._bytes_max
        while (empty := data.find(_HEAD_END, taken)) > 0:
            end = empty + len(_HEAD_END)
            request = self._request(data[taken:end], front)
            sent = 0 if request is None else self._answer(request, room, transport)
            if not sent:
                break
            taken, room = end, room - sent
        return taken

    def _request(self, head: bytes, front: Front) -> Request | None:
        """What one request asks for, from its first byte to the empty line. None: not for here."""
        head = self._reader.without_own(head)
        known = self._table.request(head)
        if known is not None and known.front is front and self._table.holds(known.decision):
            return known
        if head.startswith(b"GET "):
            at, is_head = 4, False
        elif head.startswith(b"HEAD "):
            at, is_head = 5, True
        else:
            return None
        line = head.find(_LINE_END, at)
        asked = self._reader.read(head[line + len(_LINE_END) : -2]) if line > 0 else None
        if asked is None or not self._hosts.has(asked.host):
            return None
        target = head[at:line]
        if self._hosts.has_private:
            target = self._hosts.path(asked.host, target.decode("latin-1")).encode("latin-1")
        decision = self._table.decision((target, asked.accept))
        asker = _ANYBODY if front.cdn is None else front.asker(asked.proofs)
        if decision is None or (asker is _OTHER and front.refuses(asker)):
            return None
        request = Request(decision, front, asker, is_head, asked.if_none_match)
        if not asked.proofs:
            self._table.keep(head, request)
        return request

    def _answer(self, request: Request, room: int, transport: asyncio.Transport) -> int:
        """How many bytes answer it; 0 when that is for the ordinary path, which says why.

        All in one function: each call would cost a hundredth of a hit.
        """
        began = self._now_ns()
        if not self._serving_at(began):
            return 0
        decision = request.decision
        state, fence, now = decision.state, decision.fence, self._wall_clock()
        is_same = (
            self._tenant_of(decision.tenant) is state
            and state.fence is fence
            and (fence.applied == decision.applied or self._is_still_fresh(decision))
            and state.policy is decision.policy
            and state.config_revision == decision.revision
            and (request.worded_from <= now < request.worded_until or self._words.are_said(request, now))
        )
        stored = decision.place.visit() if is_same else None
        if stored is None:  # it has left RAM for a purge or for want of room, or something else has moved
            self._table.drop(decision)
            return 0
        head, body_bytes = request.head, request.body_bytes
        size = len(head) + body_bytes
        if size > room or (self._rates.are_limited and not self._rates.take(decision.tenant, perf_counter())):
            return 0
        if not self._responses.hand_over(transport, decision.head):
            return 0
        body: bytes = stored.body  # type: ignore[assignment]  # RAM holds nothing else
        if not body_bytes:
            transport.write(head)
        elif body_bytes <= JOINED_BYTES_MAX:
            transport.write(head + body)
        else:
            transport.writelines((head, body))
        self.answers += 1
        taken_ns = self._now_ns() - began
        if taken_ns > _QUICK_NS:
            self._meter.count(request.status, taken_ns / _NANO, body_bytes)
            return size
        if not self._taken_ns:
            asyncio.get_running_loop().call_soon(self._count)
        self._taken_ns += taken_ns
        self._sent_bytes += body_bytes
        if request.status == 304:
            self._unchanged += 1
        else:
            self._wholes += 1
        return size

    def _count(self) -> None:
        """Before the loop waits: nobody sees counters that lag behind answers."""
        self._meter.count_quick(
            self._wholes, self._unchanged, seconds=self._taken_ns / _NANO, body_bytes=self._sent_bytes
        )
        self._wholes = self._unchanged = self._sent_bytes = self._taken_ns = 0

    def _is_still_fresh(self, decision: Decision) -> bool:
        """Entries have come since the fence was asked: it is asked once more, and not again until the next."""
        if not self._lookup.is_fresh(decision.head):
            return False
        decision.applied = decision.fence.applied
        return True
