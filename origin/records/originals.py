"""An original in the clear, for what the origin itself makes of it: in memory, for as long as the call lasts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from domicile.media.asset import Aid
from domicile.media.errors import AssetNotFound
from domicile.media.policy import Permit
from domicile.media.sealed import SealContext, open_sealed
from origin.records.core import Core
from origin.records.edges import Edges
from origin.records.lineage import original_key
from origin.records.types import AssetRecord
from origin.store.port import BlobMissing


async def open_original(core: Core, edges: Edges, record: AssetRecord, permit: Permit) -> bytes:
    """The uploaded bytes. `permit`: Activity.STORE here. Raises AssetNotFound when aid or key have gone, SealBroken."""
    aid, data_key = record.aid, core.keyring.of(record.aid)
    key = None if data_key is None else original_key(core.keyring, aid, data_key, record.sources)
    if key is None:
        raise AssetNotFound("no such asset")
    blob = await edges.read_original(aid, permit, None)
    return await _opened(core, blob.tenant, aid, key, blob.pieces)


async def open_stored(core: Core, tenant: str, aid: Aid, key: bytes, permit: Permit) -> bytes:
    """The same of a file that is no version which anybody is served: a piece of one, one under retention. AssetNotFound."""
    try:
        size = await core.blobs.size(tenant, aid)
        return await _opened(core, tenant, aid, key, core.blobs.read(tenant, aid, 0, size, permit))
    except BlobMissing as missing:
        raise AssetNotFound("it has just gone") from missing


async def _opened(core: Core, tenant: str, aid: Aid, key: bytes, pieces: AsyncIterator[bytes]) -> bytes:
    sealed = b"".join([piece async for piece in pieces])
    context = SealContext.original(tenant=tenant, aid=aid, region=core.settings.region)
    _, body = await asyncio.to_thread(open_sealed, key, context, sealed)
    return body
