"""Hits that are answered in one synchronous pass: no task, no await, no request object (decisions J).

A hit becomes hot when the ordinary path has answered it from RAM: what that path decided is kept as an entry, and holds as
long as nothing that it was decided by has moved. Each answer looks again: lease and applied events (`serving`), the
tenant's fence, policy and revision, the time that object and permits have left, and that the RAM tier holds this very
object. A fence that has moved is asked whether it forbids the object; if it does, or if anything else has moved, the entry
goes and the ordinary path decides anew. Heads are written by the same functions as everywhere else, once a second: only
`Date` and the seconds left change in them.

While an event is on its way to this worker nobody may be answered. Requests of that millisecond are held as they came, and
looked at again when the event is taken in (`hold`, `release`): on the ordinary path each would cost many hits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from email.utils import formatdate
from time import perf_counter
from typing import NamedTuple, Protocol

from domicile.media.asset import Aid, NameHash
from domicile.media.journal import Fence
from domicile.media.policy import Activity, ResidencyPolicy
from domicile.media.timing import Span
from edge.cache.conditional import has_tag
from edge.deliver import Delivered
from edge.front import ANYBODY, Asker, Front
from edge.hosts import Hosts
from edge.lookup import Lookup
from edge.metrics import Cache, Counters, Route
from edge.open_responses import OpenResponses
from edge.permits import Permits
from edge.rates import Rates
from edge.request_head import Asked, HeadReader
from edge.respond import Reply
from edge.store.port import PIECE_BYTES_MAX, Stored, StoredHead
from edge.wording import Wording

HOT_MAX = 4096
"""Entries; each has heads of about two kilobytes, and no body."""
HOLD_SECONDS_MAX = 0.05
"""For a request that came while an event is on its way; then the ordinary path waits, and says why."""
HELD_BYTES_MAX = 8 * 1024
"""Of one connection."""
TARGET_CHARACTERS_MAX = 600
ACCEPT_CHARACTERS_MAX = 600

_LINE_END = b" HTTP/1.1\r\n"
_STATUS_LINES = {200: b"HTTP/1.1 200 OK\r\n", 304: b"HTTP/1.1 304 Not Modified\r\n"}
_ANYBODY, _OTHER = Asker.ANYBODY, Asker.OTHER
_NOTHING: tuple[int, tuple[bytes, ...], int] = (0, (), 0)


@dataclass(slots=True, kw_only=True)
class _Entry:
    """What the ordinary path decided about one target and one Accept."""

    at: tuple[bytes, str]
    key: str
    """Of the RAM tier."""
    delivered: Delivered
    """Without the body: the RAM tier alone holds it."""
    head: StoredHead
    policy: ResidencyPolicy
    revision: int
    fence: Fence
    applied: int
    """How far the fence had come when it was last asked."""
    marks: tuple[str, ...]
    """Aids and name hashes that an entry of the journal may name."""
    valid_until: float
    """Wall clock: the lifetime of the object, and of the permits that it is kept and delivered under."""
    second: int = -1
    """When the heads were written, in whole seconds of the wall clock."""
    heads: list[_Heads | None]
    """By Asker."""


class _Heads(NamedTuple):
    """What one kind of asker is told in this second."""

    etag: str
    whole: bytes
    unchanged: bytes


class Node(Protocol):
    """What a worker knows of its node: see `NodeLink`."""

    def serving(self) -> bool: ...

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
        self._serving = node.serving
        self.is_catching_up = node.is_catching_up
        self._rates = rates
        self._hosts = hosts
        self._wording = wording
        self._bytes_max = buffer_bytes_max + PIECE_BYTES_MAX
        self._wall_clock = wording.wall_clock
        self._entries: dict[tuple[bytes, str], _Entry] = {}
        self._reader = HeadReader(wording.downstream.proof_field)
        self._second = -1
        self._date = b""
        self.answers = 0
        """Requests answered so far."""
        self._held: list[Callable[[], None]] = []
        self._release: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._entries)

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
        if len(self._entries) >= HOT_MAX:
            self._entries.clear()
        at = target.encode("ascii"), accept
        self._entries[at] = _Entry(
            at=at,
            key=way.key,
            delivered=replace(delivered, stored=Stored(head=head, body=b""), spans=(Span("lookup", 0.0),)),
            head=head,
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

    def forget(self, tenant: str) -> None:
        """Everything about this tenant may be otherwise: no target of it stays in memory."""
        for entry in [entry for entry in self._entries.values() if entry.head.tenant == tenant]:
            del self._entries[entry.at]

    def drop(self, aids: Collection[Aid], names: Collection[NameHash]) -> None:
        """Something was said about these: no target that shows one of them, or could have been read as one, stays."""
        forbidden = frozenset((*aids, *names))
        for entry in [entry for entry in self._entries.values() if not forbidden.isdisjoint(entry.marks)]:
            del self._entries[entry.at]

    def count_of(self, aids: Collection[Aid]) -> int:
        """How many targets show one of these."""
        return sum(not frozenset(aids).isdisjoint(entry.marks) for entry in self._entries.values())

    def clear(self) -> None:
        self._entries.clear()
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
        taken, room, end = 0, self._bytes_max, len(data)
        while taken < end:
            used, out, size = self._one(data, taken, room, transport, front)
            if not used:
                break
            if len(out) == 1:
                transport.write(out[0])
            else:
                transport.writelines(out)
            taken += used
            room -= size
        return taken

    def _one(
        self, data: bytes, start: int, room: int, transport: asyncio.Transport, front: Front
    ) -> tuple[int, tuple[bytes, ...], int]:
        """The length of the request at `start`, what answers it, and how long that is; 0 when it is not for here."""
        began = perf_counter()
        if data.startswith(b"GET ", start):
            at, is_head = start + 4, False
        elif data.startswith(b"HEAD ", start):
            at, is_head = start + 5, True
        else:
            return _NOTHING
        line = data.find(_LINE_END, at)
        end = data.find(b"\r\n\r\n", line + len(_LINE_END) - 2) if line > 0 else -1
        if end < 0:
            return _NOTHING
        asked = self._reader.read(data[line + len(_LINE_END) : end + 2])
        target = data[at:line]
        if asked is not None and self._hosts.has_private:
            target = self._hosts.path(asked.host, target.decode("latin-1")).encode("latin-1")
        entry = None if asked is None else self._entries.get((target, asked.accept))
        if asked is None or entry is None or not self._hosts.has(asked.host):
            return _NOTHING
        asker = _ANYBODY if front.cdn is None else front.asker(asked.proofs)
        now = self._wall_clock()
        body = None if asker is _OTHER and front.refuses(asker) else self._body(entry, now)
        if body is None:
            return _NOTHING
        status, head = self._worded(entry, asked, asker, now)
        body_bytes = 0 if is_head or status == 304 else len(body)
        size = len(head) + body_bytes
        if size > room or not self._rates.take(entry.head.tenant, began):  # the ordinary path says why
            return _NOTHING
        if not self._responses.hand_over(transport, entry.head):
            return _NOTHING
        self.answers += 1
        self._meter.count(status, perf_counter() - began, body_bytes)
        return end + 4 - start, ((head, body) if body_bytes else (head,)), size

    def _body(self, entry: _Entry, now: float) -> bytes | None:
        """The bytes, if nothing has moved: those of the very object, which RAM holds until a purge or for want of room."""
        if not self._serving():
            return None
        state, head = entry.delivered.state, entry.head
        is_same = (
            self._lookup.tenant_of(head.tenant) is state
            and state.fence is entry.fence
            and (entry.fence.applied == entry.applied or self._is_still_fresh(entry))
            and state.policy is entry.policy
            and state.config_revision == entry.revision
            and head.stored_at <= now < entry.valid_until
        )
        stored = self._memory.get(entry.key) if is_same else None
        if stored is None or stored.head is not head or not isinstance(stored.body, bytes):
            del self._entries[entry.at]
            return None
        return stored.body

    def _is_still_fresh(self, entry: _Entry) -> bool:
        """Entries have come since the fence was asked: it is asked once more, and not again until the next."""
        if not self._lookup.is_fresh(entry.head):
            return False
        entry.applied = entry.fence.applied
        return True

    def _worded(self, entry: _Entry, asked: Asked, asker: Asker, now: float) -> tuple[int, bytes]:
        """Status and head."""
        second = int(now)
        if second != self._second:
            self._second, self._date = second, f"Date: {formatdate(now, usegmt=True)}\r\n\r\n".encode("ascii")
        if second != entry.second:
            entry.heads = [None] * len(Asker)
            entry.second = second
        heads = entry.heads[asker]
        if heads is None:
            heads = entry.heads[asker] = self._heads(entry, asker)
        if asked.if_none_match is not None and has_tag(asked.if_none_match, heads.etag):
            return 304, heads.unchanged + self._date
        return 200, heads.whole + self._date

    def _heads(self, entry: _Entry, asker: Asker) -> _Heads:
        """As the ordinary path would word them now, for an answer that took no time."""
        etag = self._wording.etag(entry.delivered, asker)
        whole, unchanged = (
            self._wording.picture(entry.delivered, asker, method="GET", asked=fields, elapsed_seconds=0.0)
            for fields in ({}, {"If-None-Match": etag})
        )
        return _Heads(etag, _written(whole), _written(unchanged))


def _written(reply: Reply) -> bytes:
    return _STATUS_LINES[reply.status] + b"".join(
        f"{name}: {value}\r\n".encode("latin-1") for name, value in reply.headers
    )
