"""An original in the clear, for what the origin itself makes of it: in memory, for as long as the call lasts."""

from __future__ import annotations

import asyncio

from domicile.media.asset import Aid
from domicile.media.errors import AssetNotFound
from domicile.media.keys import subkey
from domicile.media.policy import Permit
from domicile.media.sealed import SealContext, open_sealed
from origin.records.core import Core
from origin.records.edges import Edges


async def open_original(core: Core, edges: Edges, aid: Aid, permit: Permit) -> bytes:
    """The uploaded bytes. `permit`: Activity.STORE here. Raises AssetNotFound when aid or key have gone, SealBroken."""
    data_key = core.keyring.of(aid)
    if data_key is None:
        raise AssetNotFound("no such asset")
    blob = await edges.read_original(aid, permit, None)
    sealed = b"".join([piece async for piece in blob.pieces])
    context = SealContext.original(tenant=blob.tenant, aid=aid, region=core.settings.region)
    _, body = await asyncio.to_thread(open_sealed, subkey(data_key, "original"), context, sealed)
    return body
