"""Asking the origin what a name means now: the first way that exists, or what stands in for it, with all that lies over it.

Every answer states the sequence that the origin had applied; the smallest one of a fill is what the fence judges it by.
Originals are fetched by `edge.fetch`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from domicile.media.asset import NameHash
from domicile.media.errors import AssetNotFound, UpstreamUnavailable
from domicile.media.layer import LayerName
from domicile.media.policy import Activity
from domicile.media.wire import Absent, Resolved, ResolveRequest
from domicile.service.gate.wire import WireClient
from edge.following import TenantState
from edge.metrics import Add, Count
from edge.names import Negatives
from edge.permits import Permits
from edge.wanted import Wanted, Way


class AssetGone(AssetNotFound):
    """The name has a status of its own: 404, or what the tenant's policy says of erased assets."""

    def __init__(self, message: str, status: int, *, remembered: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.remembered = remembered


class Upstream:
    """Names that a worker asks the origin for."""

    def __init__(
        self,
        wire: WireClient,
        *,
        permits: Permits,
        negatives: Negatives,
        count: Add,
        region: str,
        clock: Callable[[], float],
    ) -> None:
        """`clock`: monotonic seconds."""
        self._wire = wire
        self._permits = permits
        self._negatives = negatives
        self._count = count
        self._region = region
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
        with failures_counted(self._count):
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
def failures_counted(count: Add) -> Iterator[None]:
    """Around a request to the origin."""
    try:
        yield
    except UpstreamUnavailable:
        count(Count.ORIGIN_FAILURES)
        raise


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
