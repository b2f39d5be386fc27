"""The original of an asset in the clear, inside the budget that all calls share, and inside what the policy allows here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domicile.media.errors import BadRequest
from domicile.media.forced import forced_effect
from domicile.media.policy import Activity
from origin.api.call import Call
from origin.keys import Origin
from origin.records import AssetRecord, Body, whole


def check_handing_out(call: Call, record: AssetRecord) -> None:
    """A signed URL may travel: where the policy redacts what such URLs show, an original goes to the secret itself (Basic)
    alone. Raises BadRequest.
    """
    policy = call.origin.records.policy(record.name.cloud)
    if call.caller.signed is None or policy is None:
        return
    if forced_effect(policy.redaction, record.name.public_id, is_signed=True):
        raise BadRequest("The policy redacts this asset: its original is handed out to Basic credentials alone")


async def opened_original(origin: Origin, record: AssetRecord) -> Body:
    """As it is, to be read piece by piece. Raises OutsideRegion, and AssetNotFound when it has just gone."""
    return await origin.records.open_original(record, origin.records.permit(record.name.cloud, Activity.STORE))


@asynccontextmanager
async def original_of(origin: Origin, record: AssetRecord) -> AsyncIterator[bytes]:
    """In memory, for what is made of it. Raises OutsideRegion, Overloaded, and AssetNotFound when it has just gone."""
    cloud = record.name.cloud
    origin.records.permit(cloud, Activity.TRANSFORM)  # decoding is transforming: it must be allowed here too
    with origin.budget.account() as account:
        account.take(record.body_bytes)
        yield await whole(await opened_original(origin, record))
