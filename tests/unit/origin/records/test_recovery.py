"""What a start puts right: restored catalogues, short mirrors, half-forgotten assets, foreign directories."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from domicile.media.journal import Kind
from domicile.media.policy import Activity
from domicile.service.settings import BadSetting
from origin.records import Filter, Records
from tests.infra.records import CLOUD, name, opened, settings, upload


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
    shutil.copytree(tmp_path / "data", tmp_path / "yesterday")
    async with opened(tmp_path) as records:
        await records.destroy(name("n7"))
    shutil.rmtree(tmp_path / "data")
    shutil.move(tmp_path / "yesterday", tmp_path / "data")
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
    shutil.copytree(tmp_path / "data", tmp_path / "fork")
    async with opened(tmp_path) as records:
        await upload(records, name("b"))
    mirror = (tmp_path / "data.mirror" / "journal").read_bytes()
    shutil.rmtree(tmp_path / "data")
    shutil.move(tmp_path / "fork", tmp_path / "data")
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
    (tmp_path / "data" / "catalogue.db").unlink()
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
    rows = sqlite3.connect(tmp_path / "data" / "catalogue.db").execute("SELECT count(*) FROM doomed").fetchone()
    assert rows == (0,)


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
