"""Eight writers at once and one tailing reader: nothing lost, no gap, number order is commit order, the chain holds.

The reader applies cursor + 1 only, which is what an edge does. Runs on SQLite with tasks and with processes, and on a
real PostgreSQL; there the writers are processes too, each with its own connections.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from domicile.media.asset import Aid
from domicile.media.errors import Overloaded
from domicile.media.journal import GENESIS, Entry, Head, Kind, follows
from origin.catalogue.engine import Database, sqlite_url
from origin.journal import Journal
from origin.migrations import migrate
from tests.infra import postgres

WRITERS = 8
ENTRIES_EACH = 100
TENANT = "acme"


async def prepare(url: str) -> None:
    database = Database.open(url)
    await migrate(database)
    async with database.write() as connection:
        await Journal.begin(connection, TENANT)
    await database.close()


def aid_of(writer: int, number: int) -> Aid:
    return Aid(f"{writer:016x}{number:016x}")


async def write_all(journal: Journal, writer: int) -> None:
    for number in range(ENTRIES_EACH):
        while True:
            try:
                async with journal.change(TENANT) as change:
                    await asyncio.sleep(0)  # a transaction that takes a while, as real ones do
                    change.record(Kind.ASSET, aids=(aid_of(writer, number),))
                break
            except Overloaded:  # the caller's choice: an API answers 503 instead
                await asyncio.sleep(0.01)


async def tail(journal: Journal, until: int) -> list[Entry]:
    """What an edge does: ask for what comes after the cursor, apply cursor + 1 only."""
    head, seen = Head(epoch=1, seq=0, chain=GENESIS), []
    async with asyncio.timeout(60):
        while head.seq < until:
            answer = await journal.entries({TENANT: head.seq}, wait_seconds=2)
            for entry in answer.entries:
                assert follows(head, entry), f"after {head.seq} came {entry.seq}"
                head = Head(epoch=entry.epoch, seq=entry.seq, chain=entry.chain)
                seen.append(entry)
    return seen


def assert_complete(seen: list[Entry]) -> None:
    assert len(seen) == WRITERS * ENTRIES_EACH
    written = [aid for entry in seen for aid in entry.aids]
    assert sorted(written) == sorted(aid_of(w, n) for w in range(WRITERS) for n in range(ENTRIES_EACH))
    for writer in range(WRITERS):  # a writer awaits its own commit, so its entries are in its order
        own = [aid for aid in written if aid.startswith(f"{writer:016x}")]
        assert own == sorted(own)


def _process(url: str, writer: int) -> None:
    async def work() -> None:
        database = Database.open(url)
        try:
            await write_all(Journal(database), writer)
        finally:
            await database.close()

    asyncio.run(work())


async def run_processes(url: str) -> None:
    await prepare(url)
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_process, args=(url, writer)) for writer in range(WRITERS)]
    for process in writers:
        process.start()
    database = Database.open(url)
    try:
        async with asyncio.TaskGroup() as group:
            reader = group.create_task(tail(Journal(database), WRITERS * ENTRIES_EACH))
            while not reader.done():  # a writer that failed leaves a reader waiting for what never comes
                assert not any(process.exitcode for process in writers)
                await asyncio.wait([reader], timeout=0.2)
        assert_complete(reader.result())
    finally:
        await database.close()
        for process in writers:
            await asyncio.to_thread(process.join, 20)
    assert [process.exitcode for process in writers] == [0] * WRITERS


async def waits_for_a_lock(server: postgres.Server, url: str) -> bool:
    asked = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return bool(await asyncio.to_thread(server.ask, url, asked))


async def run_tasks(url: str) -> None:
    await prepare(url)
    database = Database.open(url)
    journal = Journal(database)
    try:
        async with asyncio.TaskGroup() as group:
            reader = group.create_task(tail(journal, WRITERS * ENTRIES_EACH))
            for writer in range(WRITERS):
                group.create_task(write_all(journal, writer))
        assert_complete(reader.result())
    finally:
        await database.close()


@pytest.mark.timeout(180)
async def test_eight_tasks_lose_no_entry_on_sqlite(tmp_path: Path) -> None:
    await run_tasks(str(sqlite_url(tmp_path / "catalogue.db")))


@pytest.mark.timeout(180)
@pytest.mark.skipif(sys.platform != "linux", reason="counts on Linux file locks")
async def test_eight_processes_lose_no_entry_on_sqlite(tmp_path: Path) -> None:
    await run_processes(str(sqlite_url(tmp_path / "catalogue.db")))


@pytest.mark.timeout(180)
async def test_eight_processes_lose_no_entry_on_postgresql(postgres_server: postgres.Server) -> None:
    await run_processes(postgres_server.database())


async def test_on_postgresql_a_change_has_its_number_when_the_one_before_is_over(
    postgres_server: postgres.Server,
) -> None:
    url = postgres_server.database()
    await prepare(url)
    one, other = Database.open(url), Database.open(url)
    numbers: list[int] = []

    async def later() -> None:
        while not numbers:
            with suppress(Overloaded):  # on a busy machine it waits longer than one may
                async with Journal(other).change(TENANT) as change:
                    change.record(Kind.ASSET, aids=(aid_of(1, 0),))
                    numbers.append(change.seq)

    try:
        async with asyncio.timeout(60), asyncio.TaskGroup() as group, Journal(one).change(TENANT) as change:
            change.record(Kind.ASSET, aids=(aid_of(0, 0),))
            group.create_task(later())
            while not numbers and not await waits_for_a_lock(postgres_server, url):
                await asyncio.sleep(0.01)
            assert numbers == [], "it has begun beside the other"
        assert (change.seq, numbers) == (1, [2])
    finally:
        await one.close()
        await other.close()
