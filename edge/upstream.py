"""Asking the origin: names for assets, assets for their originals. Ciphertext in, plaintext into anonymous memory.

Every answer states the sequence that the origin had applied; the smallest one of a fill is what the fence judges it by.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from weakref import WeakValueDictionary

import msgspec

from domicile.media.asset import Aid, NameHash
from domicile.media.errors import AssetNotFound, LimitExceeded, OutsideRegion, UpstreamUnavailable
from domicile.media.layer import LayerName
from domicile.media.policy import Activity, Permit
from domicile.media.sealed import SealBroken, SealContext
from domicile.media.wire import Absent, Resolved, ResolvedLayer, ResolveRequest
from domicile.service.gate.wire import WireClient
from domicile.service.gate.wire_answers import Blob
from domicile.service.pool_files import SourceFile
from edge.following import TenantState
from edge.metrics import Add, Count
from edge.names import Negatives
from edge.originals import KeptOriginals, Read
from edge.permits import Permits
from edge.unseal import StreamOpener
from edge.wanted import Wanted, Way


class AssetGone(AssetNotFound):
    """The name has a status of its own: 404, or what the tenant's policy says of erased assets."""

    def __init__(self, message: str, status: int, *, remembered: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.remembered = remembered


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


class Upstream:
    """What a worker asks the origin for."""

    def __init__(
        self,
        wire: WireClient,
        *,
        permits: Permits,
        negatives: Negatives,
        kept: KeptOriginals,
        count: Add,
        region: str,
        source_bytes_max: int,
        layers_bytes_max: int,
        clock: Callable[[], float],
    ) -> None:
        """`clock`: monotonic seconds."""
        self._wire = wire
        self._permits = permits
        self._negatives = negatives
        self._kept = kept
        self._fetching: WeakValueDictionary[tuple[str, Aid, int], asyncio.Lock] = WeakValueDictionary()
        self._count = count
        self._region = region
        self._source_bytes_max = source_bytes_max
        self._layers_bytes_max = layers_bytes_max
        self._clock = clock

    async def resolve(self, wanted: Wanted, state: TenantState) -> Resolved:
        """The first way that exists, or the default image: its `name` is none of the ways' then. With all that lies over it.

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
            raise not_found(wanted, again)
        if again.epoch != resolved.epoch:
            raise UpstreamUnavailable("The asset is changing; try again")
        # Earlier ways were looked for by the first question alone: one that was made since then voids the answer.
        return msgspec.structs.replace(again, index=resolved.index, sequence=min(again.sequence, resolved.sequence))

    async def _stand_in(self, wanted: Wanted, state: TenantState, absent: Absent) -> Resolved:
        """The default image, as of the smaller sequence of both answers: an asset made since then voids it.

        Whoever asks has been let pass for the asset itself (the origin judges that before it looks), and the default is
        of type upload, which is for everybody.
        """
        default, way = wanted.default, wanted.ways[0]
        if default is None or absent.layer is not None:
            raise not_found(wanted, absent)
        found = await self._put(
            state,
            ResolveRequest(
                cloud=wanted.request.cloud,
                resource_type="image",
                delivery_type="upload",
                public_ids=(default.public_id,),
                transformed=True,
                region=self._region,
                judges=True,
                signature=wanted.request.signature if way.has_restricted else None,
                signed_texts=(way.candidate.signed_text,) if way.has_restricted else (),
                labels=wanted.reads_labels,
                coordinates=wanted.reads_coordinates,
                layers=_layers_of((way,)),
            ),
            (default.name,),
            way.overlay_names,
        )
        if isinstance(found, Absent):
            raise not_found(wanted, found if found.layer is not None else absent)
        if found.epoch != absent.epoch:
            raise UpstreamUnavailable("The asset is changing; try again")
        return msgspec.structs.replace(found, index=0, sequence=min(found.sequence, absent.sequence))

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
            with self._failures_counted():
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
                judges=True,
                signature=request.signature,
                signed_texts=tuple(way.candidate.signed_text for way in ways),
                labels=any(way.labels is not None for way in ways),
                coordinates=any(way.reads_coordinates for way in ways),
                layers=_layers_of(ways),
                token="" if wanted.held is None else wanted.held.text,
                target="" if wanted.held is None else wanted.raw_path,
                ending=ways[0].candidate.ending,
            ),
            tuple(way.name for way in ways),
            tuple(name for way in ways for name in way.overlay_names),
        )

    async def _put(
        self, state: TenantState, question: ResolveRequest, names: tuple[NameHash, ...], overlays: tuple[NameHash, ...]
    ) -> Resolved | Absent:
        """Ask; what is absent is remembered by `names`, or of `overlays` those that the origin names."""
        permit = self._permits.require(state, Activity.METADATA)
        self._count(Count.ORIGIN_RESOLVES)
        with self._failures_counted():
            answer = await self._wire.resolve(permit, question)
        if answer.absent is not None:
            absent = answer.absent
            missing = names if absent.layer is None else set(absent.names) & {*names, *overlays}
            self._negatives.learn(
                state.tenant, missing, sequence=absent.sequence, status=absent.status, now=self._clock()
            )
            return absent
        resolved = answer.resolved
        if resolved is None or not 0 <= resolved.index < len(names):
            raise UpstreamUnavailable("The origin answered with something that cannot be used")
        if len(resolved.layers) != (len(question.layers[resolved.index]) if question.layers else 0):
            raise UpstreamUnavailable("The origin answered without what lies over the picture")
        return resolved

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


def _layers_of(ways: tuple[Way, ...]) -> tuple[tuple[LayerName, ...], ...]:
    """For the question: nothing when no way lays anything."""
    return tuple(way.layers for way in ways) if any(way.overlays for way in ways) else ()


def not_found(wanted: Wanted, absent: Absent) -> AssetGone:
    """The picture, or the first one over it that does not exist."""
    missing = wanted.ways[0].candidate.public_id if absent.layer is None else absent.layer.public_id
    return gone(missing, absent.status)


def gone(public_id: str, status: int, *, remembered: bool = False) -> AssetGone:
    """Cloudinary's words, with the name as the caller wrote it. `remembered`: the origin was not asked for this."""
    return AssetGone(f"Resource not found - {public_id}", status, remembered=remembered)
