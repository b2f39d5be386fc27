"""Asking the parent for a rendition before it is made here. The child keeps its own way to the origin for lease, journal, names and
keys: the parent saves it the original and the work, and is believed in nothing that the child's fence can judge.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import structlog

from domicile.media.auth_token import without_token
from domicile.media.errors import UpstreamUnavailable
from domicile.media.policy import Activity, Permit, Place, decide
from domicile.media.sealed import SealBroken, open_sealed
from domicile.media.timing import Span
from domicile.service.gate.tier import ParentGone, TierClient, TierReply
from edge.following import TenantState
from edge.lookup import Lookup
from edge.metrics import Add, Count
from edge.occasionally import Occasionally
from edge.render import Made, Order, access_of
from edge.store.port import Stored, StoredHead
from edge.tier import NONCE_BYTES, Question, TierHead, context_of, may_travel
from edge.wanted import Wanted

log = structlog.get_logger("edge.parent")


FAILURES_MAX = 3
"""Questions without an answer, in a row, after which the parent is not asked for a while. One alone may be about a picture that
takes long, or be cut off by a purge; a parent that cannot be connected to is not asked the second time.
"""


@dataclass(slots=True)
class _Silence:
    until: float = float("-inf")
    failures: int = 0

    def failed(self, *, is_unreachable: bool, until: float) -> None:
        self.failures += 1
        if is_unreachable or self.failures >= FAILURES_MAX:
            self.until = until


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The parent of this node, as one worker asks it. `clock` is monotonic, `wall_clock` is not."""

    client: TierClient
    place: Place
    """Where the parent stands."""
    region: str
    """Of this node."""
    refuses_without: bool
    retry_seconds: float
    lookup: Lookup
    count: Add
    clock: Callable[[], float]
    wall_clock: Callable[[], float]
    silence: _Silence = field(default_factory=_Silence)
    failures: Occasionally = field(default_factory=Occasionally)

    async def made(self, wanted: Wanted, order: Order, state: TenantState) -> Made | None:
        """The parent's object, if the child's fence finds it fresh. None: make it here.

        UpstreamUnavailable when the parent does not answer and the setting says that nothing is made here then.
        """
        permit = decide(state.policy, Activity.METADATA, self.place, at=self.wall_clock())
        # The parent sees no token, and would let nobody in for whom it stands for a signature.
        is_sent = not wanted.is_let_in_by_token and may_travel(
            order.way, parent_region=self.place.region, child_region=self.region
        )
        if not isinstance(permit, Permit) or not is_sent:
            return None
        if self.clock() < self.silence.until:
            self._require_none()
            return None
        started = self.clock()
        question = Question(
            tenant=state.tenant,
            raw_path=without_token(wanted.raw_path),
            accept=wanted.accept,
            hints=wanted.hints,
            nonce=secrets.token_hex(NONCE_BYTES),
        )
        try:
            reply = await self.client.ask(permit, state.tenant, msgspec.msgpack.encode(question))
        except ParentGone as gone:
            self.silence.failed(is_unreachable=gone.is_unreachable, until=self.clock() + self.retry_seconds)
            self.count(Count.PARENT_FAILED)
            if count := self.failures.due():
                log.info("parent_failed", reason=str(gone), count=count)
            self._require_none()
            return None
        self.silence.failures = 0
        stored = self._opened(question, reply, order, state)
        if stored is None:
            self.count(Count.PARENT_DECLINED)
            return None
        if not self.lookup.is_fresh(stored.head):
            self.count(Count.PARENT_FENCED)
            return None
        self.count(Count.PARENT_TAKEN)
        return Made(stored=stored, spans=(Span("origin", self.clock() - started),), rendition=None)

    def _require_none(self) -> None:
        """May it be made here, with no answer of the parent?"""
        if self.refuses_without:
            raise UpstreamUnavailable("The parent of this server cannot be reached")

    def _opened(self, question: Question, reply: TierReply, order: Order, state: TenantState) -> Stored | None:
        """None: the parent has something else, or nothing; whatever it is, it is not what was asked for."""
        if reply.status != 200:
            return None
        resolved = order.resolved
        context = context_of(question, order.way.key, state.name_key, resolved, self.region)
        try:
            header, body = open_sealed(resolved.rendition_key, context, reply.body)
            said = msgspec.msgpack.decode(header, type=TierHead)
        except (SealBroken, msgspec.MsgspecError):
            return None
        if said.epoch != resolved.epoch or said.head.body_bytes != len(body):
            return None
        return Stored(head=_head(said, order), body=body)


def _head(said: TierHead, order: Order) -> StoredHead:
    """As of the smaller of both sequences: what either of them had not seen may void it."""
    resolved = order.resolved
    return msgspec.structs.replace(
        said.head,
        tenant=order.policy.tenant,
        names=order.names,
        access=access_of(order),
        epoch=resolved.epoch,
        sequence=min(said.applied, order.sequence),
        config_revision=resolved.config_revision,
        stored_at=order.now - said.age_seconds,
        ttl_seconds=float(order.policy.lifetimes.edge_seconds_max),
    )
