"""Files that are too large to be made or kept here: a viewer's piece is asked of the origin when it is his turn.

Rules of the file: what is asked for is ciphertext and a permit goes along, each time; the origin gives no byte of an aid that is
not live. The version is immutable, so that lease and fence, which are looked at before each piece as for every body, judge
all of it by the sequence of the answer that named it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from domicile.media.asset import Aid
from domicile.media.errors import AssetNotFound, OutsideRegion
from domicile.media.policy import Activity, Permit
from domicile.media.sealed import CHUNK_BYTES, Opener, SealBroken, SealContext, preamble_bytes
from domicile.media.wire import Resolved
from domicile.service.gate.wire import WireClient
from edge.following import TenantState
from edge.metrics import Add, Count
from edge.permits import Permits

ASKED_AT_ONCE_BYTES = 16 * CHUNK_BYTES
"""Plaintext in memory for one viewer; no connection to the origin is held while he takes it."""
FIRST_READ_BYTES = 8 * 1024
"""Holds the preamble of every original, whose header is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Of one worker."""

    wire: WireClient
    permits: Permits
    count: Add
    bytes_min: int

    def of(self, resolved: Resolved, state: TenantState) -> RelayedBody | None:
        """The original, to be read while it is sent; None for one that is small enough to be held. Raises OutsideRegion."""
        if resolved.facts.body_bytes < self.bytes_min:
            return None
        if resolved.original_key is None:
            raise OutsideRegion("Not available from this region")
        return RelayedBody(
            wire=self.wire,
            leave=lambda: self.permits.require(state, Activity.TRANSFORM),
            aid=resolved.aid,
            key=resolved.original_key,
            context=SealContext.original(tenant=state.tenant, aid=resolved.aid, region=state.home),
            epoch=resolved.epoch,
            body_bytes=resolved.facts.body_bytes,
            count=self.count,
        )


@dataclass(slots=True, kw_only=True)
class RelayedBody:
    """One original, for any number of readers. `leave`: a permit (Activity.TRANSFORM), asked for each time."""

    wire: WireClient
    leave: Callable[[], Permit]
    aid: Aid
    key: bytes = field(repr=False)
    context: SealContext
    epoch: int
    body_bytes: int
    count: Add
    _opener: Opener | None = None

    async def pieces(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """See `Body`. Raises also UpstreamUnavailable, OutsideRegion, and AssetNotFound when it has gone meanwhile."""
        while start < end:
            stop = min(end, (start // ASKED_AT_ONCE_BYTES + 1) * ASKED_AT_ONCE_BYTES)
            for piece in await self._read(start, stop):
                yield piece
            start = stop

    def close(self) -> None:
        """Nothing is open."""

    async def _read(self, start: int, end: int) -> list[bytes]:
        opener = self._opener = self._opener or await self._opened()
        first = start // CHUNK_BYTES
        sealed, _ = await self._sealed(*opener.span(start, end - 1))
        chunks = list(opener.open_span(first, sealed))
        chunks[0] = chunks[0][start - first * CHUNK_BYTES :]
        chunks[-1] = chunks[-1][: len(chunks[-1]) - (sum(map(len, chunks)) - (end - start))]
        return chunks

    async def _opened(self) -> Opener:
        start, file_bytes = await self._sealed(0, FIRST_READ_BYTES)
        opener = Opener(self.key, self.context, preamble=start[: preamble_bytes(start)], file_bytes=file_bytes)
        if opener.body_bytes != self.body_bytes:
            raise SealBroken("the original has another length than was said")
        return opener

    async def _sealed(self, start: int, end: int) -> tuple[bytes, int]:
        """What lies there, up to the end of the file, and how long that is."""
        self.count(Count.ORIGIN_BLOBS)
        async with self.wire.blob(self.leave(), self.aid, start=start, end=end) as blob:
            if blob.epoch != self.epoch:
                raise AssetNotFound("The origin has begun anew")
            sealed = await blob.read(end - start)
        self.count(Count.ORIGIN_BYTES, len(sealed))
        return sealed, blob.file_bytes
