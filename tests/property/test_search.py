"""Search expressions: what is written is read back, nothing that is read crashes, and the index finds what a plain walk over
all records finds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from domicile.media.asset import Aid, AssetId, AssetName
from domicile.media.errors import BadRequest, LimitExceeded
from domicile.media.facts import SourceFacts
from origin.catalogue.engine import Database
from origin.catalogue.search import MemoryIndex
from origin.catalogue.search_server import ServerIndex
from origin.catalogue.tables import journal_head
from origin.journal import Change
from origin.records import AssetRecord, MetadataValue
from origin.records.documents import document_of
from origin.search.conditions import of_assets, resolve
from origin.search.document import folder_document
from origin.search.expression import And, Bare, Compare, Everything, Node, Not, Or, Range, Text, parse, write
from origin.search.judge import is_true
from origin.search.query import Query
from tests.infra import postgres
from tests.infra.naive_search import select

CLOUD = "acme"
NOW = 1_700_000_000.0
DAY = 86_400

WORDS = "jane Jane red RED flower rot-kehl straße STRASSE ﬁne fine é é 🎉 2 20 x_y a.b ü".split()
spoken = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
any_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
values = st.builds(Text, spoken | any_text, st.booleans())
paths = st.lists(st.sampled_from(["a", "b", "ab", "Z"]), max_size=3).map("/".join)
numbers = st.sampled_from(["0", "2", "20", "100", "1kb", "0.5", "-3"])
times = st.sampled_from(["1d", "4w", "2m", "1y", "2023-11-14", "2023-11-14T22:13:20Z", "2023-11-13"])
ratios = st.sampled_from(["1", "16:9", "1.33", "0.5"])
OPEN = Text("", goes_on=True)


def of_kind(field: str) -> st.SearchStrategy[str]:
    if field in {"created_at", "uploaded_at"}:
        return times
    return ratios if field == "aspect_ratio" else numbers


text_fields = st.sampled_from(
    "public_id filename display_name tags context metadata context.alt metadata.size metadata.colour".split()
)
number_fields = st.sampled_from("bytes width height pixels pages aspect_ratio created_at uploaded_at".split())
open_fields = st.sampled_from(["metadata.size", "metadata.day", "context.alt"])
keywords = {
    "resource_type": ["image", "raw", "Image", "im"],
    "type": ["upload", "private", "authenticated"],
    "format": ["png", "jpg", "p", ""],
    "access_mode": ["public", "authenticated"],
    "transparent": ["true", "false"],
}


@st.composite
def comparisons(draw: st.DrawFn) -> Node:
    match draw(st.integers(0, 6)):
        case 0:
            return Bare(draw(values.filter(is_spoken)))
        case 1:
            return Compare(draw(text_fields), ":", draw(values.filter(is_spoken)))
        case 2:
            return Compare(draw(text_fields), "=", draw(values))
        case 3:
            field = draw(st.sampled_from(sorted(keywords)))
            return Compare(
                field,
                draw(st.sampled_from(":=")),
                draw(st.builds(Text, st.sampled_from(keywords[field]), st.booleans())),
            )
        case 4:
            path = st.builds(Text, paths | paths.map(lambda path: f"{path}/"), st.booleans())
            return Compare(draw(st.sampled_from(["folder", "asset_folder"])), draw(st.sampled_from(":=")), draw(path))
        case 5:
            field = draw(number_fields | open_fields)
            operators = [">", ">=", "<", "<="] + [":", "="] * (field in {"width", "bytes"})
            return Compare(field, draw(st.sampled_from(operators)), Text(draw(of_kind(field))))
        case _:
            field = draw(number_fields | open_fields)
            ends = of_kind(field).map(Text) | st.just(OPEN)
            return Range(field, draw(ends), draw(ends), draw(st.booleans()), draw(st.booleans()))


def is_spoken(text: Text) -> bool:
    """Has a word in it, as a search by words must."""
    from tests.infra.naive_search import cut

    return bool(cut(text.value)) or text == OPEN


trees = st.recursive(
    comparisons(),
    lambda inner: (
        st.builds(Not, inner)
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: And(tuple(parts)))
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: Or(tuple(parts)))
    ),
    max_leaves=6,
)


@st.composite
def records(draw: st.DrawFn) -> list[AssetRecord]:
    found = []
    for number in range(draw(st.integers(3, 8))):
        resource_type = draw(st.sampled_from(["image", "image", "raw"]))
        folder = draw(paths)
        last = draw(spoken)
        size = st.sampled_from([1, 2, 20, 100, 177])
        facts = SourceFacts(
            format=draw(st.sampled_from(["png", "jpg"])),
            width=draw(size),
            height=draw(size),
            frames=draw(st.sampled_from([1, 2])),
            has_alpha=draw(st.booleans()),
            orientation=1,
            body_bytes=draw(st.sampled_from([0, 2, 1024, 4096])),
            md5="0" * 32,
        )
        metadata_value: st.SearchStrategy[MetadataValue] = st.sampled_from(
            [2, 20, "2023-11-14", "red", ["red", "jane"], "-3", "0.5"]
        )
        found.append(
            AssetRecord(
                asset_id=AssetId(f"{(number + 1) << 8:016x}{0:016x}"),
                aid=Aid("0" * 32),
                name=AssetName(
                    cloud=CLOUD,
                    resource_type=resource_type,
                    delivery_type=draw(st.sampled_from(["upload", "private", "authenticated"])),
                    public_id=f"{folder}/{last}" if folder else last,
                ),
                version=1,
                facts=facts,
                tags=tuple(draw(st.lists(spoken, max_size=3, unique=True))),
                context=draw(st.dictionaries(st.sampled_from(["alt", "red", "a.b"]), spoken | any_text, max_size=2)),
                folder=draw(paths),
                display_name=draw(st.just("") | spoken),
                original_filename=draw(st.just("") | spoken),
                metadata=draw(st.dictionaries(st.sampled_from(["size", "day", "colour"]), metadata_value, max_size=3)),
                created_at=NOW - draw(st.sampled_from([0, 1, DAY, 2 * DAY, 28 * DAY, 60 * DAY, 365 * DAY])),
            )
        )
    return found


@pytest.fixture(scope="module")
def index() -> Iterator[MemoryIndex]:
    index = MemoryIndex()
    yield index
    asyncio.run(index.close())


def meaning():
    return of_assets(now=NOW, hashed=lambda text: text)


some_assets_and_questions = (records(), st.lists(trees, min_size=6, max_size=8))


@given(*some_assets_and_questions)
@example([], [Everything()])
@settings(max_examples=30, deadline=None)
def test_the_index_finds_what_a_walk_over_all_records_finds(
    index: MemoryIndex, catalogue: list[AssetRecord], asked: list[Node]
) -> None:
    conditions = [resolve(tree, meaning()) for tree in asked]
    expected = [select(catalogue, tree, NOW) for tree in asked]
    documents = [document_of(record) for record in catalogue]

    async def found() -> list[set[str]]:
        await index.fill(CLOUD, documents, head=0)
        queries = [Query(tenant=CLOUD, condition=condition, limit=100) for condition in conditions]
        hits = [await index.find(query) for query in queries]
        change = Change(connection=cast("object", None), tenant=CLOUD, epoch=1, seq=1, previous="", purged=0)  # type: ignore[arg-type]
        await index.remove(change, [record.asset_id for record in catalogue])
        for step in change.after_commit:
            step()
        return [{hit.asset_id for hit in some} for some in hits]

    assert asyncio.run(found()) == expected
    judged = [
        {str(one.scalars["asset_id"]) for one in documents if is_true(condition, one)} for condition in conditions
    ]
    assert judged == expected


@pytest.fixture(scope="module")
def server_database(postgres_server: postgres.Server) -> Iterator[str]:
    """Of one cloud without assets."""
    url = postgres_server.database()
    head = f"INSERT INTO journal_head (tenant, epoch, seq, hash, purged) VALUES ('{CLOUD}', 1, 0, '', 0)"
    postgres_server.ask(url, head)
    yield url
    postgres_server.give_back(url)


@given(*some_assets_and_questions)
@settings(max_examples=12, deadline=None)
def test_so_does_the_index_on_a_server(server_database: str, catalogue: list[AssetRecord], asked: list[Node]) -> None:
    """Inside of a change, which is taken back."""

    async def found() -> list[set[str]]:
        database = Database.open(server_database)
        index = await ServerIndex.opened(database)
        await index.begin([CLOUD])
        await index.complete(CLOUD, index.building.era)
        async with database.writer() as connection, connection.begin() as transaction:
            change = Change(connection=connection, tenant=CLOUD, epoch=1, seq=1, previous="", purged=0)
            await connection.execute(update(journal_head).values(seq=1))
            for record in catalogue:
                await index.put(change, document_of(record))
            conditions = [resolve(tree, meaning()) for tree in asked]
            hits = [
                await index.find(Query(tenant=CLOUD, condition=condition, limit=100), change)
                for condition in conditions
            ]
            await transaction.rollback()
        await database.close()
        return [{hit.asset_id for hit in some} for some in hits]

    assert asyncio.run(found()) == [select(catalogue, tree, NOW) for tree in asked]


@given(trees)
@settings(max_examples=100)
def test_what_is_written_is_read_back(tree: Node) -> None:
    assert parse(write(tree)) == tree


PIECES = st.sampled_from(
    [*'()[]{}":=<>!&|^~?*\\+-', " AND ", " OR ", "NOT ", " TO ", "a", "tags:", "width>", "1d", "&&", "||"]
)


@given(st.lists(PIECES | any_text, max_size=20).map("".join))
@settings(max_examples=300)
def test_whatever_is_asked_is_understood_or_refused(text: str) -> None:
    try:
        tree = parse(text)
    except (BadRequest, LimitExceeded):
        return
    assert parse(write(tree)) == tree
    try:
        condition = resolve(tree, meaning())
    except BadRequest:
        return
    is_true(condition, folder_document("a/b", NOW))
