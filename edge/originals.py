"""Originals that were fetched a moment ago, kept in the clear and in memory: ten sizes of one picture fetch it once.

Rules of the file: each is judged like every copy, at every look-up, by the sequence that the origin had applied when it was
read, and together with all that the rendition shows and is found by: if that would be void, the original is fetched anew.
Only the transfer is saved: what a name means now, and whether this region may have the original and its key, the origin is
asked for each rendition.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from domicile.media.asset import Aid, NameHash
from domicile.service.pool_files import SourceFile
from edge.store.port import Judged

KEPT_MAX = 64
"""Of one worker; each is an open descriptor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """An original as it was read, and what is made of it: of nothing else while it only lies here."""

    tenant: str
    aid: Aid
    epoch: int
    sequence: int
    contributors: tuple[Aid, ...]
    names: tuple[NameHash, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    read: Read
    source: SourceFile
    until: float


class KeptOriginals:
    """Bounded in bytes and in time, the oldest out first. Closing what it gives is the caller's."""

    def __init__(
        self,
        *,
        bytes_max: int,
        seconds_max: float,
        is_fresh: Callable[[Judged], bool],
        clock: Callable[[], float],
    ) -> None:
        """`is_fresh`: the fence (`Lookup.is_fresh`). `clock`: monotonic seconds."""
        self._bytes_max = bytes_max
        self._seconds_max = seconds_max
        self._is_fresh = is_fresh
        self._clock = clock
        self._kept: dict[tuple[str, Aid], _Kept] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def bytes_used(self) -> int:
        return self._bytes

    def takes(self, body_bytes: int) -> bool:
        return body_bytes <= self._bytes_max

    def get(
        self, tenant: str, aid: Aid, *, epoch: int, contributors: tuple[Aid, ...], names: tuple[NameHash, ...]
    ) -> tuple[SourceFile, int] | None:
        """A handle of its own on the same bytes, and the sequence that they were read at.

        `contributors`, `names`: of the rendition that is to be made.
        """
        kept = self._kept.get((tenant, aid))
        if kept is None:
            return None
        read = kept.read
        asked = replace(read, contributors=(aid, *contributors), names=names)
        if read.epoch != epoch or kept.until <= self._clock() or not self._is_fresh(asked):
            self._drop(tenant, aid)
            return None
        source = _duplicate(kept.source)
        if source is None:
            self._drop(tenant, aid)
            return None
        return source, read.sequence

    def put(self, read: Read, source: SourceFile, *, seconds_max: float) -> None:
        """Keep a handle on it, unless it is too large, stale by now, or there is no descriptor for it. `seconds_max`: what the policy allows."""
        seconds = min(self._seconds_max, seconds_max)
        if seconds <= 0 or not self.takes(source.size) or not self._is_fresh(read):
            return
        own = _duplicate(source)
        if own is None:
            return
        self._drop(read.tenant, read.aid)
        while len(self._kept) >= KEPT_MAX or self._bytes + source.size > self._bytes_max:
            self._drop(*next(iter(self._kept)))
        until = self._clock() + seconds
        self._kept[read.tenant, read.aid] = _Kept(read=read, source=own, until=until)
        self._bytes += source.size

    def drop_stale(self, tenant: str) -> None:
        """After an entry: what the fence forbids by now."""
        self._drop_if(lambda kept: kept.read.tenant == tenant and not self._is_fresh(kept.read))

    def count_of(self, tenant: str, aids: Collection[Aid]) -> int:
        """How many are of these versions, or hold bytes of them."""
        return sum(
            kept.read.tenant == tenant and not set(aids).isdisjoint((kept.read.aid, *kept.read.contributors))
            for kept in self._kept.values()
        )

    def drop_tenant(self, tenant: str) -> None:
        self._drop_if(lambda kept: kept.read.tenant == tenant)

    def sweep(self) -> None:
        """What has been kept for long enough."""
        now = self._clock()
        self._drop_if(lambda kept: kept.until <= now)

    def clear(self) -> None:
        self._drop_if(lambda _: True)

    def _drop_if(self, goes: Callable[[_Kept], bool]) -> None:
        for tenant, aid in [key for key, kept in self._kept.items() if goes(kept)]:
            self._drop(tenant, aid)

    def _drop(self, tenant: str, aid: Aid) -> None:
        kept = self._kept.pop((tenant, aid), None)
        if kept is not None:
            self._bytes -= kept.source.size
            kept.source.close()


def _duplicate(source: SourceFile) -> SourceFile | None:
    """None where the process has no descriptor left: keeping is given up, and not the rendition."""
    try:
        return source.duplicate()
    except OSError:
        return None
