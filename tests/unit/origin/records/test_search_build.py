"""An origin that starts serves before its search index is built, and what happens meanwhile is in the index and nothing else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from domicile.media.errors import Overloaded
from domicile.media.sealed import SealBroken
from origin.catalogue import search_building
from origin.catalogue.port import AssetRow
from origin.health import Pages
from origin.records import AssetRecord, Filter, PurgeTargets, Records, search_build
from origin.records.core import Core
from origin.records.search_build import SearchBuild
from origin.search.document import Document
from tests.infra.origin import origin_over
from tests.infra.records import CLOUD, lose_index, name, opened, upload

WAIT_SECONDS_MAX = 20.0
TEAM = Filter(tag="team")


class Held:
    """The building stands still where a step has been read and not yet written; `go` lets it go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.has_read, self._may_go = threading.Event(), threading.Event()
        real = SearchBuild._opened

        def held(build: SearchBuild, rows: Sequence[AssetRow]) -> list[Document]:
            documents = real(build, rows)
            self.has_read.set()
            assert self._may_go.wait(WAIT_SECONDS_MAX)
            return documents

        monkeypatch.setattr(SearchBuild, "_opened", held)
        monkeypatch.setattr(search_building, "BUILDING_SECONDS_MAX", 0.0)

    async def go(self, records: Records) -> None:
        self._may_go.set()
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while records.search_built < 1:
                await asyncio.sleep(0.01)

    @asynccontextmanager
    async def opened(self, directory: Path) -> AsyncIterator[Records]:
        """A start; what it read has not been written yet."""
        async with opened(directory) as records:
            try:
                assert await asyncio.to_thread(self.has_read.wait, WAIT_SECONDS_MAX)
                yield records
            finally:
                self._may_go.set()


async def listed(records: Records, where: Filter = Filter()) -> list[str]:  # noqa: B008 - frozen
    page = await records.list(CLOUD, where, max_results=100)
    return sorted(record.name.public_id for record in page.records)


def tagged(record: AssetRecord) -> AssetRecord:
    return replace(record, tags=("team",))


async def test_what_is_changed_before_the_index_is_built_is_in_it_as_it_is_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as records:
        for public_id in ("edited", "erased", "gone", "kept", "old", "over"):
            await upload(records, name(public_id), tags=("team",) if public_id != "edited" else ())
    lose_index(tmp_path)
    held = Held(monkeypatch)
    async with held.opened(tmp_path) as records:
        await records.edit([name("edited")], tagged)
        await records.erase(CLOUD, PurgeTargets(public_ids=("erased",)))
        await records.destroy(name("gone"))
        await records.rename(name("old"), "new")
        await upload(records, name("over"))
        await upload(records, name("added"), tags=("team",))
        assert await records.get(name("kept")) is not None
        await held.go(records)
        assert await listed(records) == ["added", "edited", "kept", "new", "over"]
        assert await listed(records, TEAM) == ["added", "edited", "kept", "new"]
        assert await records.totals(CLOUD) == (5, 5 * len(b"picture"))


async def test_half_an_index_answers_nothing_and_selects_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as records:
        await upload(records, name("a"), tags=("team",))
    lose_index(tmp_path)
    held = Held(monkeypatch)
    async with held.opened(tmp_path) as records:
        head = await records.head(CLOUD)
        for asked in (
            records.list(CLOUD, Filter()),
            records.totals(CLOUD),
            records.tags(CLOUD, "image", prefix="", after="", limit=1),
            records.folders.below(CLOUD, ""),
            records.destroy_many(CLOUD, where=TEAM),
            records.edit_where(CLOUD, TEAM, lambda record: replace(record, tags=())),
        ):
            with pytest.raises(Overloaded, match=r"being built \(0 % of all assets\): try again"):
                await asked
        assert await records.head(CLOUD) == head
        await records.create_tenant("young")
        assert (await records.list("young", Filter())).records == (), "it has no assets that could be missing"
        pages = Pages(origin_over(records))
        assert pages._search() == "building_0_percent"
        await held.go(records)
        assert pages._search() is None
        assert (await records.destroy_many(CLOUD, where=TEAM)).removed


async def test_what_cannot_be_read_now_is_read_later_and_a_broken_record_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as records:
        broken = (await upload(records, name("broken"))).record.aid
        for n in range(5):
            await upload(records, name(f"n{n}"))
    lose_index(tmp_path)
    monkeypatch.setattr(search_build, "STEP_ASSETS", 2)
    monkeypatch.setattr(search_build, "PAUSE_SECONDS", 0.0)
    real, failures = Core.open, [OSError, OSError]

    def unsteady(core: Core, row: AssetRow) -> AssetRecord | None:
        if row.aid == broken:
            raise SealBroken("torn")
        if failures and row.name > "8":
            raise failures.pop()
        return real(core, row)

    monkeypatch.setattr(Core, "open", unsteady)
    async with opened(tmp_path) as records:
        await records._core.search.ready(CLOUD)
        assert (await records.totals(CLOUD))[0] == 5
