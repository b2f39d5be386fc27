"""An original in the clear, for what the origin itself makes of it, or hands out."""

from __future__ import annotations

from domicile.media.errors import AssetNotFound
from domicile.media.policy import Permit
from domicile.media.sealed import SealContext
from origin.records.bodies import Body
from origin.records.core import Core
from origin.records.edges import Edges
from origin.records.lineage import original_key
from origin.records.stored_bodies import StoredBody
from origin.records.types import AssetRecord


async def open_original(core: Core, edges: Edges, record: AssetRecord, permit: Permit) -> Body:
    """The uploaded bytes. `permit`: Activity.STORE here. Raises AssetNotFound when aid or key have gone; reading it does, too."""
    aid, data_key = record.aid, core.keyring.of(record.aid)
    key = None if data_key is None else original_key(core.keyring, aid, data_key, record.sources)
    if key is None:
        raise AssetNotFound("no such asset")
    blob = await edges.read_original(aid, permit, None)
    return StoredBody(
        blobs=core.blobs,
        tenant=blob.tenant,
        aid=aid,
        key=key,
        context=SealContext.original(tenant=blob.tenant, aid=aid, region=core.settings.region),
        body_bytes=record.body_bytes,
        leave=lambda: permit,
        is_live=lambda: all(core.keyring.of(one) is not None for one in (aid, *record.sources)),
    )
