"""What searches and listings cost in the index, in memory and on a PostgreSQL server, and by which of its trees they are answered.

    python -m benchmarks.api_search [--assets 10000 --assets 1000000] [--rounds 30]

Only the index is measured: no HTTP, and no opening of the sealed records of a page. Each question is asked for a page of 50 and,
if it is a search, for the number of all. Prints, with the plan of its database (EXPLAIN), one JSON object a line.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import statistics
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from sqlalchemy import Select, insert
from sqlalchemy import text as statement
from sqlalchemy.dialects import postgresql, sqlite

from domicile.media.asset import Aid, AssetId, AssetName
from domicile.media.facts import SourceFacts
from domicile.media.journal import Head
from origin.catalogue import search_sql as sql
from origin.catalogue.engine import Database
from origin.catalogue.search import MemoryIndex
from origin.catalogue.search_server import ServerIndex
from origin.catalogue.search_tables import TABLES
from origin.catalogue.tables import journal_head
from origin.records.documents import document_of
from origin.records.filtering import condition_of
from origin.records.types import AssetRecord, Filter
from origin.search.conditions import of_assets, resolve
from origin.search.document import Document
from origin.search.expression import parse
from origin.search.query import Query
from tests.infra import postgres

CLOUD = "bench"
NOW = 1_700_000_000.0
WORDS = [f"word{n}" for n in range(5000)]
BATCH = 500
SECONDS_MAX = 120.0

LISTINGS = {
    "list": Filter(resource_type="image"),
    "prefix": Filter(prefix="folder7/"),
    "tag": Filter(tag="tag 77"),
    "folder": Filter(folder="shelf/7"),
}
SEARCHES = {
    "word": "public_id:word77",
    "tag and format": 'tags="tag 77" AND format:jpg',
    "phrase": 'tags:"tag 77"',
    "prefix of a word": "public_id:word7*",
    "either of two": 'public_id:word77 OR tags="tag 78"',
    "not": "tags:tag AND NOT format:png AND public_id:word77",
    "bare word": "word77",
    "metadata number": "metadata.stock>995",
    "all of a day": "created_at>1d",
    "everything": "",
    "every second": "format:png",
}


def record(number: int, chance: random.Random) -> AssetRecord:
    facts = SourceFacts(
        format=chance.choice(["jpg", "png"]),
        width=chance.randrange(100, 4000),
        height=chance.randrange(100, 4000),
        frames=1,
        has_alpha=False,
        orientation=1,
        body_bytes=chance.randrange(10_000, 5_000_000),
        md5="0" * 32,
    )
    name = AssetName(
        cloud=CLOUD,
        resource_type="image",
        delivery_type="upload",
        public_id=f"folder{number % 1000}/{chance.choice(WORDS)}_{chance.choice(WORDS)}_{number}",
    )
    return AssetRecord(
        asset_id=AssetId(hashlib.sha256(str(number).encode()).hexdigest()[:32]),
        aid=Aid("0" * 32),
        name=name,
        version=1,
        facts=facts,
        tags=tuple({f"tag {chance.randrange(1000)}" for _ in range(3)}),
        context={"alt": f"{chance.choice(WORDS)} {chance.choice(WORDS)}"},
        folder=f"shelf/{number % 500}",
        metadata={"stock": chance.randrange(1000)},
        created_at=NOW - chance.random() * 365 * 86_400,
    )


def records(count: int) -> Iterator[AssetRecord]:
    chance = random.Random(7)
    return (record(number, chance) for number in range(count))


class Memory:
    """The index of SQLite."""

    name = "memory"

    def __init__(self) -> None:
        self.index = MemoryIndex(seconds_max=SECONDS_MAX)

    async def fill(self, documents: Iterable[Document]) -> None:
        for batch in batched(documents):
            await self.index.fill(CLOUD, batch, head=0)

    async def plan(self, query: Query) -> list[str]:
        text = str(sql.page(query).compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))

        def rows() -> list[str]:
            return [row[3] for row in self.index._db.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]

        return await self.index._ask(CLOUD, rows)

    async def bytes(self) -> int:
        def size() -> int:
            pragmas = ("page_count", "page_size")
            pages, page_bytes = (int(self.index._db.exec_driver_sql(f"PRAGMA {one}").scalar_one()) for one in pragmas)
            return pages * page_bytes

        return await self.index._ask(CLOUD, size)

    async def close(self) -> None:
        await self.index.close()


class Server:
    """That of a PostgreSQL server of its own."""

    name = "postgresql"

    def __init__(self, url: str) -> None:
        self._database = Database.open(url)
        self.index = ServerIndex(self._database, seconds_max=SECONDS_MAX)

    async def fill(self, documents: Iterable[Document]) -> None:
        await fill_server(self._database, documents)

    async def plan(self, query: Query) -> list[str]:
        return await explained(self._database, sql.page(query))

    async def bytes(self) -> int:
        sizes = ", ".join(f"pg_total_relation_size('{table.name}')" for table in TABLES)
        async with self._database.read() as connection:
            return int(sum((await connection.execute(statement(f"SELECT {sizes}"))).one()))

    async def close(self) -> None:
        await self._database.close()


async def fill_server(database: Database, documents: Iterable[Document]) -> None:
    """A cloud of its own, whose assets are in the index alone, as a build leaves it; looked at by the planner as it would be."""
    index = await ServerIndex.opened(database)
    async with database.write() as connection:
        head = Head(epoch=1, seq=0, chain="")
        await connection.execute(insert(journal_head).values(tenant=CLOUD, epoch=1, seq=0, hash=""))
        await index.adopt(connection, CLOUD, head)
    for batch in batched(documents):
        async with database.write() as connection:
            await index.write(connection, [sql.rows_of(document) for document in batch])
    async with database.write() as connection:
        await connection.execute(statement(f"ANALYZE {', '.join(table.name for table in TABLES)}"))


async def explained(database: Database, asked: Select[Any]) -> list[str]:
    words = str(asked.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))
    async with database.read() as connection:
        return [row[0] for row in await connection.execute(statement("EXPLAIN " + words.replace(":", r"\:")))]


def batched(documents: Iterable[Document]) -> Iterator[list[Document]]:
    rest = iter(documents)
    while batch := list(islice(rest, BATCH)):
        yield batch


async def measured(home: Memory | Server, count: int, rounds: int) -> None:
    index, started = home.index, time.perf_counter()
    await home.fill(map(document_of, records(count)))
    say(
        index=home.name,
        assets=count,
        fill_seconds=round(time.perf_counter() - started, 1),
        bytes_each=await home.bytes() // count,
    )
    listings = {f"list: {name}": condition_of(where) for name, where in LISTINGS.items()}
    meaning = of_assets(now=NOW, hashed=lambda text: text)
    searches = {f"search: {name}": resolve(parse(text), meaning) for name, text in SEARCHES.items()}
    for name, condition in (listings | searches).items():
        query = Query(tenant=CLOUD, condition=condition, limit=50)
        taken, total = [], None
        for _ in range(rounds):
            began = time.perf_counter()
            if name.startswith("search"):
                total = (await index.search(query, ())).total
            else:
                await index.find(query)
            taken.append((time.perf_counter() - began) * 1000)
        ranked = sorted(taken)
        say(
            index=home.name,
            assets=count,
            question=name,
            found=total,
            median_ms=round(statistics.median(taken), 2),
            p95_ms=round(ranked[int(len(ranked) * 0.95)], 2),
            by=await home.plan(query),
        )
    await home.close()


async def on_server(url: str, count: int, rounds: int) -> None:
    await measured(Server(url), count, rounds)


def say(**what: object) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--assets", type=int, action="append", default=[])
    asked.add_argument("--rounds", type=int, default=30)
    options = asked.parse_args()
    with postgres.running(quick=False) as server:
        for count in options.assets or [10_000, 1_000_000]:
            asyncio.run(measured(Memory(), count, options.rounds))
            asyncio.run(on_server(server.database(), count, options.rounds))


if __name__ == "__main__":
    main()
