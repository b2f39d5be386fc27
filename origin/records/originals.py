"""An original in the clear, for what the origin itself makes of it: in memory, for as long as the call lasts."""

from __future__ import annotations

import asyncio

from domicile.media.errors import AssetNotFound
from domicile.media.policy import Permit
from domicile.media.sealed import SealContext, open_sealed
from origin.records.core import Core
from origin.records.edges import Edges
from origin.records.lineage import original_key
from origin.records.types import AssetRecord


async def open_original(core: Core, edges: Edges, record: AssetRecord, permit: Permit) -> bytes:
    """The uploaded bytes. `permit`: Activity.STORE here. Raises AssetNotFound when aid or key have gone, SealBroken."""
    aid, data_key = record.aid, core.keyring.of(record.aid)
    key = None if data_key is None else original_key(core.keyring, aid, data_key, record.sources)
    if key is None:
        raise AssetNotFound("no such asset")
    blob = await edges.read_original(aid, permit, None)
    sealed = b"".join([piece async for piece in blob.pieces])
    context = SealContext.original(tenant=blob.tenant, aid=aid, region=core.settings.region)
    _, body = await asyncio.to_thread(open_sealed, key, context, sealed)
    return body
