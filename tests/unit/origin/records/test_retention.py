"""The past is bounded, and whoever was left behind by that is told so; what was erased stays so for a catalogue of any age."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from domicile.media.journal import GENESIS, Head, Kind
from edge.journal import may_resync, sort
from origin.mirror import Mirror
from origin.records import Filter, PurgeTargets, Records, opening, retention
from tests.infra.records import CLOUD, count_rows, keep, name, opened, restore, upload

KEPT = 5


async def purge(records: Records, purge_id: str, targets: PurgeTargets) -> bool:
    return (await records.purge(CLOUD, targets, purge_id=purge_id, digest="d")).everything


async def test_older_entries_and_purge_ids_are_dropped_and_readers_behind_them_start_again(tmp_path: Path) -> None:
    async with opened(tmp_path, journal_entries_max=KEPT) as records:
        await records.create_tenant("other")
        await upload(records, name("q", cloud="other"))
        for n in range(4):
            await upload(records, name(f"n{n}"))
            await purge(records, f"p{n}", PurgeTargets(public_ids=(f"n{n}",)))
        await retention.trim(records._core)
        head = await records.head(CLOUD)
        assert count_rows(tmp_path, "journal_entry") == KEPT + 1, "the other cloud keeps its own"
        assert count_rows(tmp_path, "purge_call") == 3
        kept = await records.entries({CLOUD: head.seq - KEPT}, wait_seconds=0)
        assert [entry.seq for entry in kept.entries] == list(range(head.seq - KEPT + 1, head.seq + 1))
        assert kept.compacted == ()
        answer = await records.entries({CLOUD: head.seq - KEPT - 1, "other": 0}, wait_seconds=0)
        assert answer.compacted == (CLOUD,)
        assert [entry.tenant for entry in answer.entries] == ["other"]
        behind = Head(epoch=1, seq=head.seq - KEPT - 1, chain=GENESIS)
        assert sort({CLOUD: behind}, answer) == ([], {CLOUD}, set()), "an edge drops all and takes a fresh lease"
        assert may_resync(behind, head)
        assert not (await records.purge(CLOUD, PurgeTargets(tags=("t",)), purge_id="p0", digest="other")).repeated
        assert await records.get(name("n0")) is not None


async def test_a_long_past_is_dropped_in_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ROWS_PER_STEP", 3)
    async with opened(tmp_path, journal_entries_max=1) as records:
        for n in range(8):
            await upload(records, name(f"n{n}"))
        await retention.trim(records._core)
        assert count_rows(tmp_path, "journal_entry") == 1


async def test_purges_that_pile_up_too_many_targets_become_one_for_everything(tmp_path: Path) -> None:
    async with opened(tmp_path, purge_targets_max=4) as records:
        for public_id in ("a", "b"):
            await upload(records, name(public_id))
        both = PurgeTargets(public_ids=("a", "b"))
        assert [await purge(records, f"p{n}", both) for n in range(4)] == [False, True, False, True]
        entries = (await records.entries({CLOUD: 2}, wait_seconds=0)).entries
        assert [entry.kind for entry in entries] == [Kind.ASSET, Kind.ALL, Kind.ASSET, Kind.ALL]


async def test_nothing_but_purges_counts_as_a_purge(tmp_path: Path) -> None:
    async with opened(tmp_path, purge_targets_max=4) as records:
        for n in range(6):
            await upload(records, name(f"n{n}"))
        for n in range(1, 6):
            await records.destroy(name(f"n{n}"))
        assert not await purge(records, "p", PurgeTargets(public_ids=("n0",)))


@pytest.mark.parametrize("compacted", [False, True])
async def test_a_catalogue_from_before_the_past_that_is_kept_is_brought_up_to_date(
    tmp_path: Path, compacted: bool
) -> None:
    async with opened(tmp_path, journal_entries_max=KEPT) as records:
        gone = (await upload(records, name("gone"))).record
        kept = (await upload(records, name("kept"))).record
    keep(tmp_path, "yesterday")
    async with opened(tmp_path, journal_entries_max=KEPT) as records:
        await records.destroy(name("gone"))
        for n in range(2 * KEPT):
            await upload(records, name(f"n{n}"))
        before = await records.head(CLOUD)
    if compacted:
        mirror = Mirror(tmp_path / "data.mirror")
        mirror.compact(KEPT)
        mirror.close()
    restore(tmp_path, "yesterday")
    for _ in range(2):
        async with opened(tmp_path, journal_entries_max=KEPT) as records:
            assert await records.get(kept.name) == kept
            assert await records.get(gone.name) is None
            assert not list((tmp_path / "data" / "originals").rglob(gone.aid))
            assert (await records.head(CLOUD)).epoch == before.epoch + 1
            (told,) = (await records.entries({CLOUD: before.seq}, wait_seconds=0)).entries
            assert told.kind == Kind.ALL
            answer = await records.entries({CLOUD: 2}, wait_seconds=0)
            assert answer.compacted == ((CLOUD,) if compacted else ())


async def test_a_catalogue_from_before_the_past_that_is_kept_brings_nothing_back_that_was_deleted_with_a_backup(
    tmp_path: Path,
) -> None:
    """What was put under retention is put there again, and what was erased since is erased."""
    async with opened(tmp_path, journal_entries_max=KEPT) as records:
        for public_id in ("kept", "erased", "erased later"):
            await upload(records, name(public_id), backup=True)
    keep(tmp_path, "yesterday")
    async with opened(tmp_path, journal_entries_max=KEPT) as records:
        for public_id in ("kept", "erased", "erased later"):
            await records.destroy(name(public_id))
        await records.erase(CLOUD, PurgeTargets(public_ids=("erased",)))
        for n in range(2 * KEPT):
            await upload(records, name(f"n{n}"))
        await records.erase(CLOUD, PurgeTargets(public_ids=("erased later",)))
    for _ in range(2):  # the second time a base is compacted
        mirror = Mirror(tmp_path / "data.mirror")
        mirror.compact(KEPT)
        mirror.close()
    restore(tmp_path, "yesterday")
    async with opened(tmp_path, journal_entries_max=KEPT) as records:
        assert not (await records.list(CLOUD, Filter())).records
        assert len(await records.backups.of_name(name("kept"))) == 1
        for public_id in ("erased", "erased later"):
            assert not await records.backups.of_name(name(public_id))


async def test_a_mirror_written_anew_from_a_trimmed_catalogue_goes_on(tmp_path: Path) -> None:
    async with opened(tmp_path, journal_entries_max=KEPT) as records:
        for n in range(2 * KEPT):
            await upload(records, name(f"n{n}"))
        await retention.trim(records._core)
    (tmp_path / "data.mirror" / "journal").unlink()
    for n in range(2):
        async with opened(tmp_path, journal_entries_max=KEPT) as records:
            assert (await records.head(CLOUD)).epoch == 1
            await upload(records, name(f"again{n}"))
    mirror = Mirror(tmp_path / "data.mirror")
    assert [entry.seq for entry in mirror.missing({CLOUD: 0})[CLOUD].entries] == list(range(KEPT + 1, 2 * KEPT + 3))
    mirror.close()


async def test_the_upkeep_trims_and_compacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("origin.mirror.COMPACT_BYTES_MIN", 1)
    monkeypatch.setattr(opening, "MAINTENANCE_SECONDS", 0.01)

    mirror = tmp_path / "data.mirror" / "journal"
    async with opened(tmp_path, journal_entries_max=1) as records:
        await upload(records, name("n0"))
        one_entry = mirror.stat().st_size
        for n in range(1, 12):
            await upload(records, name(f"n{n}"))
        async with asyncio.timeout(30):
            while count_rows(tmp_path, "journal_entry") > 1 or mirror.stat().st_size > 5 * one_entry:
                await asyncio.sleep(0.01)
        assert await records.get(name("n0")) is not None
