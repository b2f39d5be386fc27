"""The guard in front of every store: no bytes in or out without a permit for this tenant, this place, this moment."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable

from domicile.media.asset import Aid
from domicile.media.errors import OutsideRegion
from domicile.media.policy import Activity, Permit
from origin.store.port import Blob, BlobStore


class GuardedStore:
    """Decorates a store that lies in `region`. `now` is the wall clock in seconds."""

    def __init__(self, inner: BlobStore, *, region: str, now: Callable[[], float]) -> None:
        self._inner = inner
        self._region = region
        self._now = now

    @property
    def evidence(self) -> str:
        return self._inner.evidence

    async def put(self, tenant: str, aid: Aid, pieces: AsyncIterable[bytes], permit: Permit) -> None:
        permit.require(Activity.STORE, tenant)
        if permit.place.region != self._region:
            raise OutsideRegion(f"this store lies in {self._region}")
        self._in_time(permit)
        await self._inner.put(tenant, aid, pieces, permit)

    async def size(self, tenant: str, aid: Aid) -> int:
        return await self._inner.size(tenant, aid)

    async def read(self, tenant: str, aid: Aid, start: int, end: int, permit: Permit) -> AsyncIterator[bytes]:
        """`permit`: to TRANSFORM at the reader's place, or to STORE here."""
        if permit.activity is not Activity.TRANSFORM:
            permit.require(Activity.STORE, tenant)
        permit.require(permit.activity, tenant)
        self._in_time(permit)
        async for piece in self._inner.read(tenant, aid, start, end, permit):
            yield piece

    async def delete(self, tenant: str, aid: Aid) -> bool:
        return await self._inner.delete(tenant, aid)

    def list(self, after: str = "") -> AsyncIterator[Blob]:
        return self._inner.list(after)

    def _in_time(self, permit: Permit) -> None:
        if self._now() >= permit.valid_until:
            raise OutsideRegion("the permit has run out")
