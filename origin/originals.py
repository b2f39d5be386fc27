"""The original of an asset in the clear, inside the budget that all calls share, and inside what the policy allows here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domicile.media.policy import Activity
from origin.keys import Origin
from origin.records import AssetRecord


@asynccontextmanager
async def original_of(origin: Origin, record: AssetRecord) -> AsyncIterator[bytes]:
    """Raises OutsideRegion, Overloaded, and AssetNotFound when it has just gone."""
    cloud = record.name.cloud
    permit = origin.records.permit(cloud, Activity.STORE)
    origin.records.permit(cloud, Activity.TRANSFORM)  # decoding is transforming: it must be allowed here too
    with origin.budget.account() as account:
        account.take(2 * record.body_bytes)  # sealed, and in the clear
        yield await origin.records.open_original(record.aid, permit)
