"""Drafts that become nothing: their keys and bytes go, whatever else fails."""

from __future__ import annotations

import structlog

from domicile.media.asset import Aid
from origin.records.core import Core

log = structlog.get_logger(__name__)


async def drop(core: Core, aid: Aid, tenant: str) -> None:
    """Never raises: it follows on an error, which is the one to tell. What cannot be dropped is tried again every minute."""
    core.undropped.discard((aid, tenant))
    try:
        async with core.database.write() as connection:
            if not await core.catalogue.undraft(connection, aid):
                return  # it was committed, and what failed came after
            await core.catalogue.doom(connection, aid, tenant, seq=0)
    except Exception as failed:  # noqa: BLE001 - a busy or broken database
        core.undropped.add((aid, tenant))
        log.warning("draft_not_dropped", error=type(failed).__name__)
    else:
        await core.forget([(aid, tenant)])


async def drop_left(core: Core) -> None:
    """Those that could not be dropped before."""
    for aid, tenant in list(core.undropped):
        await drop(core, aid, tenant)
