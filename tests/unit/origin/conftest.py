"""What the tests of the storage core share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from origin.records import Records
from tests.infra.records import opened


@pytest_asyncio.fixture
async def records(tmp_path: Path) -> AsyncIterator[Records]:
    """Records with the cloud "acme", in their own directory."""
    async with opened(tmp_path) as ready:
        yield ready
