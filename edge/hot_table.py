"""What is prepared for hot hits: decisions of the ordinary path by target, and requests that came before, byte for byte.

A request's bytes decide, with the listener that they came to, what it asks for. So the same bytes are not read twice: they
lead to what was read out of them, and to the decision that answers them. No decision without its check: `edge.hot` makes it
anew for each answer. A request that shows a CDN's secret is not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple

from domicile.media.asset import Aid, NameHash
from domicile.media.journal import Fence
from domicile.media.policy import ResidencyPolicy
from edge.deliver import Delivered
from edge.following import TenantState
from edge.front import Asker, Front
from edge.store.fifo import Place
from edge.store.port import Stored, StoredHead

DECISIONS_MAX = 4096
"""Each has heads of about two kilobytes, and no body."""
REQUESTS_MAX = 2048
REQUEST_BYTES_MAX = 1536
"""Of one that is kept; a longer one is read anew each time."""

At = tuple[bytes, str]
"""A target, and what Accept says."""


class Heads(NamedTuple):
    """What one kind of asker is told in this second."""

    etag: str
    whole: bytes
    unchanged: bytes


@dataclass(slots=True, kw_only=True)
class Decision:
    """What the ordinary path decided about one target and one Accept."""

    at: At
    place: Place[Stored]
    """In the RAM tier, which alone holds the body: empty when the object has left it."""
    delivered: Delivered
    """Without the body."""
    head: StoredHead
    tenant: str
    state: TenantState
    policy: ResidencyPolicy
    revision: int
    fence: Fence
    applied: int
    """How far the fence had come when it was last asked."""
    marks: tuple[str, ...]
    """Aids and name hashes that an entry of the journal may name."""
    valid_until: float
    """Wall clock: the lifetime of the object, and of the permits that it is kept and delivered under."""
    heads: list[Heads | None]
    """By Asker."""
    second: int = -1
    """When the heads were written, in whole seconds of the wall clock."""


@dataclass(slots=True)
class Request:
    """A request that asks for a hot target, and what answers it in this second."""

    decision: Decision
    front: Front
    """Of the listener that it came to."""
    asker: Asker
    is_head: bool
    if_none_match: str | None
    status: int = 0
    head: bytes = b""
    body_bytes: int = 0
    """Of the body that follows; 0 for none."""
    worded_from: float = 0.0
    worded_until: float = 0.0
    """Wall clock: when object and permits are valid and the head says what is so. Never, at first."""


class HotTable:
    """Of one worker. A request is kept no longer than the decision that answers it."""

    def __init__(self) -> None:
        self._decisions: dict[At, Decision] = {}
        self._requests: dict[bytes, Request] = {}
        self.request: Callable[[bytes], Request | None] = self._requests.get
        """What came before in the very same bytes; to be used at the same listener only."""
        self.decision: Callable[[At], Decision | None] = self._decisions.get

    def __len__(self) -> int:
        """Decisions."""
        return len(self._decisions)

    @property
    def requests(self) -> int:
        return len(self._requests)

    def decide(self, decision: Decision) -> None:
        if len(self._decisions) >= DECISIONS_MAX:
            self.clear()
        before = self._decisions.get(decision.at)
        if before is not None:  # requests that led to it are read anew
            before.place = Place.empty()
        self._decisions[decision.at] = decision

    def holds(self, decision: Decision) -> bool:
        """Was it neither dropped nor replaced?"""
        return self._decisions.get(decision.at) is decision

    def keep(self, data: bytes, request: Request) -> None:
        if len(data) > REQUEST_BYTES_MAX:
            return
        if len(self._requests) >= REQUESTS_MAX:
            self._requests.clear()
        self._requests[data] = request

    def drop(self, decision: Decision) -> None:
        """It does not hold any more."""
        if self.holds(decision):
            self._drop([decision])

    def drop_marked(self, aids: Collection[Aid], names: Collection[NameHash]) -> None:
        """Something was said about these: no target that shows one of them, or could have been read as one, stays."""
        forbidden = frozenset((*aids, *names))
        self._drop([each for each in self._decisions.values() if not forbidden.isdisjoint(each.marks)])

    def drop_tenant(self, tenant: str) -> None:
        self._drop([each for each in self._decisions.values() if each.tenant == tenant])

    def count_of(self, aids: Collection[Aid]) -> int:
        """How many decisions show one of these."""
        return sum(not frozenset(aids).isdisjoint(each.marks) for each in self._decisions.values())

    def clear(self) -> None:
        self._decisions.clear()
        self._requests.clear()

    def _drop(self, decisions: Collection[Decision]) -> None:
        """Requests name what they ask for. Few decisions are dropped, so all requests go: to look for theirs takes longer."""
        for each in decisions:
            del self._decisions[each.at]
        if decisions:
            self._requests.clear()
