"""What searches and listings cost in the index, and by which of its trees they are answered.

    python -m benchmarks.api_search [--assets 10000 --assets 1000000] [--rounds 30]

Only the index is measured: no HTTP, and no opening of the sealed records of a page. Each question is asked for a page of 50 and,
if it is a search, for the number of all. Prints one JSON object a line.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import statistics
import time
from collections.abc import Iterator

from sqlalchemy.dialects import sqlite

from domicile.media.asset import Aid, AssetId, AssetName
from domicile.media.facts import SourceFacts
from origin.catalogue import search_sql as sql
from origin.catalogue.search import MemoryIndex
from origin.records.documents import document_of
from origin.records.filtering import condition_of
from origin.records.types import AssetRecord, Filter
from origin.search.conditions import of_assets, resolve
from origin.search.expression import parse
from origin.search.query import Query

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


async def measured(count: int, rounds: int) -> None:
    index = MemoryIndex(seconds_max=SECONDS_MAX)
    started = time.perf_counter()
    batch = []
    for one in records(count):
        batch.append(document_of(one))
        if len(batch) == BATCH:
            await index.fill(CLOUD, batch, head=0)
            batch = []
    await index.fill(CLOUD, batch, head=0)
    say(
        assets=count,
        fill_seconds=round(time.perf_counter() - started, 1),
        bytes_each=await index_bytes(index) // count,
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
            assets=count,
            question=name,
            found=total,
            median_ms=round(statistics.median(taken), 2),
            p95_ms=round(ranked[int(len(ranked) * 0.95)], 2),
            by=await plan(index, query),
        )
    await index.close()


async def plan(index: MemoryIndex, query: Query) -> list[str]:
    text = str(sql.page(query).compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))

    def rows() -> list[str]:
        return [row[3] for row in index._db.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]

    return await index._ask(CLOUD, rows)


async def index_bytes(index: MemoryIndex) -> int:
    def size() -> int:
        pages, page_bytes = (index._db.exec_driver_sql(f"PRAGMA {one}").scalar() for one in ("page_count", "page_size"))
        return pages * page_bytes

    return await index._ask(CLOUD, size)


def say(**what: object) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--assets", type=int, action="append", default=[])
    asked.add_argument("--rounds", type=int, default=30)
    options = asked.parse_args()
    for count in options.assets or [10_000, 1_000_000]:
        asyncio.run(measured(count, options.rounds))


if __name__ == "__main__":
    main()
