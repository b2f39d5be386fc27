"""A standby that lacks the last commits is promoted under a running origin: the origin notices, says so and ends, and its next
start brings the catalogue up to date (decisions C.4)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from sqlalchemy.engine import make_url

from domicile.media.errors import UpstreamUnavailable
from domicile.media.wire import LeaseRequest
from origin.records import Fencing, Records
from tests.infra import postgres
from tests.infra.records import CLOUD, name, opened, upload
from tests.integration.origin_process import OriginProcess
from tests.integration.server_proxy import Proxy, proxied

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
EDGE = LeaseRequest(node="a" * 32, boot="b" * 32, region="eu-de", authorities=(), heads={})
GONE_SECONDS_MAX = 20.0


class FailsOver:
    """A database and its standby, which is as the database was at `replicate` when it is promoted."""

    def __init__(self, server: postgres.Server, proxy: Proxy, url: str) -> None:
        self._server, self._proxy = server, proxy
        self._name = make_url(url).database
        self._standby = ""

    async def replicate(self) -> None:
        async with self._alone():
            url = await asyncio.to_thread(self._server.copy, self._server.url_of(str(self._name)))
            self._standby = str(make_url(url).database)

    async def promote(self) -> None:
        async with self._alone():
            for statement in (f"DROP DATABASE {self._name}", f"ALTER DATABASE {self._standby} RENAME TO {self._name}"):
                await asyncio.to_thread(self._server.ask, self._server.url, statement)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        self._proxy.is_open = False
        self._proxy.cut()
        left = f"SELECT 1 FROM pg_stat_activity WHERE datname = '{self._name}'"
        until = time.monotonic() + GONE_SECONDS_MAX
        while await asyncio.to_thread(self._server.ask, self._server.url, left):
            assert time.monotonic() < until
            await asyncio.sleep(0.02)
        yield
        self._proxy.is_open = True


@asynccontextmanager
async def failing_over(server: postgres.Server) -> AsyncIterator[tuple[FailsOver, str]]:
    url = server.database()
    async with proxied(url) as (proxy, through):
        yield FailsOver(server, proxy, url), through
    server.give_back(url)


async def changed(records: Records) -> None:
    await upload(records, name("new"))


async def leased(records: Records) -> None:
    await records.grant_lease(EDGE)


@pytest.mark.parametrize("call", [changed, leased])
async def test_a_catalogue_that_lacks_commits_is_noticed_by_the_next_change_and_the_next_lease(
    tmp_path: Path, postgres_server: postgres.Server, call: Callable[[Records], Awaitable[None]]
) -> None:
    async with failing_over(postgres_server) as (database, url):
        async with opened(tmp_path, database_url=url) as records:
            kept = (await upload(records, name("kept"))).record
            erased = (await upload(records, name("erased"))).record
            await records.grant_lease(EDGE)
            await database.replicate()
            await upload(records, name("late"))
            await records.destroy(erased.name)
            last = await records.head(CLOUD)
            await database.promote()
            assert not records.put_back.is_set()
            with pytest.raises(UpstreamUnavailable, match="put back to an older state"):
                await call(records)
            assert records.put_back.is_set()
            assert (await records.head(CLOUD)).seq < last.seq, "nothing was written to it"
        async with opened(tmp_path, database_url=url) as records:
            head = await records.head(CLOUD)
            assert (head.epoch, head.seq) == (last.epoch + 1, last.seq + 1)
            assert await records.get(kept.name) == kept
            assert await records.get(erased.name) is None
            fenced = records._core.leases.state(CLOUD, head.seq)
            assert fenced.state is Fencing.PENDING, "an edge that only the lost commits knew may hold a lease"


async def test_a_start_on_a_catalogue_that_lacks_nothing_waits_for_those_it_knows_alone(
    tmp_path: Path, postgres_server: postgres.Server
) -> None:
    async with failing_over(postgres_server) as (database, url):
        async with opened(tmp_path, database_url=url) as records:
            await upload(records, name("a"))
            await database.replicate()
            await database.promote()
            await changed(records)
            nonce = (await records.grant_lease(EDGE)).nonce
            assert not records.put_back.is_set()
            await records.grant_lease(msgspec.structs.replace(EDGE, release=True, nonce=nonce))
        async with opened(tmp_path, database_url=url) as records:
            seq = (await records.head(CLOUD)).seq
            assert records._core.leases.state(CLOUD, seq).state is Fencing.FENCED


async def test_the_process_ends_and_says_why(tmp_path: Path, postgres_server: postgres.Server) -> None:
    async with failing_over(postgres_server) as (database, url):
        environment = {"DOMICILE_ORIGIN_RECORDS_DATABASE_URL": url, "DOMICILE_ORIGIN_POOL_PROCESSES": "1"}
        origin = OriginProcess(tmp_path, environment)
        await asyncio.to_thread(origin.start)
        assert origin.process is not None
        try:
            await database.replicate()
            sdk = origin.sdk()
            await asyncio.to_thread(sdk.uploader.add_tag, "t", ["sample"])
            await database.promote()
            with pytest.raises(sdk.exceptions.Error, match="put back"):
                await asyncio.to_thread(sdk.uploader.add_tag, "u", ["sample"])
            assert await asyncio.to_thread(origin.process.wait, GONE_SECONDS_MAX) == 1
            assert "put back to an older state; the next start brings it up to date" in origin.log.read_text("utf-8")
        finally:
            await asyncio.to_thread(origin.stop)
