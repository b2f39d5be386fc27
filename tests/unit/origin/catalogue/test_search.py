from __future__ import annotations

import asyncio
import random
import secrets
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import cast

import pytest
import pytest_asyncio

from domicile.media.errors import LimitExceeded, Overloaded
from origin.catalogue import search, search_copies, search_turns
from origin.catalogue.search import MemoryIndex
from origin.catalogue.search_sql import successor
from origin.journal import Change
from origin.search.conditions import Begins, Condition, Either, Every, Neither, OneOf, Words
from origin.search.document import Document, text_of
from origin.search.query import NEWEST, Counting, Query

CLOUD = "acme"
TURNS_MIN, TURNS_MAX = 15, 300
"""Of ten removals each; some of them in one of three or so leave bytes behind."""


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


async def filled(index: MemoryIndex, *documents: Document) -> None:
    for cloud in {str(one.scalars["tenant"]) for one in documents}:
        assert await index.fill(cloud, [one for one in documents if one.scalars["tenant"] == cloud], head=0)


async def found(index: MemoryIndex, condition: Condition, cloud: str = CLOUD) -> int:
    return (await index.search(Query(tenant=cloud, condition=condition, limit=10), ())).total


def image_of(index: MemoryIndex) -> bytes:
    """All pages of it, free ones too."""
    driver = index._db.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    names = [row[1] for row in driver.execute("PRAGMA database_list") if row[1] != "main"]  # that one is empty
    return b"".join(driver.serialize(name=name) for name in names)


async def present(index: MemoryIndex, canaries: list[str]) -> set[str]:
    image = await index._ask(CLOUD, lambda: image_of(index))
    return {canary for canary in canaries if canary.encode() in image}


async def remove_now(index: MemoryIndex, *documents: Document) -> None:
    change = a_change()
    await index.remove(change, [str(one.scalars["asset_id"]) for one in documents])
    for step in change.after_commit:
        step()


def canary(characters: int = 16) -> str:
    return f"canary{secrets.token_hex(characters // 2)}"


async def test_what_is_removed_is_overwritten_at_once(index: MemoryIndex) -> None:
    """As long as nothing has moved between pages."""
    canaries = [canary() for _ in range(3)]
    gone = document(f"{canaries[0]}/{canaries[1]} x", f"{canaries[2]} tag")
    await filled(index, document("kept"), gone)
    assert await present(index, canaries) == set(canaries)
    change = a_change()
    await index.remove(change, [str(gone.scalars["asset_id"])])
    assert await found(index, Words(("public_id",), (canaries[0],), goes_on=False)) == 1, "not before it is committed"
    assert index.residual == ""
    for step in change.after_commit:
        step()
    assert index.residual == search.RESIDUAL, "nobody knows whether something had moved"
    assert await present(index, canaries) == set()
    assert await found(index, Every()) == 1


async def test_nothing_of_an_asset_stays_in_the_index(index: MemoryIndex) -> None:
    """Rows of many sizes, put and removed among others, so that SQLite moves them between pages: some leave bytes behind."""
    sizes = random.Random(46)
    canaries, kept_there = list[str](), 200
    await filled(index, *(document(f"n{n}", "tag") for n in range(200)))
    for turn in range(TURNS_MAX):
        mine = [canary(sizes.choice((16, 40, 90, 400))) for _ in range(30)]
        gone = [document(f"{mine[n]}/{mine[n + 1]} x", f"{mine[n + 2]} tag") for n in range(0, 30, 3)]
        kept = [document(secrets.token_hex(sizes.choice((8, 30, 200))), "tag") for _ in range(5)]
        for one in sizes.sample(gone + kept, len(gone + kept)):
            await put_now(index, one)
        await found(index, OneOf("tags", (f"{mine[2]} tag",)))
        canaries, kept_there = canaries + mine, kept_there + len(kept)
        await remove_now(index, *gone)
        if turn >= TURNS_MIN and await present(index, mine):
            break
    else:
        pytest.fail("nothing has moved: this proves nothing")
    assert index.residual == search.RESIDUAL
    await index.scrub()
    assert await present(index, canaries) == set()
    assert index.residual == ""
    assert await found(index, Every()) == kept_there


@pytest.mark.parametrize("batch", [1, 7, 1000])
async def test_what_changes_while_the_index_is_written_anew_is_in_it(
    index: MemoryIndex, monkeypatch, batch: int
) -> None:
    monkeypatch.setattr(search_copies, "COPY_ASSETS", batch)
    before = [document(f"n{n}", "old") for n in range(30)]
    await filled(index, *before)
    await remove_now(index, before.pop())
    wanted = {str(one.scalars["asset_id"]): "old" for one in before}
    steps, real = 0, index._copies.step
    left = iter(before)

    def step() -> bool:
        nonlocal steps
        steps += 1
        return real()

    monkeypatch.setattr(index._copies, "step", step)
    scrubbing = asyncio.ensure_future(index.scrub())
    while not scrubbing.done():
        assert index.residual == search.RESIDUAL
        if len(wanted) > 60:  # a copy of one at a time would never overtake them
            await asyncio.sleep(0)
            continue
        fresh = document("fresh", "new")
        await put_now(index, fresh)
        wanted[str(fresh.scalars["asset_id"])] = "new"
        gone, edited = next(left, None), next(left, None)
        if gone is not None and edited is not None:
            await remove_now(index, gone)
            del wanted[str(gone.scalars["asset_id"])]
            await put_now(index, replace(edited, values=dict.fromkeys([("tags", "new")])))
            wanted[str(edited.scalars["asset_id"])] = "new"
        assert await found(index, Every()) == len(wanted)
    await scrubbing
    assert steps > 30 // batch
    for tag in ("old", "new"):
        hits = await index.find(Query(tenant=CLOUD, condition=OneOf("tags", (tag,)), limit=500))
        assert {hit.asset_id for hit in hits} == {asset_id for asset_id, mine in wanted.items() if mine == tag}
    assert index.residual == search.RESIDUAL, "what went meanwhile may have moved in the copy"
    assert (await index.totals(CLOUD))[0] == len(wanted)


async def test_an_index_that_is_too_large_or_changes_too_much_is_not_written_anew(
    index: MemoryIndex, monkeypatch
) -> None:
    one, two, *others = (document(f"n{n}") for n in range(10))
    await filled(index, one, two, *others)
    await remove_now(index, one)
    with monkeypatch.context() as changed:
        changed.setattr(search_copies, "CHANGED_MAX", -1)
        with pytest.raises(search_copies.TooManyChanges):
            await index.scrub()
    assert index.residual == search.RESIDUAL
    monkeypatch.setattr(search, "RESTS", 0)
    index._rests_until = 0.0
    await index.scrub(is_over=lambda: True)
    assert index.residual == search.RESIDUAL, "it was left off"
    await index.scrub()
    assert index.residual == ""
    monkeypatch.setattr(search, "REWRITE_BYTES_MAX", 0)
    await remove_now(index, two)
    await index.scrub()
    assert index.residual == search.RESIDUAL
    assert await found(index, Every()) == 8


async def test_questions_are_forgotten_with_what_they_asked_for(index: MemoryIndex) -> None:
    """A prepared statement holds what it was asked with; those of the thread are others afterwards."""
    asked = canary()
    gone = document(asked, asked)
    await put_now(index, gone)
    assert await found(index, OneOf("tags", (asked,))) == 1
    await remove_now(index, gone)
    told = list[str]()
    await index._ask(CLOUD, lambda: index._db.connection.driver_connection.set_trace_callback(told.append))  # type: ignore[union-attr]
    await index.scrub()
    assert len({one for one in told if one.startswith("SELECT") and "FROM" not in one}) == search.STATEMENTS_KEPT


async def test_what_was_read_before_a_change_does_not_go_in_after_it(index: MemoryIndex) -> None:
    """What is erased while the index is built stays away, also when it had been read and not yet written."""
    gone, kept = document("gone"), document("kept")
    await index.begin([CLOUD])
    change = replace(a_change(), seq=5)
    await index.remove(change, [str(gone.scalars["asset_id"])])
    for step in change.after_commit:
        step()
    assert await index.fill(CLOUD, [gone, kept], head=4)
    await index.complete(CLOUD, index.building.era)
    assert await found(index, Every()) == 1


async def test_clouds_find_nothing_of_each_other(index: MemoryIndex) -> None:
    await filled(index, document("jane doe", "team"), document("jane doe", "team", cloud="other"))
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
        await filled(index, *(document(f"n{n}") for n in range(50)))
        with pytest.raises(LimitExceeded):
            await found(index, Begins("tags", ""))
        index._seconds_max = 60.0
        assert await found(index, Every()) == 50
    finally:
        await index.close()


async def test_no_more_searches_wait_than_may(index: MemoryIndex, monkeypatch) -> None:
    monkeypatch.setattr(search_turns, "WAITING_MAX", 2)
    asked = [found(index, Every()) for _ in range(3)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [int, int, Overloaded]
    assert await found(index, Every()) == 0


async def test_results_are_counted_by_value(index: MemoryIndex) -> None:
    await filled(index, document("a"), document("b"))
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

    await filled(index, *(document(f"people/jane{n}", "team", created_at=n) for n in range(100)))
    asked = sql.page(Query(tenant=CLOUD, condition=condition, order=NEWEST, limit=10))
    text = str(asked.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))  # type: ignore[no-untyped-call]

    def plan() -> str:
        return repr(index._db.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all())

    told = await index._ask(CLOUD, plan)
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
    await filled(index, one, two)
    assert (await index.totals(CLOUD), await index.totals("other")) == ((2, 2), (0, 0))


async def put_now(index: MemoryIndex, one: Document) -> None:
    change = a_change()
    await index.put(change, one)
    for step in change.after_commit:
        step()
