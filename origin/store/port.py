"""What the origin asks of a place that keeps sealed originals. A store has tests in tests/unit/origin/store."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from domicile.media.asset import Aid
from domicile.media.policy import Permit

AID = re.compile(r"[0-9a-f]{32}")

PIECE_BYTES_MAX = 256 * 1024
"""Largest piece that `read` yields."""


class BlobMissing(Exception):
    """There is no blob of that aid. A plain fact of the store; callers turn it into AssetNotFound or ignore it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """One that is there, as a listing tells of it."""

    tenant: str
    aid: Aid
    written_at: float
    """By the store's clock."""
    can_be_read: bool = True
    """Else there are bytes, of an older version alone, and nobody gets them under this name."""

    @property
    def key(self) -> str:
        return key_of(self.tenant, self.aid)


def key_of(tenant: str, aid: str) -> str:
    """By which blobs are listed: in the order of these texts, not of tenants."""
    return f"{tenant}/{aid}"


class BlobStore(Protocol):
    """Sealed files by (tenant, aid). Bytes are opaque here: stores never see a key."""

    @property
    def evidence(self) -> str:
        """How a blob that was deleted has gone, for statements of erasures."""

    async def put(self, tenant: str, aid: Aid, pieces: AsyncIterable[bytes], permit: Permit) -> None:
        """What `pieces` give, one after the other, which need not lie in memory together; how many bytes they make is not
        known before they end.

        Atomic and durable on return; what is there after an error, also one of `pieces` (which is raised as it is), is what
        was there before: nothing, or another whole one. Idempotent: a retry replaces the whole.
        """

    async def size(self, tenant: str, aid: Aid) -> int:
        """Bytes of the sealed file. Raises BlobMissing."""

    def read(self, tenant: str, aid: Aid, start: int, end: int, permit: Permit) -> AsyncIterator[bytes]:
        """Bytes [start, end) in pieces of at most PIECE_BYTES_MAX; `end` beyond the file stops at its end.

        Raises BlobMissing at the first piece. A blob deleted meanwhile ends whole or raises, it is never cut short.
        """

    async def delete(self, tenant: str, aid: Aid) -> bool:
        """Durable on return. Idempotent: False when there was nothing. Needs no permit: forgetting is always allowed."""

    def list(self, after: str = "") -> AsyncIterator[Blob]:
        """Every blob whose key is greater than `after`, by key; blobs put or deleted meanwhile may or may not appear."""
