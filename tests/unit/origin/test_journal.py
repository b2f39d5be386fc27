"""Several entries of one change, and answers that the wire can carry."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domicile.media.asset import Aid
from domicile.media.journal import ENTRY_TARGETS_MAX, GENESIS, Entry, Head, Kind, follows
from domicile.media.wire import BODY_BYTES_MAX
from origin import journal_reading
from origin.catalogue.engine import Database, sqlite_url
from origin.journal import Journal
from origin.migrations import migrate

CLOUD = "acme"


class Copies:
    """A mirror."""

    def __init__(self) -> None:
        self.ends: dict[str, Head] = {}
        self.entries: list[Entry] = []

    def holds(self, tenant: str, /) -> frozenset[str]:
        return frozenset()

    def append(self, entries: tuple[Entry, ...], /) -> None:
        self.entries += entries


@pytest.fixture
def copies() -> Copies:
    return Copies()


@pytest.fixture
async def journal(tmp_path: Path, copies: Copies) -> AsyncIterator[Journal]:
    database = Database.open(sqlite_url(tmp_path / "catalogue.db"))
    await migrate(database)
    async with database.write() as connection:
        await Journal.begin(connection, CLOUD)
    yield Journal(database, mirror=copies, on_commit=lambda entry: None)
    await database.close()


def aids(count: int) -> tuple[Aid, ...]:
    return tuple(Aid(f"{number:032x}") for number in range(count))


async def write(journal: Journal, count: int, *, targets: int = 1) -> Head:
    async with journal.change(CLOUD) as change:
        for _ in range(count):
            change.record_more(Kind.ERASE, aids=aids(targets))
    return change.head


async def test_a_change_of_several_entries_is_read_as_if_they_came_one_by_one(journal: Journal, copies: Copies) -> None:
    await write(journal, 1)
    head = await write(journal, 3)
    await write(journal, 1)
    answer = await journal.entries({CLOUD: 0}, wait_seconds=0)
    at = Head(epoch=1, seq=0, chain=GENESIS)
    for entry in answer.entries:
        assert follows(at, entry)
        at = Head(epoch=entry.epoch, seq=entry.seq, chain=entry.chain)
    assert (at.seq, head.seq) == (5, 4)
    assert tuple(copies.entries) == answer.entries
    assert await journal.heads() == {CLOUD: at}


async def test_one_that_is_refused_leaves_none_of_its_entries(journal: Journal, copies: Copies) -> None:
    with pytest.raises(ValueError, match="cut into entries"):
        async with journal.change(CLOUD) as change:
            change.record_more(Kind.ERASE, aids=aids(1))
            change.record_more(Kind.ERASE, aids=aids(ENTRY_TARGETS_MAX + 1))
    assert not copies.entries
    assert (await journal.heads())[CLOUD].seq == 0


async def test_an_answer_holds_what_the_wire_takes_and_the_next_one_goes_on(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (journal_reading.TARGETS_PER_ANSWER_MAX + ENTRY_TARGETS_MAX) * len("xx" + "0" * 32) < BODY_BYTES_MAX * 3 // 4
    monkeypatch.setattr(journal_reading, "TARGETS_PER_ANSWER_MAX", 10)
    await write(journal, 8, targets=4)
    first = await journal.entries({CLOUD: 0}, wait_seconds=0)
    assert [entry.seq for entry in first.entries] == [1, 2, 3]
    then = await journal.entries({CLOUD: 3}, wait_seconds=0)
    assert [entry.seq for entry in then.entries] == [4, 5, 6]
    assert (first.compacted, then.compacted) == ((), ())
