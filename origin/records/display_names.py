"""Is the name that people see the only one of its asset folder? Asked under the lock, of keyed hashes."""

from __future__ import annotations

from domicile.media.errors import AssetExists
from origin.journal import Change
from origin.records.core import Core
from origin.records.types import AssetRecord


async def check_display_name(core: Core, change: Change, record: AssetRecord) -> None:
    """Raises AssetExists when another asset of the folder has it."""
    label = core.display_label(record)
    found = await core.catalogue.labelled(change.connection, change.tenant, [label], 2)
    if any(row.asset_id != record.asset_id for row in found):
        raise AssetExists("display_name already exists in this asset folder")
