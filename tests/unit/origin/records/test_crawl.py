"""The crawler finds bytes that nobody tells of, and rows without bytes; it goes on where it was, and names nobody."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from domicile.media.policy import Activity
from origin.records import Records, crawl
from origin.records.crawl import Example
from tests.infra.records import CLOUD, crawled, name, opened, upload

ORPHAN = "f" * 32


def place_of(directory: Path, aid: str, cloud: str = CLOUD) -> Path:
    return directory / "data" / "originals" / cloud / aid[:2] / aid


def plant(directory: Path, *, cloud: str = CLOUD, age_seconds: float = 10_000.0) -> Path:
    path = place_of(directory, ORPHAN, cloud)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"ciphertext")
    then = path.stat().st_mtime - age_seconds
    os.utime(path, (then, then))
    return path


async def test_records_and_a_store_that_tell_the_same_differ_in_nothing(records: Records) -> None:
    await upload(records, name("jane"), backup=True)
    await upload(records, name("jane"), b"replaced")
    await upload(records, name("gone"))
    await records.destroy(name("gone"))
    draft = await records.mint(CLOUD)  # on its way in: with bytes and without
    await records.put_original(draft, b"on its way", records.permit(CLOUD, Activity.STORE))
    await records.mint(CLOUD)
    assert (await crawled(records)).total == 0
    standing = await records.crawler.standing()
    assert standing is not None
    assert standing.last is not None
    assert standing.last.compared == 3


async def test_bytes_that_no_record_tells_of_are_unlisted(records: Records, tmp_path: Path) -> None:
    plant(tmp_path)
    plant(tmp_path, cloud="unheard-of")
    found = await crawled(records)
    assert (found.unlisted, found.phantom) == (2, 0)
    assert found.examples == tuple(
        Example(where="store", difference="unlisted", cloud=cloud, version_id=ORPHAN) for cloud in (CLOUD, "unheard-of")
    )
    assert place_of(tmp_path, ORPHAN).exists(), "it is told, and not touched"


async def test_a_file_that_has_gone_is_a_phantom(records: Records, tmp_path: Path) -> None:
    lost = (await upload(records, name("lost"), backup=True)).record
    await upload(records, name("there"))
    await records.destroy(name("lost"))
    place_of(tmp_path, lost.aid).unlink()
    found = await crawled(records)
    assert (found.unlisted, found.phantom) == (0, 1)
    assert found.examples == (Example(where="store", difference="phantom", cloud=CLOUD, version_id=lost.aid),)
    await records.backups.forget(CLOUD, lost.asset_id, [lost.aid])
    assert (await crawled(records)).total == 0


async def test_bytes_that_have_just_been_written_are_let_be(records: Records, tmp_path: Path) -> None:
    plant(tmp_path, age_seconds=0)
    assert (await crawled(records)).total == 0


async def test_it_goes_on_page_by_page_and_after_a_restart_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crawl, "PAGE_MAX", 2)
    monkeypatch.setattr(crawl, "PAGES_PER_ROUND", 0)  # nobody else makes a step meanwhile
    async with opened(tmp_path) as records:
        await records.create_tenant("other")
        lost = [
            (await upload(records, name(f"{cloud}/{n}", cloud=cloud))).record
            for cloud in (CLOUD, "other")
            for n in range(3)
        ]
        plant(tmp_path)
        for one in lost[1:]:
            place_of(tmp_path, one.aid, one.name.cloud).unlink()
        first = await records.crawler.step(anew=True)
        assert (first.finished_at, first.compared <= 3) == (None, True)
    async with opened(tmp_path) as records:
        assert (await records.crawler.standing()) == first
        steps = 1
        while (standing := await records.crawler.step()).finished_at is None:
            assert standing.after > first.after
            first, steps = standing, steps + 1
            assert steps < 10
        assert (standing.found.phantom, standing.found.unlisted, standing.compared) == (5, 1, 7)
        assert steps >= 3


async def test_the_upkeep_begins_a_pass_when_one_is_due(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        await records.crawler.round()
        standing = await records.crawler.standing()
        assert standing is not None
        assert standing.finished_at is not None
        await records.crawler.round()
        assert await records.crawler.standing() == standing, "not so soon again"
        later = records._core.now() + records._core.settings.crawl_seconds + 1
        object.__setattr__(records._core, "now", lambda: later)
        await records.crawler.round()
        assert (await records.crawler.standing()) != standing
