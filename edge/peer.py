"""The talk between workers: question and answer as they travel over `worker-<slot>.sock`.

question = msgpack(Question)
answer   = 200: length (u32, big-endian) | msgpack(AnswerHead) | body        otherwise: msgpack(PeerRefusal)
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import msgspec

from domicile.media import errors
from domicile.media.errors import MediaError
from domicile.media.pending import NO_HINTS, Hints
from domicile.media.timing import Span
from domicile.service.gate.peer import PeerGone
from domicile.service.gate.wire import KINDS
from edge.store.port import Stored, StoredHead
from edge.upstream import AssetGone

QUESTION_BYTES_MAX = 16 * 1024
ANSWER_HEAD_BYTES_MAX = 64 * 1024

_CODES = {kind: code for code, kind in KINDS.items()}


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever asks has checked tenant, policy and signature."""

    raw_path: str
    accept: str
    hints: Hints = NO_HINTS


class AnswerHead(msgspec.Struct, frozen=True, kw_only=True):
    """`position`: which reading of the path it is. `tier` None: made for this question."""

    head: StoredHead
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
    stored: Stored

    @property
    def spans(self) -> tuple[Span, ...]:
        return tuple(Span(*span) for span in self.head.spans)


def encode_head(answer: AnswerHead) -> bytes:
    """What goes before the body."""
    encoded = msgspec.msgpack.encode(answer)
    return struct.pack(">I", len(encoded)) + encoded


def encode_refusal(error: MediaError) -> bytes:
    code = next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), "upstream_unavailable")
    status = error.status if isinstance(error, AssetGone) else 0
    return msgspec.msgpack.encode(PeerRefusal(code=code, message=error.message, status=status))


def decode_answer(status: int, body: bytes) -> PeerAnswer:
    """Raises the owner's MediaError. PeerGone for what cannot be read, and when the owner may not serve just now."""
    try:
        if status != 200:
            raise _refused(msgspec.msgpack.decode(body, type=PeerRefusal))
        (length,) = struct.unpack_from(">I", body)
        if length > ANSWER_HEAD_BYTES_MAX:
            raise PeerGone("a head that is too long")
        head = msgspec.msgpack.decode(body[4 : 4 + length], type=AnswerHead)
        answer = PeerAnswer(head=head, stored=Stored(head=head.head, body=body[4 + length :]))
    except (msgspec.MsgspecError, struct.error) as odd:
        raise PeerGone("an answer that cannot be read") from odd
    if len(body) - 4 - length != head.head.body_bytes:
        raise PeerGone("a body of another length")
    return answer


def _refused(refusal: PeerRefusal) -> Exception:
    kind = KINDS.get(refusal.code, errors.UpstreamUnavailable)
    if kind is errors.LeaseLost:
        return PeerGone("the owner may not serve now")
    if kind is errors.AssetNotFound:
        return AssetGone(refusal.message, refusal.status or 404)
    return kind(refusal.message)
