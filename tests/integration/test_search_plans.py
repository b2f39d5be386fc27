"""The search index of a server answers by its indexes, although its planner knows next to nothing: its own plans say so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from benchmarks.api_search import CLOUD, NOW, explained, fill_server, records
from origin.catalogue import search_shape as shape
from origin.catalogue import search_sql as sql
from origin.catalogue.engine import Database
from origin.records.documents import document_of
from origin.records.filtering import condition_of
from origin.records.types import Filter
from origin.search.conditions import Condition, of_assets, resolve
from origin.search.expression import parse
from origin.search.query import NEWEST, OLDEST, Order, Query
from tests.infra import postgres

ASSETS = 2000
BY_NAME: Order = (("public_id", False), ("asset_id", False))


def asked(expression: str) -> Condition:
    return resolve(parse(expression), of_assets(now=NOW, hashed=lambda name: f"hash of {name}"))


QUESTIONS: dict[str, tuple[Query, str]] = {
    name: (Query(tenant=CLOUD, condition=condition, order=order, limit=51, after=after), by)
    for name, (condition, order, after, by) in {
        "prefix": (condition_of(Filter(prefix="folder7/")), NEWEST, None, "search_asset_by_name"),
        "public_id": (asked('public_id="folder7/x"'), NEWEST, None, "search_asset_by_name"),
        "folder": (condition_of(Filter(folder="shelf/7")), NEWEST, None, "search_asset_by_folder"),
        "tag": (asked('tags="tag 77"'), NEWEST, None, "search_value_by_text"),
        "either of two tags": (asked('tags="tag 77" OR tags="tag 78"'), NEWEST, None, "search_value_by_text"),
        "subject": (asked("subject:jane"), NEWEST, None, "search_value_by_text"),
        "word": (asked("public_id:word77"), NEWEST, None, "search_word_by_word"),
        "prefix of a word": (asked("public_id:word7*"), NEWEST, None, "search_word_by_word"),
        "bare word or tag": (asked('word77 OR tags="tag 78"'), NEWEST, None, "search_word_by_word"),
        "number": (asked("metadata.stock>995"), NEWEST, None, "search_value_by_number"),
        "newest": (asked(""), NEWEST, None, "search_asset_by_time"),
        "oldest": (asked("resource_type:image"), OLDEST, None, "search_asset_by_time"),
        "newest, further on": (asked(""), NEWEST, (NOW - 9e6, "8"), "search_asset_by_time"),
        "by name, further on": (asked(""), BY_NAME, ("folder7", "8"), "search_asset_by_name"),
    }.items()
}


@pytest.fixture(scope="module")
def url(postgres_server: postgres.Server) -> Iterator[str]:
    url = postgres_server.database()
    yield url
    postgres_server.give_back(url)


async def test_questions_are_answered_by_indexes(url: str) -> None:
    database = Database.open(url)
    documents = (document_of(one, subjects=["hash of somebody"]) for one in records(ASSETS))
    await fill_server(database, documents)
    async with database.write() as connection:
        kept = await connection.execute(text("SELECT tablename, attname FROM pg_stats WHERE tablename LIKE 'search_%'"))
        assert {tuple(row) for row in kept} == {("search_asset", name) for name in shape.TELLING}
    plans = {name: "\n".join(await explained(database, sql.page(query))) for name, (query, _) in QUESTIONS.items()}
    sorting = {
        name: "\n".join(await explained(database, sql.page(query, sorts=True)))
        for name, (query, _) in QUESTIONS.items()
        if sql.naming(query.condition) is not None
    }
    await database.close()
    assert sorting.keys() == {"prefix", "public_id", "folder"}
    assert {name: plan for name, plan in sorting.items() if QUESTIONS[name][1] not in plan or "by_time" in plan} == {}
    assert {name: plan for name, plan in plans.items() if QUESTIONS[name][1] not in plan} == {}
    assert {name: plan for name, plan in plans.items() if "Seq Scan" in plan} == {}
    assert "Index Cond" in plans["newest, further on"]
    assert "created_at <=" in plans["newest, further on"].partition("Index Cond")[2]
