"""Fetching the originals of a rendition from the origin: ciphertext in, plaintext into anonymous memory.

Every answer states the sequence that the origin had applied; the smallest one of a fill is what the fence judges it by.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from weakref import WeakValueDictionary

from domicile.media.asset import Aid, NameHash
from domicile.media.errors import AssetNotFound, LimitExceeded, OutsideRegion, UpstreamUnavailable
from domicile.media.policy import Activity, Permit
from domicile.media.sealed import SealBroken, SealContext
from domicile.media.wire import Resolved, ResolvedLayer
from domicile.service.gate.wire import WireClient
from domicile.service.gate.wire_answers import Blob
from domicile.service.pool_files import SourceFile
from edge.following import TenantState
from edge.metrics import Add, Count
from edge.originals import KeptOriginals, Read
from edge.permits import Permits
from edge.unseal import StreamOpener
from edge.upstream import failures_counted


class Changed(Exception):
    """The asset changed between two questions: ask again from the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Originals:
    """Of one rendition, in the clear and sealed against changes."""

    base: SourceFile
    layers: tuple[SourceFile, ...]
    """Of those that are shown, in the order of `Resolved.layers`."""
    sequence: int
    """The smallest of all answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """One original of a rendition."""

    aid: Aid
    key: bytes | None
    body_bytes: int
    of: Resolved
    names: tuple[NameHash, ...]


class Fetcher:
    """Of one worker."""

    def __init__(
        self,
        wire: WireClient,
        *,
        permits: Permits,
        kept: KeptOriginals,
        count: Add,
        source_bytes_max: int,
        layers_bytes_max: int,
    ) -> None:
        self._wire = wire
        self._permits = permits
        self._kept = kept
        self._fetching: WeakValueDictionary[tuple[str, Aid, int], asyncio.Lock] = WeakValueDictionary()
        self._count = count
        self._source_bytes_max = source_bytes_max
        self._layers_bytes_max = layers_bytes_max

    @asynccontextmanager
    async def originals(
        self, resolved: Resolved, state: TenantState, layers: Sequence[ResolvedLayer], names: tuple[NameHash, ...]
    ) -> AsyncIterator[Originals]:
        """The original, and those of `layers`; all are closed at the end of the block, however it ends.

        `names`: whose entries make void what is made of them. Raises Changed when one of the assets went away or the
        origin's epoch moved meanwhile, LimitExceeded.
        """
        if sum(layer.facts.body_bytes for layer in layers) > self._layers_bytes_max:
            raise LimitExceeded("File size of all layers too large")
        shown: list[Resolved | ResolvedLayer] = [resolved, *layers]
        wanted = [
            _Wanted(aid=one.aid, key=one.original_key, body_bytes=one.facts.body_bytes, of=resolved, names=names)
            for one in shown
        ]
        files: dict[Aid, SourceFile] = {}
        sequence, left = resolved.sequence, self._layers_bytes_max
        with ExitStack() as opened:
            for one in wanted:
                if one.aid in files:  # it lies over itself, or twice
                    continue
                bytes_max = min(self._source_bytes_max, left) if files else self._source_bytes_max
                source, applied = await self._original(one, state, bytes_max=bytes_max)
                opened.enter_context(source)
                left -= source.size if files else 0
                files[one.aid] = source
                sequence = min(sequence, applied)
            yield Originals(
                base=files[resolved.aid],
                layers=tuple(files[layer.aid] for layer in layers),
                sequence=sequence,
            )

    async def _original(self, wanted: _Wanted, state: TenantState, *, bytes_max: int) -> tuple[SourceFile, int]:
        """One original, which the caller closes, and the sequence of the answer that it came with.

        It may have come a moment ago, or come now for several who want it, if copies may be kept here.
        """
        if wanted.key is None:
            raise OutsideRegion("Not available from this region")
        permit = self._permits.require(state, Activity.TRANSFORM)
        if self._permits.find(state, Activity.CACHE) is None or not self._kept.takes(wanted.body_bytes):
            return await self._fetched(wanted, wanted.key, state, permit, bytes_max=bytes_max)
        # Who came after an entry does not wait for a fetch that began before it.
        fetch = state.tenant, wanted.aid, state.fence.applied
        async with self._fetching.setdefault(fetch, asyncio.Lock()):
            kept = self._kept.get(
                state.tenant,
                wanted.aid,
                epoch=wanted.of.epoch,
                contributors=wanted.of.contributors,
                names=wanted.names,
            )
            if kept is not None:
                return kept
            source, sequence = await self._fetched(wanted, wanted.key, state, permit, bytes_max=bytes_max)
            read = Read(
                tenant=state.tenant,
                aid=wanted.aid,
                epoch=wanted.of.epoch,
                sequence=sequence,
                contributors=(wanted.aid,),
            )
            if self._permits.find(state, Activity.CACHE) is not None:  # the policy may be another one by now
                self._kept.put(read, source, seconds_max=float(state.policy.lifetimes.edge_seconds_max))
            return source, sequence

    async def _fetched(
        self, wanted: _Wanted, key: bytes, state: TenantState, permit: Permit, *, bytes_max: int
    ) -> tuple[SourceFile, int]:
        self._count(Count.ORIGIN_BLOBS)
        context = SealContext.original(tenant=state.tenant, aid=wanted.aid, region=state.home)
        try:
            with failures_counted(self._count):
                async with self._wire.blob(permit, wanted.aid) as blob:
                    if blob.epoch != wanted.of.epoch:
                        raise Changed
                    if blob.file_bytes > bytes_max:
                        raise LimitExceeded("File size too large")
                    return await self._open(blob, key, context), blob.sequence
        except AssetNotFound as gone:
            raise Changed from gone
        except SealBroken as broken:
            raise UpstreamUnavailable("The origin sent something that does not open") from broken

    async def _open(self, blob: Blob, key: bytes, context: SealContext) -> SourceFile:
        opener = StreamOpener(key, context, file_bytes=blob.file_bytes)
        source = SourceFile()
        try:
            async for piece in blob.pieces():
                self._count(Count.ORIGIN_BYTES, len(piece))
                for plain in opener.feed(piece):
                    source.write(plain)
            for plain in opener.finish():
                source.write(plain)
            source.seal()
        except BaseException:
            source.close()
            raise
        return source
