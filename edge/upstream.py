"""Asking the origin: a name for an asset, an asset for its original. Ciphertext in, plaintext into anonymous memory.

Every answer states the sequence that the origin had applied; the smallest one of a fill is what the fence judges it by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from domicile.media.asset import NameHash
from domicile.media.errors import AssetNotFound, LimitExceeded, OutsideRegion, UpstreamUnavailable
from domicile.media.policy import Activity, Permit
from domicile.media.sealed import SealBroken, SealContext
from domicile.media.wire import Absent, Resolved, ResolveRequest
from domicile.service.gate.wire import Blob, WireClient
from domicile.service.pool_files import SourceFile
from edge.following import TenantState
from edge.keys import Wanted, Way
from edge.metrics import Add, Count
from edge.names import Negatives
from edge.permits import Permits
from edge.unseal import StreamOpener


class AssetGone(AssetNotFound):
    """The name has a status of its own: 404, or what the tenant's policy says of erased assets."""

    def __init__(self, message: str, status: int, *, remembered: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.remembered = remembered


class Changed(Exception):
    """The asset changed between two questions: ask again from the start."""


class Upstream:
    """What a worker asks the origin for."""

    def __init__(
        self,
        wire: WireClient,
        *,
        permits: Permits,
        negatives: Negatives,
        count: Add,
        region: str,
        source_bytes_max: int,
        clock: Callable[[], float],
    ) -> None:
        """`clock`: monotonic seconds."""
        self._wire = wire
        self._permits = permits
        self._negatives = negatives
        self._count = count
        self._region = region
        self._source_bytes_max = source_bytes_max
        self._clock = clock

    async def resolve(self, wanted: Wanted, state: TenantState) -> Resolved:
        """The first way that exists, or the default image: its `name` is none of the ways' then.

        AssetGone, BadSignature, OutsideRegion, UpstreamUnavailable, Overloaded.
        """
        asks_rendition = bool(wanted.ways[0].candidate.transformation)
        resolved = await self._ask(wanted, state, wanted.ways, transformed=asks_rendition)
        if isinstance(resolved, Absent):
            return await self._stand_in(wanted, state, resolved)
        way = wanted.ways[resolved.index]
        if bool(way.candidate.transformation) == asks_rendition:
            return resolved
        # Another way won, and that one asks for an original (or a rendition): other rights, so the question was wrong.
        again = await self._ask(wanted, state, (way,), transformed=not asks_rendition)
        if isinstance(again, Absent):
            raise not_found(wanted, again.status)
        return msgspec.structs.replace(again, index=resolved.index)

    async def _stand_in(self, wanted: Wanted, state: TenantState, absent: Absent) -> Resolved:
        """The default image, as of the smaller sequence of both answers: an asset made since then voids it.

        Whoever asks has been let pass for the asset itself (the origin judges that before it looks), and the default is
        of type upload, which is for everybody.
        """
        default = wanted.default
        if default is None:
            raise not_found(wanted, absent.status)
        found = await self._put(
            state,
            ResolveRequest(
                cloud=wanted.request.cloud,
                resource_type="image",
                delivery_type="upload",
                public_ids=(default.public_id,),
                transformed=True,
                region=self._region,
                labels=wanted.reads_labels,
                coordinates=wanted.reads_coordinates,
            ),
            (default.name,),
        )
        if isinstance(found, Absent):
            raise not_found(wanted, absent.status)
        if found.epoch != absent.epoch:
            raise UpstreamUnavailable("The asset is changing; try again")
        return msgspec.structs.replace(found, index=0, sequence=min(found.sequence, absent.sequence))

    async def original(self, resolved: Resolved, state: TenantState) -> tuple[SourceFile, int]:
        """The original in the clear, sealed against changes, and the smallest sequence of both answers.

        Raises Changed when the asset went away or the origin's epoch moved meanwhile. The caller closes the file.
        """
        if resolved.original_key is None:
            raise OutsideRegion("Not available from this region")
        permit = self._permits.require(state, Activity.TRANSFORM)
        self._count(Count.ORIGIN_BLOBS)
        try:
            with self._failures_counted():
                return await self._fetched(permit, resolved, state)
        except AssetNotFound as gone:
            raise Changed from gone

    async def _fetched(self, permit: Permit, resolved: Resolved, state: TenantState) -> tuple[SourceFile, int]:
        assert resolved.original_key is not None
        try:
            async with self._wire.blob(permit, resolved.aid) as blob:
                if blob.epoch != resolved.epoch:
                    raise Changed
                if blob.file_bytes > self._source_bytes_max:
                    raise LimitExceeded("File size too large")
                context = SealContext.original(tenant=state.tenant, aid=resolved.aid, region=state.home)
                source = await self._open(blob, resolved.original_key, context)
                return source, min(resolved.sequence, blob.sequence)
        except SealBroken as broken:
            raise UpstreamUnavailable("The origin sent something that does not open") from broken

    async def _ask(
        self, wanted: Wanted, state: TenantState, ways: tuple[Way, ...], *, transformed: bool
    ) -> Resolved | Absent:
        request = wanted.request
        return await self._put(
            state,
            ResolveRequest(
                cloud=request.cloud,
                resource_type=request.resource_type,
                delivery_type=request.delivery_type,
                public_ids=tuple(way.candidate.public_id for way in ways),
                transformed=transformed,
                region=self._region,
                signature=request.signature,
                signed_texts=tuple(way.candidate.signed_text for way in ways),
                labels=any(way.labels is not None for way in ways),
                coordinates=any(way.coordinates is not None for way in ways),
            ),
            tuple(way.name for way in ways),
        )

    async def _put(
        self, state: TenantState, question: ResolveRequest, names: tuple[NameHash, ...]
    ) -> Resolved | Absent:
        """Ask; what is absent is remembered by `names`."""
        permit = self._permits.require(state, Activity.METADATA)
        self._count(Count.ORIGIN_RESOLVES)
        with self._failures_counted():
            answer = await self._wire.resolve(permit, question)
        if answer.absent is not None:
            absent = answer.absent
            self._negatives.learn(
                state.tenant, names, sequence=absent.sequence, status=absent.status, now=self._clock()
            )
            return absent
        if answer.resolved is None or not 0 <= answer.resolved.index < len(names):
            raise UpstreamUnavailable("The origin answered with something that cannot be used")
        return answer.resolved

    @contextmanager
    def _failures_counted(self) -> Iterator[None]:
        try:
            yield
        except UpstreamUnavailable:
            self._count(Count.ORIGIN_FAILURES)
            raise

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


def not_found(wanted: Wanted, status: int, *, remembered: bool = False) -> AssetGone:
    """Cloudinary's words, with the name as the caller wrote it. `remembered`: the origin was not asked for this."""
    return AssetGone(f"Resource not found - {wanted.ways[0].candidate.public_id}", status, remembered=remembered)
