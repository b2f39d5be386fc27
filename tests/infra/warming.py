"""What a process does once and later uses of the same come cheaper by: done before it forks for many tests."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from origin.records import PurgeTargets
from tests.infra.records import CLOUD, name, opened, upload


def warm_up() -> None:
    """Records in a directory that goes: the newest catalogue is made for them, and libraries import what they need first then."""
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(_recorded(Path(place)))


async def _recorded(directory: Path) -> None:
    async with opened(directory) as records:
        await upload(records, name("a"))
        await records.erase(CLOUD, PurgeTargets(public_ids=("a",)))
