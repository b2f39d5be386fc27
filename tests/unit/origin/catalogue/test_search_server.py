"""The search index on a PostgreSQL server: what it survives, what it notices, and what is left of what was removed."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from domicile.media.errors import BadRequest, LimitExceeded
from origin.catalogue import search_answers, search_server, search_sql
from origin.catalogue import search_shape as shape
from origin.catalogue.search_server import RESIDUAL, ServerIndex
from origin.records import Filter, PurgeTargets, Records, Search
from origin.records.search_build import SearchBuild
from origin.search.conditions import OneOf
from origin.search.query import Query
from tests.infra import postgres
from tests.infra.records import CLOUD, lose_index, name, on, opened, settings, upload, written

LONG = "x" * 3000


@pytest.fixture(autouse=True)
def _on(postgres_server: postgres.Server) -> Iterator[None]:
    with on(postgres_server):
        yield


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many assets were read to build an index, step by step."""
    read: list[int] = []
    real = SearchBuild._opened

    def counted(build: SearchBuild, rows: list) -> list:  # type: ignore[type-arg]
        read.append(len(rows))
        return real(build, rows)

    monkeypatch.setattr(SearchBuild, "_opened", counted)
    return read


async def listed(records: Records, tag: str | None = None) -> list[str]:
    page = await records.list(CLOUD, Filter(tag=tag), max_results=100)
    return sorted(record.name.public_id for record in page.records)


def unlogged(server: postgres.Server, directory: Path) -> bytes:
    url = settings(directory).database_url
    return b"".join(file.read_bytes() for file in server.unlogged_files(url))


async def test_an_index_outlives_its_origin(tmp_path: Path, steps: list[int]) -> None:
    async with opened(tmp_path) as records:
        assert isinstance(records._core.search, ServerIndex)
        await upload(records, name("a"), tags=("t",))
        await upload(records, name("b"))
        await records.destroy(name("b"))
    async with opened(tmp_path) as records:
        assert (await listed(records), await listed(records, "t")) == (["a"], ["a"])
    assert steps == []


@pytest.mark.parametrize("most", [0, 3, 4])
async def test_a_few_of_a_name_are_sorted_and_many_are_found_by_time_and_it_is_the_same_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(search_answers, "SORTED_MAX", most)
    sorted_ones, real = list[bool](), search_sql.page

    def page(query: Query, *, sorts: bool) -> Any:
        sorted_ones.append(sorts)
        return real(query, sorts=sorts)

    monkeypatch.setattr(search_sql, "page", page)
    async with opened(tmp_path) as records:
        made = [(await upload(records, name(f"of/{number}"))).record for number in (3, 1, 4, 2)]
        await upload(records, name("another"))
        sorted_ones.clear()
        first = await records.list(CLOUD, Filter(prefix="of/"), max_results=2)
        rest = await records.list(CLOUD, Filter(prefix="of/"), max_results=2, cursor=first.next_cursor)
    newest = sorted(made, key=lambda record: (record.created_at, record.asset_id), reverse=True)
    assert [*first.records, *rest.records] == newest
    assert sorted_ones == [most == 4] * 2


async def test_a_change_that_it_was_not_told_of_is_noticed(
    tmp_path: Path, steps: list[int], postgres_server: postgres.Server
) -> None:
    """As of an older release, or of a catalogue that was restored; also when a change follows that it is told of."""
    async with opened(tmp_path) as records:
        gone = (await upload(records, name("gone"))).record
        await upload(records, name("kept"))
    url = settings(tmp_path).database_url
    postgres_server.ask(url, f"DELETE FROM name WHERE aid = '{gone.aid}'; UPDATE journal_head SET seq = seq + 1")
    async with opened(tmp_path) as records:
        assert await listed(records) == ["kept"]
        postgres_server.ask(url, "UPDATE journal_head SET seq = seq + 1")
        await upload(records, name("more"))
        assert await listed(records) == ["kept", "more"]
    assert steps == [1, 2]


async def test_a_server_that_crashes_has_lost_it_and_it_is_built_anew(
    tmp_path: Path, steps: list[int], postgres_server: postgres.Server
) -> None:
    async with opened(tmp_path) as records:
        await upload(records, name("a"), tags=("t",))
        await asyncio.to_thread(postgres_server.stop, "immediate")
        await asyncio.to_thread(postgres_server.start)
        await upload(records, name("b"), tags=("t",))
        assert await listed(records, "t") == ["a", "b"]
        assert (await records.destroy_many(CLOUD, where=Filter(tag="t"))).missing == ()
        assert await listed(records) == []
    assert steps


async def test_it_is_not_logged_and_nothing_of_an_erased_asset_stays_in_it(
    tmp_path: Path, postgres_server: postgres.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    canaries = [f"canary{secrets.token_hex(8)}" for _ in range(4)]
    async with opened(tmp_path) as records:
        for n in range(20):
            await upload(records, name(f"n{n}"), tags=("tag",))
        await upload(
            records, name(f"{canaries[0]}/x {canaries[1]}"), tags=(canaries[2],), context={"k": canaries[3] + LONG}
        )
        for table in shape.EVERY:
            postgres_server.ask(settings(tmp_path).database_url, f"ANALYZE {table.name}")
        logged, plain = written(tmp_path), unlogged(postgres_server, tmp_path)
        assert [canary.encode() in plain for canary in canaries] == [True] * 4
        assert [canary.encode() in logged for canary in canaries] == [False] * 4, (
            "in WAL, log or samples of the planner"
        )
        statement = await records.erase(CLOUD, PurgeTargets(tags=(canaries[2],)))
        assert {"place": RESIDUAL} in statement.body["residuals"]
        index = records._core.search
        assert isinstance(index, ServerIndex)
        with monkeypatch.context() as small:
            small.setattr(search_server, "REWRITE_BYTES_MAX", 0)
            index._rests_until = 0.0
            await index.scrub()
        assert index.residual == RESIDUAL  # too large to be written anew
        index._owe()
        async with asyncio.timeout(60):
            while index.residual:  # others may still look at what was there, and the upkeep rests between two rounds
                index._rests_until = 0.0
                await index.scrub()
        plain = unlogged(postgres_server, tmp_path)
        assert [canary.encode() in plain for canary in canaries] == [False] * 4
        assert b"n19" in plain
        assert len(await listed(records, "tag")) == 20


async def test_what_a_cloud_has_is_kept_as_a_sum_that_follows_every_change(
    tmp_path: Path, postgres_server: postgres.Server
) -> None:
    """Whoever asks for it, which each upload under a quota does, goes through no assets."""
    url = settings(tmp_path).database_url
    counted = "SELECT count(*), coalesce(sum(bytes), 0)::bigint FROM search_asset"
    kept = f"SELECT assets, bytes FROM search_state WHERE tenant = '{CLOUD}'"

    async def agree(records: Records) -> tuple[int, int]:
        told = await records.totals(CLOUD)
        assert [tuple(row) for sql in (counted, kept) for row in postgres_server.ask(url, sql)] == [told, told]
        return told

    async with opened(tmp_path) as records:
        async with asyncio.TaskGroup() as group:
            for n in range(6):
                group.create_task(upload(records, name(f"n{n % 4}"), b"x" * (n % 4 + 1), tags=("t",)))
                group.create_task(records.destroy(name("n0")))
        await upload(records, name("n0"), b"last")
        assert await agree(records) == (4, 4 + 2 + 3 + 4)
        await records.edit([name("n1")], lambda record: replace(record, tags=()))
        await records.erase(CLOUD, PurgeTargets(tags=("t",)))
        assert await agree(records) == (2, 2 + 4)
        kept_on = await records.get(name("n1"))
        assert kept_on is not None
        with pytest.raises(BadRequest):
            async with records._core.journal.change(CLOUD) as change:
                await records._core.search.remove(change, [kept_on.asset_id])
                assert await records._core.search.totals(CLOUD, change) == (1, 4)
                raise BadRequest("never mind")
        assert await agree(records) == (2, 2 + 4)
    lose_index(tmp_path)
    async with opened(tmp_path) as records:
        await upload(records, name("while it is built"), b"1")
        assert await agree(records) == (3, 2 + 4 + 1)


async def test_what_was_read_before_a_change_does_not_go_in_after_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        core = records._core
        made = [await upload(records, name(one), tags=("old",)) for one in ("gone", "edited", "kept")]
        read = [core.document(one.record) for one in made]
        head = await records.head(CLOUD)
        await records.destroy(name("gone"))
        await records.edit([name("edited")], lambda record: replace(record, tags=()))
        assert await core.search.fill(CLOUD, read, head=head.seq)
        assert (await listed(records, "old"), await records.totals(CLOUD)) == (["kept"], (2, 14))


async def test_a_search_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        index = records._core.search
        assert isinstance(index, ServerIndex)
        usual, index._limits = index._limits, {"milliseconds": "20"}
        with pytest.raises(LimitExceeded, match="takes too long"):
            await index._ask(CLOUD, lambda db: db.exec_driver_sql("SELECT pg_sleep(30)"))
        index._limits = usual
        assert await listed(records) == []


async def test_texts_that_no_index_of_the_server_takes_are_found_all_the_same(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        await upload(records, name("a"), context={LONG: f"{LONG}a", "k": f"{LONG}b c"})
        for expression, is_found in {
            f'context="{LONG}a"': True,
            f'context="{LONG}"': False,
            f'context="{LONG}"*': True,
            f"context:{LONG}b": True,
            f"context:{LONG}": True,  # the key
            f"context:{LONG}d": False,
            f"context:{LONG}*": True,
            f'context:"{LONG}b c"': True,
        }.items():
            found = await records.search(CLOUD, Search(expression=expression))
            assert found.total == is_found, expression[:10] + expression[-4:]
        zero = Query(tenant=CLOUD, condition=OneOf("public_id", ("a\0",)), limit=1)
        assert await records._core.search.find(zero) == ()
