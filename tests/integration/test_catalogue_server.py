"""A PostgreSQL that is busy, that goes away and that comes back: what is answered meanwhile is clear, and nothing is lost."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from domicile.media.asset import Aid
from domicile.media.errors import Overloaded, UpstreamUnavailable
from domicile.media.policy import Activity
from domicile.service.settings import BadSetting
from origin import doubts
from origin.journal import Change, Journal
from origin.records import AssetRecord, Edit, Filter, NewAsset, Records, opening
from tests.infra import postgres
from tests.infra.records import CLOUD, facts, name, on, opened, settings, upload
from tests.integration.server_proxy import Fate, Proxy, proxied

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
READERS = 6
HEAD = "UPDATE journal_head SET seq = seq WHERE tenant = $1"
"""Locks it, as the first statement of every change does."""
NAMED = "DELETE FROM draft WHERE tenant = $1"


@pytest.fixture(autouse=True)
def _on(postgres_server: postgres.Server) -> Iterator[None]:
    with on(postgres_server):
        yield


@asynccontextmanager
async def connected(directory: Path) -> AsyncIterator[asyncpg.Connection]:
    """Somebody else on the same database."""
    at = make_url(settings(directory).database_url)
    connection = await asyncpg.connect(host=at.host, port=at.port, user=at.username, database=at.database)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def through(directory: Path) -> AsyncIterator[tuple[Records, Proxy]]:
    async with (
        proxied(settings(directory).database_url) as (proxy, url),
        opened(directory, database_url=url) as records,
    ):
        yield records, proxy


def tagged(*tags: str) -> Edit:
    def edit(record: AssetRecord) -> AssetRecord:
        return replace(record, tags=tags)

    return edit


async def listed(records: Records, tag: str | None = None) -> list[str]:
    page = await records.list(CLOUD, Filter(tag=tag), max_results=100)
    return sorted(record.name.public_id for record in page.records)


# --- a server that cannot be used ---------------------------------------------------------------------------------------


async def test_a_driver_that_is_not_installed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = settings(tmp_path)
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(BadSetting, match=r"needs asyncpg, which is not installed.*\[postgres\]"):
        async with Records.open(asked):
            pass


async def test_a_server_without_tls_is_not_spoken_to_where_the_url_asks_for_it(tmp_path: Path) -> None:
    url = settings(tmp_path).database_url
    with pytest.raises(BadSetting, match="cannot be reached"):
        async with Records.open(settings(tmp_path, database_url=f"{url}?ssl=verify-full")):
            pass


# --- a server that is lost while it commits -----------------------------------------------------------------------------


async def test_a_commit_that_nobody_heard_of_is_found_and_the_call_succeeds(tmp_path: Path) -> None:
    async with through(tmp_path) as (records, proxy):
        await upload(records, name("before"))
        draft = await records.mint(CLOUD)
        await records.put_original(draft, b"x", records.permit(CLOUD, Activity.STORE))
        head = await records.head(CLOUD)
        proxy.fate = Fate.UNANSWERED
        done = await records.commit_upload(draft, NewAsset(name=name("a"), facts=facts(b"x"), created_at=1.0))
        assert proxy.fates_met == 1
        assert (await records.head(CLOUD)).seq == head.seq + 1 == done.head.seq
        assert await records.get(name("a")) == done.record
        assert await listed(records) == ["a", "before"]
    async with opened(tmp_path) as records:
        assert await listed(records) == ["a", "before"]


async def test_a_commit_that_the_server_never_heard_of_has_not_happened_and_can_be_asked_for_again(
    tmp_path: Path,
) -> None:
    async with through(tmp_path) as (records, proxy):
        draft = await records.mint(CLOUD)
        await records.put_original(draft, b"x", records.permit(CLOUD, Activity.STORE))
        head = await records.head(CLOUD)
        asset = NewAsset(name=name("a"), facts=facts(b"x"), created_at=1.0)
        proxy.fate = Fate.LOST
        with pytest.raises(UpstreamUnavailable, match="nothing was changed"):
            await records.commit_upload(draft, asset)
        assert proxy.fates_met == 1
        assert await records.head(CLOUD) == head
        assert await records.get(name("a")) is None
        assert await listed(records) == []
        await records.commit_upload(draft, asset)
        assert await listed(records) == ["a"]


async def test_while_the_server_stays_away_nothing_is_claimed_and_the_next_change_settles_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doubts, "DOUBT_SECONDS_MAX", 0.2)
    async with through(tmp_path) as (records, proxy):
        gone = (await upload(records, name("gone"))).record
        await upload(records, name("kept"))
        proxy.fate, proxy.is_open = Fate.UNANSWERED, False
        with pytest.raises(UpstreamUnavailable, match="try again"):
            await records.destroy(gone.name)
        with pytest.raises(UpstreamUnavailable):
            await records.edit([name("kept")], tagged("t"))
        proxy.is_open = True
        await records.edit([name("kept")], tagged("t"))
        assert await listed(records) == ["kept"], "what was committed has left the index in memory"
        async with asyncio.timeout(20):
            while records._core.keyring.of(gone.aid) is not None:  # the upkeep was hurried
                await asyncio.sleep(0.05)


async def test_a_draft_that_could_not_be_dropped_is_dropped_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "MAINTENANCE_SECONDS", 0.05)
    async with through(tmp_path) as (records, proxy):
        draft = await records.mint(CLOUD)
        await records.put_original(draft, b"x", records.permit(CLOUD, Activity.STORE))
        proxy.is_open = False
        proxy.cut()
        await records.discard(draft)
        assert records._core.undropped == {(draft.aid, CLOUD)}
        proxy.is_open = True
        async with asyncio.timeout(20):
            while records._core.keyring.of(draft.aid) is not None or list((tmp_path / "data").rglob(draft.aid)):
                await asyncio.sleep(0.05)
        assert records._core.undropped == set()


# --- a server that is restarted -----------------------------------------------------------------------------------------


async def test_after_a_restart_of_the_server_no_call_sees_a_dead_connection(
    tmp_path: Path, postgres_server: postgres.Server
) -> None:
    async with opened(tmp_path) as records:
        record = (await upload(records, name("a"))).record
        async with asyncio.TaskGroup() as group:  # every connection of the pools is open
            for _ in range(READERS):
                group.create_task(records.get(name("a")))
        await asyncio.to_thread(postgres_server.stop, "immediate")
        for call in (records.get(name("a")), records.mint(CLOUD), records.destroy(name("a"))):
            with pytest.raises(UpstreamUnavailable, match="does not answer: try again"):
                await call
        await asyncio.to_thread(postgres_server.start)
        assert await records.get(name("a")) == record
        assert (await upload(records, name("b"))).record.name == name("b")
        assert await records.destroy(name("a")) is not None
        assert await listed(records) == ["b"]


# --- others at the same time --------------------------------------------------------------------------------------------


async def test_what_follows_on_commits_follows_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of two changes is slow to tell mirror and leases: it must not tell them last."""
    real, begun, told = Journal._committed, list[int](), list[int]()

    async def slow(self: Journal, change: Change, *rest: object) -> None:
        begun.append(change.seq)
        if len(begun) == 1:
            await asyncio.sleep(0.3)
        await real(self, change, *rest)  # type: ignore[arg-type]
        told.append(change.seq)

    async with opened(tmp_path) as records:
        await upload(records, name("a"))
        monkeypatch.setattr(Journal, "_committed", slow)
        async with asyncio.TaskGroup() as group:
            group.create_task(records.edit([name("a")], tagged("first")))
            await asyncio.sleep(0.1)
            group.create_task(records.edit([name("a")], tagged("second")))
        assert (told, len(told)) == (sorted(told), 2)
        assert (await listed(records, "first"), await listed(records, "second")) == ([], ["a"])


async def test_who_waits_too_long_for_a_head_is_told_and_nobody_else_waits(tmp_path: Path) -> None:
    async with opened(tmp_path) as records, connected(tmp_path) as other:
        await records.create_tenant("calm")
        await upload(records, name("a"))
        async with other.transaction():
            await other.execute(HEAD, CLOUD)
            waiting = [asyncio.create_task(records.destroy(name("a"))) for _ in range(12)]
            await asyncio.sleep(0.2)
            async with asyncio.timeout(1):
                await upload(records, name("b", cloud="calm"))
                assert await records.get(name("a")) is not None
            for one in waiting:
                with pytest.raises(Overloaded, match="busy: try again"):
                    await one
        assert await records.destroy(name("a")) is not None


async def test_two_that_doom_the_same_version_at_once_do_not_collide(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        core, aid = records._core, Aid("ab" * 16)
        async with core.database.write() as first:
            await core.catalogue.doom(first, aid, CLOUD, seq=7)

            async def again() -> None:
                async with core.database.write() as second:
                    await core.catalogue.doom(second, aid, CLOUD, seq=8)

            both = asyncio.create_task(again())
            await asyncio.sleep(0.1)
        await both
        async with core.database.read() as connection:
            assert await core.catalogue.doomed(connection) == [(aid, CLOUD)]


@pytest.mark.parametrize("sent", [HEAD, NAMED])
async def test_a_start_waits_for_what_a_killed_process_had_sent(tmp_path: Path, sent: str) -> None:
    """Its last commit may still be under way in the server; a draft that has become an asset by it is no draft."""
    async with opened(tmp_path) as records:
        draft = await records.mint(CLOUD)
        await records.put_original(draft, b"x", records.permit(CLOUD, Activity.STORE))
    async with connected(tmp_path) as other:
        late = other.transaction()
        await late.start()
        await other.execute(sent, CLOUD)
        start = asyncio.create_task(_keys_of_a_start(tmp_path, draft.aid))
        await asyncio.sleep(0.8)
        assert not start.done()
        assert await other.fetchval("SELECT count(*) FROM draft") == (0 if sent == NAMED else 1)  # and has done nothing
        await late.commit()
        assert await start == (draft.data_key if sent == NAMED else None)


async def _keys_of_a_start(directory: Path, aid: Aid) -> bytes | None:
    async with opened(directory) as records:
        return records._core.keyring.of(aid)


async def test_many_writers_of_many_clouds_get_through(tmp_path: Path) -> None:
    """More at once than there are connections: each is done, or told to come again."""
    async with opened(tmp_path) as records:
        clouds = [CLOUD, *(f"c{n}" for n in range(5))]
        for cloud in clouds[1:]:
            await records.create_tenant(cloud)
        outcomes: list[str] = []

        async def one(cloud: str, n: int) -> None:
            try:
                await upload(records, name(f"n{n}", cloud=cloud))
                outcomes.append("done")
            except Overloaded:
                outcomes.append("busy")

        async with asyncio.TaskGroup() as group:
            for cloud in clouds:
                for n in range(10):
                    group.create_task(one(cloud, n))
        assert outcomes.count("done") >= len(clouds), outcomes
        found = sum([(await records.head(cloud)).seq for cloud in clouds])
        assert found == outcomes.count("done")
