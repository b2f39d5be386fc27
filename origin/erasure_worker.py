"""Closes erasures that are over: the last edge has acknowledged, the last CDN confirmed, and nobody may ever ask again."""

from __future__ import annotations

import asyncio

from domicile.service import logging
from origin.keys import Origin

SETTLE_SECONDS = 5.0

log = logging.get()


async def run(origin: Origin) -> None:
    """Until it is cancelled."""
    while True:
        await asyncio.sleep(SETTLE_SECONDS)
        try:
            await origin.records.settle_erasures()
        except Exception as failed:  # noqa: BLE001 - a busy database or a full disk: the next round tries again
            log.warning("erasures_not_settled", error=type(failed).__name__)
