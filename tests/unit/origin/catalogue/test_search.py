from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import cast

import pytest
import pytest_asyncio

from domicile.media.errors import LimitExceeded, Overloaded
from origin.catalogue import search
from origin.catalogue.search import MemoryIndex
from origin.catalogue.search_sql import successor
from origin.journal import Change
from origin.search.conditions import Begins, Condition, Either, Every, Neither, OneOf, Words
from origin.search.document import Document, text_of
from origin.search.query import NEWEST, Counting, Query

CLOUD = "acme"


@pytest_asyncio.fixture
async def index() -> AsyncIterator[MemoryIndex]:
    index = MemoryIndex()
    yield index
    await index.close()


def document(public_id: str, *tags: str, created_at: float = 1000.0, cloud: str = CLOUD) -> Document:
    texts = dict.fromkeys(
        ["resource_type", "type", "folder", "asset_folder", "display_name", "filename", "format"], "x"
    )
    rest = dict.fromkeys(["etag", "access_mode", "transparent", "grayscale"], "x")
    scalars = {**texts, **rest, **dict.fromkeys(["width", "height", "aspect_ratio", "pixels", "pages", "faces"])}
    words = [text_of("public_id", public_id), *(text_of("tags", tag) for tag in tags)]
    return Document(
        scalars=scalars
        | {
            "tenant": cloud,
            "asset_id": secrets.token_hex(16),
            "public_id": public_id,
            "created_at": created_at,
            "bytes": 1,
        },
        values=dict.fromkeys(("tags", tag) for tag in tags),
        texts=frozenset(text for text in words if text is not None),
    )


def a_change() -> Change:
    connection = cast("object", None)
    return Change(connection=connection, tenant=CLOUD, epoch=1, seq=1, previous="", purged=0)  # type: ignore[arg-type]


async def found(index: MemoryIndex, condition: Condition, cloud: str = CLOUD) -> int:
    return (await index.search(Query(tenant=cloud, condition=condition, limit=10), ())).total


async def test_nothing_of_an_asset_stays_in_the_index(index: MemoryIndex) -> None:
    """The whole of the database is looked at, free pages too."""
    canaries = [f"canary{secrets.token_hex(8)}" for _ in range(3)]
    gone = document(f"{canaries[0]}/{canaries[1]} x", f"{canaries[2]} tag")
    await index.fill([document(f"n{n}", "tag") for n in range(200)])
    await index.fill([gone])

    def there() -> list[bool]:
        driver = index._db.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        image = driver.serialize()
        return [canary.encode() in image for canary in canaries]

    assert await index._ask(there) == [True] * 3
    change = a_change()
    await index.remove(change, [str(gone.scalars["asset_id"])])
    assert await found(index, Words(("public_id",), (canaries[0],), goes_on=False)) == 1, "not before it is committed"
    for step in change.after_commit:
        step()
    assert await index._ask(there) == [False] * 3
    assert await found(index, Every()) == 200


async def test_clouds_find_nothing_of_each_other(index: MemoryIndex) -> None:
    await index.fill([document("jane doe", "team"), document("jane doe", "team", cloud="other")])
    for condition in (
        Every(),
        OneOf("tags", ("team",)),
        Words(("public_id",), ("jane", "doe"), goes_on=False),
        Neither(OneOf("tags", ("nothing",))),
        Either((Begins("public_id", "jane"), Begins("tags", "te"))),
    ):
        assert await found(index, condition) == 1
        assert await found(index, condition, "nobody") == 0


async def test_a_question_that_takes_too_long_is_ended_and_the_next_is_answered(monkeypatch) -> None:
    monkeypatch.setattr(search, "STEPS_PER_LOOK", 10)
    index = MemoryIndex(seconds_max=0.0)
    try:
        await index.fill([document(f"n{n}") for n in range(50)])
        with pytest.raises(LimitExceeded):
            await found(index, Begins("tags", ""))
        index._seconds_max = 60.0
        assert await found(index, Every()) == 50
    finally:
        await index.close()


async def test_no_more_searches_wait_than_may(index: MemoryIndex, monkeypatch) -> None:
    monkeypatch.setattr(search, "WAITING_MAX", 2)
    asked = [found(index, Every()) for _ in range(3)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [int, int, Overloaded]
    assert await found(index, Every()) == 0


async def test_results_are_counted_by_value(index: MemoryIndex) -> None:
    await index.fill([document("a"), document("b")])
    told = await index.search(Query(tenant=CLOUD, condition=Every(), limit=1), [Counting(field="format")])
    assert (len(told.hits), told.total, told.counts) == (1, 2, {"format": {"x": 2}})


@pytest.mark.parametrize(
    ("condition", "by"),
    [
        (OneOf("tags", ("team",)), "search_value_by_text"),
        (Begins("tags", "te"), "search_value_by_text"),
        (Words(("public_id",), ("jane",), goes_on=False), "search_word_by_word"),
        (Words(("public_id",), ("ja",), goes_on=True), "search_word_by_word"),
        (Begins("public_id", "people/"), "search_asset_by_name"),
        (Every(), "search_asset_by_time"),
    ],
)
async def test_an_index_answers(index: MemoryIndex, condition: Condition, by: str) -> None:
    from sqlalchemy.dialects import sqlite

    from origin.catalogue import search_sql as sql

    await index.fill([document(f"people/jane{n}", "team", created_at=n) for n in range(100)])
    asked = sql.page(Query(tenant=CLOUD, condition=condition, order=NEWEST, limit=10))
    text = str(asked.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))  # type: ignore[no-untyped-call]

    def plan() -> str:
        return repr(index._db.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all())

    told = await index._ask(plan)
    assert by in told
    assert told.count("search_asset_by_time") == (by == "search_asset_by_time"), "not through all assets of the cloud"


@pytest.mark.parametrize(
    ("start", "after"), [("a", "b"), ("a\U0010ffff", "b"), ("\U0010ffff", None), ("\ud7ff", "\ue000"), ("", None)]
)
def test_what_begins_so_ends_before_its_successor(start: str, after: str | None) -> None:
    assert successor(start) == after


async def test_totals_are_a_sum_that_follows_every_change(index: MemoryIndex) -> None:
    one, two = document("a"), document("b")
    larger = replace(one, scalars={**one.scalars, "bytes": 7})
    for put, wanted in ((one, (1, 1)), (two, (2, 2)), (larger, (2, 8)), (larger, (2, 8))):
        await put_now(index, put)
        assert await index.totals(CLOUD) == wanted
    torn = replace(two, scalars={**two.scalars, "public_id": None})
    await put_now(index, torn)
    assert await index.totals(CLOUD) == (2, 8), "what could not be written changed nothing"
    for _ in range(2):
        change = a_change()
        await index.remove(change, [str(one.scalars["asset_id"]), str(two.scalars["asset_id"])])
        for step in change.after_commit:
            step()
        assert await index.totals(CLOUD) == (0, 0)
    await index.fill([one, two])
    assert (await index.totals(CLOUD), await index.totals("other")) == ((2, 2), (0, 0))


async def put_now(index: MemoryIndex, one: Document) -> None:
    change = a_change()
    await index.put(change, one)
    for step in change.after_commit:
        step()
