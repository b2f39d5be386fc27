"""What edges ask for besides names: leases, and the sealed bytes of originals."""

from __future__ import annotations

import re

from sqlalchemy import Connection

from domicile.media.asset import Aid
from domicile.media.errors import AssetNotFound, BadRequest, BootSplit
from domicile.media.journal import Head
from domicile.media.policy import Activity, Deny, Permit, Place, decide
from domicile.media.wire import LeaseAnswer, LeaseRequest, TenantLease
from origin.boots import Showing
from origin.fenced import SPLIT, drop_beat, write_beat
from origin.journal_reading import head_in, read_heads
from origin.records.core import Core
from origin.records.types import SealedBlob
from origin.store.port import BlobMissing
from origin.tenants import Standing

LEASE_SECONDS_WITHOUT_TENANTS = 30.0


def longest_lease_seconds(core: Core) -> float:
    """That an edge can have been given under the policies of now."""
    policies = [standing.policy for standing in core.tenants.all().values()]
    return max([LEASE_SECONDS_WITHOUT_TENANTS, *(policy.lease_seconds for policy in policies if policy)])


_HEX128 = re.compile(r"[0-9a-f]{32}")


class Edges:
    """See `origin.fenced` for why a lease is safe."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def grant_lease(self, request: LeaseRequest) -> LeaseAnswer:
        if not _HEX128.fullmatch(request.node) or not _HEX128.fullmatch(request.boot):
            raise BadRequest("node and boot are 32 hex digits")
        if request.release:
            return await self._core.shield.run(self._release(request))
        return await self._core.shield.run(self._grant(request))

    async def _grant(self, request: LeaseRequest) -> LeaseAnswer:
        core = self._core
        granted, refused = self._admit(request.region)
        seconds = min(
            (standing.policy.lease_seconds for standing in granted.values() if standing.policy),
            default=LEASE_SECONDS_WITHOUT_TENANTS,
        )
        # Registered before the heads are read: whatever commits after the reading knows this instance and waits for it.
        instance = core.leases.register(request, lease_seconds=seconds, tenants=frozenset(granted))
        handed, showing, former_seconds = instance.handed, instance.showing, instance.former_seconds
        known = core.journal.continuity.known()
        async with core.database.write() as connection:
            for gone in core.leases.take_dropped():
                await drop_beat(connection, *gone)
            await write_beat(connection, instance)
            heads = await read_heads(connection)
        core.journal.continuity.check(known, heads)
        if showing is Showing.USED:
            raise BootSplit(SPLIT)
        leases = tuple(
            TenantLease(
                tenant=cloud,
                head=heads[cloud],
                name_key=standing.tenant.name_key,
                file_key=standing.tenant.file_key,
                config_revision=standing.tenant.config_revision,
                policy=standing.policy.to_mapping() if standing.policy else {},
                named={name: named.text for name, named in standing.named.items() if not named.is_spelled_out},
                allowed=tuple(sorted(name for name, named in standing.named.items() if named.allowed_for_strict)),
                token_keys=standing.tenant.token_keys,
            )
            for cloud, standing in sorted(granted.items())
        )
        return LeaseAnswer(
            lease_seconds=seconds,
            region=core.settings.region,
            tenants=leases,
            refused=refused,
            nonce=handed.newest,
            former_seconds=former_seconds,
        )

    async def _release(self, request: LeaseRequest) -> LeaseAnswer:
        if self._core.leases.release(request):
            async with self._core.database.write() as connection:
                await drop_beat(connection, request.node, request.boot)
        return LeaseAnswer(lease_seconds=0.0, region=self._core.settings.region, tenants=(), refused={})

    def _admit(self, region: str) -> tuple[dict[str, Standing], dict[str, str]]:
        """Clouds whose policy lets this region cache or transform, and the reason for each of the others."""
        place, at = Place(name="edge", region=region), self._core.now()
        granted, refused = {}, {}
        for cloud, standing in self._core.tenants.all().items():
            transform = decide(standing.policy, Activity.TRANSFORM, place, at=at)
            cache = decide(standing.policy, Activity.CACHE, place, at=at)
            if isinstance(transform, Deny) and isinstance(cache, Deny):
                refused[cloud] = cache.reason
            else:
                granted[cloud] = standing
        return granted, refused

    async def original_for(self, aid: Aid, place: Place, span: tuple[int, int | None] | None) -> SealedBlob:
        tenant, head = await self._life_of(aid)
        return await self._blob(aid, tenant, head, self._core.permit(tenant, Activity.TRANSFORM, place), span)

    async def read_original(self, aid: Aid, permit: Permit, span: tuple[int, int | None] | None) -> SealedBlob:
        tenant, head = await self._life_of(aid)
        return await self._blob(aid, tenant, head, permit, span)

    async def _life_of(self, aid: Aid) -> tuple[str, Head]:
        """Whose it is, and that tenant's head: of one instant. Raises AssetNotFound."""

        def read(connection: Connection) -> tuple[str, Head] | None:
            tenant = self._core.catalogue.owner_in(connection, aid)
            return None if tenant is None else (tenant, head_in(connection, tenant))

        if (found := await self._core.database.snapshot(read)) is None:
            raise AssetNotFound("no such asset")
        return found

    async def _blob(
        self, aid: Aid, tenant: str, head: Head, permit: Permit, span: tuple[int, int | None] | None
    ) -> SealedBlob:
        core = self._core
        try:
            total = await core.blobs.size(tenant, aid)
        except BlobMissing as missing:
            raise AssetNotFound("no such asset") from missing
        start, end = span or (0, None)
        end = total if end is None else min(end, total)
        if not 0 <= start < end:
            raise BadRequest("the range lies outside the file")
        return SealedBlob(
            tenant=tenant,
            total_bytes=total,
            start=start,
            end=end,
            epoch=head.epoch,
            sequence=head.seq,
            pieces=core.blobs.read(tenant, aid, start, end, permit),
        )
