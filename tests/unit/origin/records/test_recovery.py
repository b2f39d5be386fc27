"""What a start puts right: restored catalogues, short mirrors, half-forgotten assets, foreign directories."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from domicile.media.journal import Kind, follows
from domicile.media.policy import Activity
from domicile.service.settings import BadSetting
from origin.journal import Journal
from origin.mirror import Mirror
from origin.records import Filter, NewAsset, Records, recovery
from origin.records.core import Core, Forgotten
from origin.store.port import Blob
from tests.infra.records import (
    CLOUD,
    count_rows,
    crawled,
    facts,
    keep,
    lose_catalogue,
    name,
    opened,
    restore,
    settings,
    upload,
)


async def test_everything_is_there_again_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        kept = [(await upload(records, name(f"a/{n}"), tags=("t",))).record for n in range(3)]
        tenant = records.tenant(CLOUD)
    async with opened(tmp_path) as records:
        assert records.tenant(CLOUD) == tenant
        assert [await records.get(record.name) for record in kept] == kept
        assert len((await records.list(CLOUD, Filter(tag="t", prefix="a/"))).records) == 3


async def test_yesterdays_catalogue_with_the_keys_of_now_gives_all_but_the_erased(tmp_path: Path) -> None:
    """Decisions E.1, both directions: one of many erased, the rest readable, the erased one not."""
    async with opened(tmp_path) as records:
        kept = [(await upload(records, name(f"n{n}"), b"%d" % n)).record for n in range(20)]
    keep(tmp_path, "yesterday")
    async with opened(tmp_path) as records:
        await records.destroy(name("n7"))
    restore(tmp_path, "yesterday")
    async with opened(tmp_path) as records:
        for n, record in enumerate(kept):
            found = await records.get(record.name)
            assert found == (None if n == 7 else record)
        blob = await records.read_original(kept[3].aid, records.permit(CLOUD, Activity.STORE))
        assert b"".join([piece async for piece in blob.pieces])
        assert not list((tmp_path / "data" / "originals").rglob(kept[7].aid)), "the erase is carried out again"
        head = await records.head(CLOUD)
        assert head.epoch == 2
        last = (await records.entries({CLOUD: head.seq - 1}, wait_seconds=0)).entries[0]
        assert last.kind == Kind.ALL, "edges may hold what the restored catalogue has never heard of"
        entries = (await records.entries({CLOUD: 20}, wait_seconds=0)).entries
        assert [entry.kind for entry in entries] == [Kind.ERASE, Kind.ALL]


async def test_a_mirror_that_a_crash_left_behind_catches_up(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        await upload(records, name("a"))
    mirror = tmp_path / "data.mirror" / "journal"
    short = mirror.read_bytes()
    async with opened(tmp_path) as records:
        await upload(records, name("b"))
        await upload(records, name("c"))
    whole = mirror.read_bytes()
    mirror.write_bytes(short + whole[len(short) : len(short) + 5])  # and a torn record at the end
    async with opened(tmp_path) as records:
        assert (await records.head(CLOUD)).epoch == 1
    assert mirror.read_bytes() == whole


async def test_two_histories_are_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        await upload(records, name("a"))
    keep(tmp_path, "fork")
    async with opened(tmp_path) as records:
        await upload(records, name("b"))
    mirror = (tmp_path / "data.mirror" / "journal").read_bytes()
    restore(tmp_path, "fork")
    (tmp_path / "data.mirror" / "journal").write_bytes(mirror[: len(mirror) // 2])
    async with opened(tmp_path) as records:
        await upload(records, name("c"))
    (tmp_path / "data.mirror" / "journal").write_bytes(mirror)
    with pytest.raises(BadSetting, match="two histories"):
        async with opened(tmp_path):
            pass


async def test_a_lost_catalogue_beside_a_full_mirror_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        await upload(records, name("a"))
    lose_catalogue(tmp_path)
    with pytest.raises(BadSetting, match="mirror"):
        async with Records.open(settings(tmp_path)):
            pass


async def test_a_crash_between_the_entry_and_the_forgetting_is_finished_at_start(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        record = (await upload(records, name("a"))).record
        core = records._core
        async with core.journal.change(CLOUD) as change:
            rows = await core.catalogue.named(change.connection, CLOUD, [core.hash_name(name("a"))])
            await core.catalogue.remove(change.connection, rows[0], seq=change.seq)
            change.record(Kind.ERASE, aids=(record.aid,))
    async with opened(tmp_path) as records:
        assert records._core.keyring.of(record.aid) is None
        assert not list((tmp_path / "data" / "originals").rglob(record.aid))
    assert count_rows(tmp_path, "doomed") == 0


async def test_two_processes_cannot_share_a_data_directory(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(BadSetting, match="in use"):
            async with Records.open(settings(tmp_path)):
                pass


async def test_records_of_one_region_are_not_opened_in_another(tmp_path: Path) -> None:
    async with opened(tmp_path):
        pass
    with pytest.raises(BadSetting, match="bound to 'eu-de'"):
        async with Records.open(settings(tmp_path, region="eu-fr")):
            pass


async def test_an_unknown_region_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="region"):
        async with Records.open(settings(tmp_path, region="atlantis")):
            pass


async def test_keys_inside_data_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="inside"):
        async with Records.open(settings(tmp_path, keys=tmp_path / "data" / "keys")):
            pass


async def test_secrets_that_are_gone_are_told_and_not_replaced(tmp_path: Path) -> None:
    async with opened(tmp_path):
        pass
    shutil.rmtree(tmp_path / "data.keys")
    with pytest.raises(BadSetting, match="not in the keyring"):
        async with opened(tmp_path):
            pass


async def test_a_restored_catalogue_deletes_nothing_it_does_not_know_however_often_it_starts(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        await upload(records, name("old"))
    keep(tmp_path, "yesterday")
    async with opened(tmp_path) as records:
        new = (await upload(records, name("new"))).record
    keep(tmp_path, "today")
    restore(tmp_path, "yesterday", originals=False)
    for _ in range(3):
        async with opened(tmp_path, crawl_grace_seconds=0) as records:
            assert records._core.keyring.of(new.aid) is not None
            assert (await crawled(records)).unlisted == 1, "told, and kept"
    restore(tmp_path, "today")
    async with opened(tmp_path) as records:
        assert await records.get(name("new")) == new, "the newest catalogue can be put back"
        blob = await records.read_original(new.aid, records.permit(CLOUD, Activity.STORE))
        assert b"".join([piece async for piece in blob.pieces])


@pytest.mark.parametrize("step", ["_store", "_erase_again", "_catch_up"])
async def test_a_crash_while_a_restored_catalogue_is_brought_up_to_date_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async with opened(tmp_path) as records:
        gone = (await upload(records, name("gone"))).record
    keep(tmp_path, "yesterday")
    async with opened(tmp_path) as records:
        new = (await upload(records, name("new"))).record
        await records.destroy(name("gone"))
    restore(tmp_path, "yesterday", originals=False)

    class Crash(BaseException):
        pass

    async def crash(*_: object, **__: object) -> None:
        raise Crash

    with monkeypatch.context() as broken:
        broken.setattr(recovery, step, crash)
        with pytest.raises(Crash):
            async with opened(tmp_path):
                pass
    async with opened(tmp_path) as records:
        entries = (await records.entries({CLOUD: 1}, wait_seconds=0)).entries
        assert [entry.kind for entry in entries] == [Kind.NAME, Kind.ERASE, Kind.ALL]
        assert [entry.epoch for entry in entries] == [1, 1, 2]
        assert records._core.keyring.of(new.aid) is not None
        assert await records.get(gone.name) is None


async def test_an_erase_that_was_not_finished_is_finished_by_a_catalogue_that_never_knew_the_asset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as records:
        await upload(records, name("old"))
    keep(tmp_path, "yesterday")

    async def nothing(*_: object) -> Forgotten:
        return Forgotten(blobs=0, sealed=False, complete=False, root_before=1, root_after=1)

    async with opened(tmp_path) as records:
        record = (await upload(records, name("short-lived"))).record
        with monkeypatch.context() as broken:
            broken.setattr(Core, "forget", nothing)
            await records.destroy(name("short-lived"))
        assert records._core.keyring.of(record.aid) is not None
    restore(tmp_path, "yesterday", originals=False)
    async with opened(tmp_path) as records:
        assert records._core.keyring.of(record.aid) is None
        assert not list((tmp_path / "data" / "originals").rglob(record.aid))


@pytest.mark.sqlite
async def test_an_upload_that_ran_while_the_backup_was_made_is_no_draft_any_more(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        draft = await records.mint(CLOUD)
        await records.put_original(draft, b"x", records.permit(CLOUD, Activity.STORE))
        with (
            closing(sqlite3.connect(tmp_path / "data" / "catalogue.db")) as database,
            closing(sqlite3.connect(tmp_path / "catalogue.db")) as backup,
        ):
            database.backup(backup)
        await records.commit_upload(draft, NewAsset(name=name("a"), facts=facts(b"x"), created_at=1.0))
    keep(tmp_path, "today")
    for file in (tmp_path / "data").glob("catalogue.db*"):
        file.unlink()
    shutil.move(tmp_path / "catalogue.db", tmp_path / "data" / "catalogue.db")
    for _ in range(2):
        async with opened(tmp_path) as records:
            assert records._core.keyring.of(draft.aid) is not None
    restore(tmp_path, "today")
    async with opened(tmp_path) as records:
        assert await records.get(name("a")) is not None


async def test_a_damaged_mirror_is_told_with_what_to_do(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        await upload(records, name("x"))
    keep(tmp_path, "yesterday")
    async with opened(tmp_path) as records:
        await records.destroy(name("x"))
        await upload(records, name("y"))
    restore(tmp_path, "yesterday")
    mirror = tmp_path / "data.mirror" / "journal"
    bad = bytearray(mirror.read_bytes())
    bad[len(bad) // 2] ^= 1
    mirror.write_bytes(bad)
    with pytest.raises(BadSetting, match=r"data\.mirror/journal' is damaged at byte \d+. Put an intact copy"):
        async with opened(tmp_path):
            pass
    assert mirror.read_bytes() == bad


async def test_a_mirror_that_was_moved_away_is_written_anew(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        await upload(records, name("x"))
        await records.destroy(name("x"))
        entries = (await records.entries({CLOUD: 0}, wait_seconds=0)).entries
    (tmp_path / "data.mirror" / "journal").unlink()
    async with opened(tmp_path) as records:
        assert (await records.head(CLOUD)).epoch == 1
    mirror = Mirror(tmp_path / "data.mirror")
    assert tuple(mirror.missing({CLOUD: 0})[CLOUD].entries) == entries
    mirror.close()


async def test_a_catalogue_older_than_the_newest_cloud_starts_and_the_cloud_can_be_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as records:
        await upload(records, name("x"))
    keep(tmp_path, "yesterday")

    async def nothing(*_: object) -> Forgotten:
        return Forgotten(blobs=0, sealed=False, complete=False, root_before=1, root_after=1)

    async with opened(tmp_path) as records:
        await records.create_tenant("beta")
        lost = (await upload(records, name("q", cloud="beta"))).record
        erased = (await upload(records, name("e", cloud="beta"))).record
        with monkeypatch.context() as broken:
            broken.setattr(Core, "forget", nothing)
            await records.destroy(erased.name)
        before = await records.head("beta")
    keep(tmp_path, "today")
    restore(tmp_path, "yesterday", originals=False)
    for _ in range(2):
        async with opened(tmp_path) as records:
            assert records.tenants() == (CLOUD,)
            assert records._core.keyring.of(lost.aid) is not None
            assert records._core.keyring.of(erased.aid) is None, "an erase holds without its cloud"
    monkeypatch.setattr(Journal, "change", None)  # a crash between the birth and its first entry
    async with opened(tmp_path) as records:
        with pytest.raises(TypeError):
            await records.create_tenant("beta")
    monkeypatch.undo()
    async with opened(tmp_path) as records:
        head = await records.head("beta")
        (told,) = (await records.entries({"beta": before.seq}, wait_seconds=0)).entries
        assert follows(before, told), "edges go on where they were"
        assert (told.kind, head.epoch) == (Kind.ALL, told.epoch), "and drop what they hold"
        assert head.epoch > before.epoch
        await upload(records, name("q", cloud="beta"), b"again")
    async with opened(tmp_path) as records:
        assert await records.get(name("q", cloud="beta")) is not None


async def test_a_new_cloud_with_a_lost_clouds_name_tells_the_edges_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path):
        pass
    keep(tmp_path, "yesterday")
    async with opened(tmp_path) as records:
        await records.create_tenant("beta")
        await upload(records, name("q", cloud="beta"))
        before = await records.head("beta")
    restore(tmp_path, "yesterday", originals=False)
    async with opened(tmp_path) as records:
        await records.create_tenant("beta")
        (told,) = (await records.entries({"beta": before.seq}, wait_seconds=0)).entries
        assert follows(before, told)
        assert told.kind == Kind.ALL


async def test_a_lost_catalogue_says_what_else_to_remove_for_a_new_start(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        await upload(records, name("a"))
    lose_catalogue(tmp_path)
    shutil.rmtree(tmp_path / "data")
    shutil.rmtree(tmp_path / "data.keys")
    with pytest.raises(BadSetting, match=rf"rm -rf {tmp_path / 'data.mirror'}"):
        async with opened(tmp_path):
            pass
    shutil.rmtree(tmp_path / "data")
    shutil.rmtree(tmp_path / "data.keys")
    shutil.rmtree(tmp_path / "data.mirror")
    async with opened(tmp_path) as records:
        assert await records.get(name("a")) is None


async def test_what_is_uploaded_or_deleted_while_the_store_is_listed_is_not_taken_for_unowned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, crawl_grace_seconds=0) as records:
        for number in range(5):
            await upload(records, name(f"kept{number}"))
        gone = await upload(records, name("gone"))
        draft = await records.mint(CLOUD)
        await records.put_original(draft, b"not committed yet", records.permit(CLOUD, Activity.STORE))
        blobs = records._core.blobs
        listed = [entry async for entry in blobs.list()]
        assert len(listed) == 7

        async def late() -> AsyncIterator[Blob]:
            for entry in listed:
                yield entry

        await records.destroy(name("gone"))
        assert await records.get_version(CLOUD, gone.record.aid) is None
        listing = type(blobs).list  # only what differs is asked about once more
        monkeypatch.setattr(type(blobs), "list", lambda self, after: listing(self, after) if after else late())
        assert (await crawled(records)).total == 0
