"""What is asked of a catalogue with many assets is answered from indexes, on both databases: their own plans say so."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, select, text

from benchmarks.api import CLOUD, fill
from domicile.media.sealed import SealBroken
from origin.catalogue import tables as t
from origin.catalogue.engine import Database
from origin.records import Filter, PurgeTargets, Records
from tests.infra.records import name, on, settings

ASSETS = 10_000
SCANNED = {"sqlite": r"^SCAN (\w+)", "postgres": r"Seq Scan on (\w+)"}
LARGE = frozenset({"name", "version", "label", "rendition", "rendition_layer", "journal_entry"})
"""Tables that grow with the assets."""
TABLE = re.compile(r"\b(?:FROM|JOIN|UPDATE|INTO)\s+\"?(\w+)", re.IGNORECASE)


@pytest.fixture(autouse=True)
def _on(request: pytest.FixtureRequest, database_kind: str) -> Iterator[None]:
    with on(request.getfixturevalue("postgres_server")) if database_kind == "postgres" else nullcontext():
        yield


class Heard:
    """Every statement, while it is asked for."""

    def __init__(self, database: Database) -> None:
        self.statements: dict[str, Any] = {}
        engines = [database._writer.sync_engine, database._reader.sync_engine, database._in_thread]
        for engine in filter(None, engines):
            event.listen(engine, "before_cursor_execute", self._hear)

    def _hear(self, _: Any, __: Any, statement: str, parameters: Any, *rest: Any) -> None:
        if statement.split(maxsplit=1)[0] in {"SELECT", "UPDATE", "DELETE"}:
            self.statements.setdefault(statement, parameters)


async def plans(database: Database, statements: dict[str, Any]) -> dict[str, list[str]]:
    """The plan of each that was heard up to now, with the parameters it was asked with."""
    word = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    found = {}
    for statement, parameters in list(statements.items()):  # rounds of the catalogue go on asking
        async with database.writer() as connection:
            await connection.begin()
            many = isinstance(parameters, list)
            rows = await connection.exec_driver_sql(word + statement, parameters[0] if many else parameters)
            found[statement] = [str(row[-1]) for row in rows]
            await connection.rollback()
    return found


async def make_renditions(records: Records) -> None:
    """A rendition of each asset, under a layer of which each thousandth is."""
    async with records._core.database.write() as connection:
        aids = list(await connection.scalars(select(t.version.c.aid)))
        rows = [{"aid": aid, "hash": aid, "tenant": CLOUD, "detail": b"sealed"} for aid in aids]
        await connection.execute(insert(t.rendition), rows)
        layers = [{"rendition_aid": aid, "hash": aid, "aid": aids[n // 1000]} for n, aid in enumerate(aids)]
        await connection.execute(insert(t.rendition_layer), layers)
        await connection.execute(text("ANALYZE"))


@pytest.mark.slow
async def test_reads_and_changes_of_few_assets_scan_no_large_table(
    tmp_path: Path, database_kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Records.open(settings(tmp_path)) as records:
        await records.create_tenant(CLOUD)
    await fill(settings(tmp_path), ASSETS)
    async with Records.open(settings(tmp_path)) as records:
        async with asyncio.timeout(60):
            while records._core.search.building.left:
                await asyncio.sleep(0.05)
        await make_renditions(records)
        heard = Heard(records._core.database)
        # As the index is built, and as all of a cloud is erased.
        async with records._core.database.read() as connection:
            assert len(await records._core.catalogue.page(connection, CLOUD, after="8", limit=250)) == 250
            assert len(await records._core.catalogue.some(connection, CLOUD, 250, bare=True)) == 250
        page = await records.list(CLOUD, Filter(resource_type="image"), max_results=10)
        assert len(page.records) == 10
        assert (await records.list(CLOUD, Filter(prefix="folder7/"), max_results=10)).records
        assert (await records.list(CLOUD, Filter(tag="tag7"), max_results=10)).records
        record = page.records[0]
        assert await records.get(record.name) == record
        assert await records.get_by_asset_id(CLOUD, record.asset_id) == record
        assert await records.get_version(CLOUD, record.aid) == record
        with pytest.raises(SealBroken):  # it is there, and no more than its place
            await records.renditions(CLOUD, record.aid)
        assert (await records.erase_preview(CLOUD, PurgeTargets(tags=("tag7",)))).total == ASSETS // 500
        assert (await records.erase_preview(CLOUD, PurgeTargets(prefixes=("folder7",)))).total == ASSETS // 1000
        await records.rename(record.name, "elsewhere")
        await records.destroy(name("elsewhere", cloud=CLOUD))
        told = await plans(records._core.database, heard.statements)
    scans = {
        statement: plan
        for statement, plan in told.items()
        if any(
            table in LARGE for line in plan for table in re.findall(SCANNED[database_kind], line.strip(), re.MULTILINE)
        )
    }
    asked = {table for statement in told for table in TABLE.findall(statement)} & LARGE
    print(f"plans looked at: {len(told)}, of {sorted(asked)}")
    assert len(told) >= 15
    assert asked >= {"name", "version", "label"}
    assert scans == {}


async def test_erasures_that_are_not_over_are_found_among_many_that_are(tmp_path: Path) -> None:
    async with Records.open(settings(tmp_path)) as records:
        over = {"tenant": CLOUD, "selector": "0", "state": b"", "statement": b"signed", "kept_until": 1e12}
        async with records._core.database.write() as connection:
            await connection.execute(insert(t.erasure), [{**over, "id": f"{n:032x}"} for n in range(2000)])
            await connection.execute(text("ANALYZE"))
        heard = Heard(records._core.database)
        await records._endings.close_over()
        told = await plans(records._core.database, heard.statements)
        (plan,) = (plan for statement, plan in told.items() if TABLE.findall(statement) == ["erasure"])
        assert any("ix_erasure_open" in line for line in plan), plan


def test_a_scan_would_be_seen() -> None:
    assert re.findall(SCANNED["sqlite"], "SCAN name USING COVERING INDEX x") == ["name"]
    assert re.findall(SCANNED["postgres"], "  ->  Parallel Seq Scan on version  (cost=0.00..1.00)") == ["version"]
