"""Removing what is to be erased, in the transaction of its entry: rows and what finds them. Keys and bytes follow the commit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from domicile.media.asset import Aid
from domicile.media.journal import Kind
from origin.catalogue.port import AssetRow
from origin.journal import Change
from origin.records.backups import Kept, drop
from origin.records.core import Core
from origin.records.deletes import end_entry
from origin.records.fetched import COULD_BE_BROUGHT, shun


async def remove_kept(core: Core, change: Change, kept: Iterable[Kept]) -> list[Aid]:
    """Versions under retention, with their entry."""
    rows = [one.row for one in kept]
    aids = [row.aid for row in rows]
    opened = [(row.name, core.open(row)) for row in rows]
    brought = [name for name, record in opened if record and record.name.delivery_type in COULD_BE_BROUGHT]
    await shun(change.connection, change.tenant, brought)
    await drop(core.catalogue, change.connection, aids, tenant=change.tenant, seq=change.seq)
    change.record(Kind.ERASE, aids=tuple(aids), names=tuple(dict.fromkeys(brought)))  # also for a restored catalogue
    return aids


async def remove_assets(core: Core, change: Change, assets: Sequence[AssetRow]) -> int:
    """With their entry. Returns how many renditions there were."""
    renditions = 0
    for asset in assets:
        renditions += await core.catalogue.remove(change.connection, asset, seq=change.seq)
    records = zip(assets, map(core.open, assets), strict=True)
    brought = [row.name for row, record in records if record and record.name.delivery_type in COULD_BE_BROUGHT]
    await shun(change.connection, change.tenant, brought)
    end_entry(change, assets, Kind.ERASE)
    await core.search.remove(change, [asset.asset_id for asset in assets])
    return renditions
