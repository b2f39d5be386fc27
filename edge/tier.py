"""The talk between a child edge and its parent: question, sealed answer, and what may travel at all.

question = msgpack(Question)
answer   = 200: a file sealed under the object's rendition key, bound to this question; its header is msgpack(TierHead)
           otherwise: msgpack(PeerRefusal), as between workers

The child has resolved the name at the origin itself, a moment ago: it has the key of exactly these contributors, and no other opens
the answer. What it cannot know is how old the bytes are. So the parent says how far it had applied the tenant's journal when
it found the object fresh: it is as good as one that was read then, and the child's fence judges it by that.
"""

from __future__ import annotations

import msgspec

from domicile.media.keys import file_name
from domicile.media.pending import NO_HINTS, Hints
from domicile.media.sealed import SealContext
from domicile.media.wire import Resolved
from edge.store.port import StoredHead
from edge.wanted import Way

NONCE_BYTES = 16


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a viewer asked the child for."""

    tenant: str
    raw_path: str
    accept: str
    hints: Hints = NO_HINTS
    nonce: str
    """Random, 32 hex digits: an answer to another question does not open."""


class TierHead(msgspec.Struct, frozen=True, kw_only=True):
    """What the parent says of the object. Sealed with it."""

    head: StoredHead
    epoch: int
    applied: int
    """The parent's fence had applied this much, and found the object fresh."""
    age_seconds: float


def context_of(
    question: Question, way_key: str, name_key: bytes, head_of: Resolved | StoredHead, region: str
) -> SealContext:
    """What an answer is bound to: the question, the child's region, the contributors, and the cache key, which says under what
    policy, redaction and named transformations it was made.
    """
    variant = f"tier/{question.nonce}/{file_name(name_key, way_key)}"
    return SealContext(tenant=question.tenant, aids=head_of.contributors, variant=variant, region=region)


def may_travel(way: Way, *, parent_region: str, child_region: str) -> bool:
    """Originals do not cross regions, and delivery without a transformation counts as one (decisions M)."""
    return parent_region == child_region or bool(way.candidate.transformation)
