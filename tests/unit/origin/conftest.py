"""What the tests of the storage core share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import pytest_asyncio
import structlog

from domicile.service.gate.remote import RemoteClient, RemoteLimits
from domicile.service.tasks import Background
from origin.fetched import Fetched
from origin.records import Records
from tests.infra.elsewhere import Elsewhere, running_elsewhere
from tests.infra.fetching import Decoders, World
from tests.infra.origin import origin_over
from tests.infra.records import on, opened


@pytest.fixture
def either_database(request: pytest.FixtureRequest, database_kind: str) -> Iterator[None]:
    """For tests that between them ask every kind of statement: they run on both."""
    with on(request.getfixturevalue("postgres_server")) if database_kind == "postgres" else nullcontext():
        yield


@pytest_asyncio.fixture
async def records(tmp_path: Path) -> AsyncIterator[Records]:
    """Records with the cloud "acme", in their own directory."""
    async with opened(tmp_path) as ready:
        yield ready


@pytest.fixture(scope="module")
def there() -> Iterator[Elsewhere]:
    with running_elsewhere() as running:
        yield running


@pytest_asyncio.fixture
async def world(records: Records, there: Elsewhere, tmp_path: Path) -> AsyncIterator[World]:
    decoders = Decoders()
    origin = origin_over(records, decoders)
    there.asked.clear()
    made = World(origin, decoders, there, tmp_path)
    origin.now = lambda: made.now
    origin.remote = RemoteClient(RemoteLimits(), private_hosts=["127.0.0.1"])
    async with Background(structlog.get_logger()) as background:
        origin.fetched = Fetched(origin, background, clock=lambda: made.monotonic)
        await made.allow("open")
        yield made
