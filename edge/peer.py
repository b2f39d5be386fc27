"""The talk between workers: question and answer as they travel over `worker-<slot>.sock`.

question = msgpack(Question)
answer   = 200: head msgpack(AnswerHead), body the object's, unless it is on disk     otherwise: head msgpack(PeerRefusal)
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from domicile.media import errors
from domicile.media.errors import MediaError
from domicile.media.pending import NO_HINTS, Hints
from domicile.media.timing import Span
from domicile.service.gate.peer import PeerGone, PeerReply
from domicile.service.gate.wire_answers import KINDS
from edge.flight import Outcome, Published
from edge.store.port import Stored, StoredHead
from edge.upstream import AssetGone

_CODES = {kind: code for code, kind in KINDS.items()}


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever asks has checked tenant, policy, signature and token."""

    raw_path: str
    accept: str
    hints: Hints = NO_HINTS
    token: str = ""
    token_until: float = 0.0


class AnswerHead(msgspec.Struct, frozen=True, kw_only=True):
    """`position`: which reading of the path it is. `tier` None: made for this question."""

    head: StoredHead
    key: str
    """Under which cache key: it says what a named transformation meant to the owner, and what its policy redacts."""
    on_disk: bool
    """No body follows: it is in its file, which every worker of the node can read."""
    is_relayed: bool = False
    """No body follows: whoever asks reads it from the origin by himself."""
    position: int
    tier: str | None
    collapsed: bool
    kept: bool
    spans: tuple[tuple[str, float | None, str | None], ...]


class PeerRefusal(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    message: str
    status: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerAnswer:
    head: AnswerHead
    outcome: Outcome

    @property
    def spans(self) -> tuple[Span, ...]:
        return tuple(Span(*span) for span in self.head.spans)


def encode_head(answer: AnswerHead) -> bytes:
    return msgspec.msgpack.encode(answer)


def encode_refusal(error: MediaError) -> bytes:
    code = next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), "upstream_unavailable")
    status = error.status if isinstance(error, AssetGone) else 0
    return msgspec.msgpack.encode(PeerRefusal(code=code, message=error.message, status=status))


def decode_answer(reply: PeerReply) -> PeerAnswer:
    """Raises the owner's MediaError. PeerGone for what cannot be read, and when the owner may not serve just now."""
    try:
        if reply.status != 200:
            raise _refused(msgspec.msgpack.decode(reply.head, type=PeerRefusal))
        head = msgspec.msgpack.decode(reply.head, type=AnswerHead)
    except msgspec.MsgspecError as odd:
        raise PeerGone("an answer that cannot be read") from odd
    if len(reply.body) != (0 if head.on_disk or head.is_relayed else head.head.body_bytes):
        raise PeerGone("a body of another length")
    outcome = Published(head=head.head) if head.on_disk else Stored(head=head.head, body=reply.body)
    return PeerAnswer(head=head, outcome=outcome)


def _refused(refusal: PeerRefusal) -> Exception:
    kind = KINDS.get(refusal.code, errors.UpstreamUnavailable)
    if kind is errors.LeaseLost:
        return PeerGone("the owner may not serve now")
    if kind is errors.AssetNotFound:
        return AssetGone(refusal.message, refusal.status or 404)
    return kind(refusal.message)
