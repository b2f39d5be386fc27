from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from domicile.media.errors import AssetNotFound, BadRequest, Overloaded
from domicile.media.journal import Kind
from domicile.media.keys import subkey
from domicile.media.policy import Activity
from domicile.media.sealed import SealContext, open_sealed
from origin.catalogue.tables import draft as draft_table
from origin.keyring import Keyring, aid_id
from origin.records import NewAsset, Records
from origin.records.core import Core
from origin.store.local import LocalStore
from tests.infra.records import CLOUD, facts, name, opened, upload

TRIES_MAX = 10


def core_of(records: Records) -> Core:
    return records._core


async def test_an_upload_can_be_read_back_by_name_and_by_id(records: Records) -> None:
    done = await upload(records, name("people/jane"), tags=("a", "b"), context={"alt": "text"}, folder="people")
    assert not done.existing
    assert not done.overwritten
    assert await records.get(name("people/jane")) == done.record
    assert await records.get_by_asset_id(CLOUD, done.record.asset_id) == done.record
    assert str(done.record.aid) != str(done.record.asset_id)
    assert done.record.tags == ("a", "b")
    assert done.record.context == {"alt": "text"}


async def test_an_upload_is_one_name_entry_of_the_journal(records: Records) -> None:
    done = await upload(records, name("jane"))
    (entry,) = (await records.entries({CLOUD: 0}, wait_seconds=0)).entries
    assert entry.kind == Kind.NAME
    assert len(entry.names) == 1
    assert done.head.seq == entry.seq == 1


async def test_the_original_lies_sealed_under_a_subkey_of_its_own_key(records: Records, tmp_path: Path) -> None:
    done = await upload(records, name("jane"), b"secret picture" * 100)
    aid = done.record.aid
    (file,) = (tmp_path / "data" / "originals").rglob(aid)
    raw = file.read_bytes()
    assert b"secret picture" not in raw
    data_key = core_of(records).keyring.of(aid)
    assert data_key is not None
    context = SealContext.original(tenant=CLOUD, aid=aid, region="eu-de")
    assert open_sealed(subkey(data_key, "original"), context, raw)[1] == b"secret picture" * 100


async def test_two_attempts_to_write_one_original_have_nothing_in_common_but_their_form(
    records: Records, tmp_path: Path
) -> None:
    """One key, one place, one body: only a salt that is fresh for each attempt keeps their key streams apart."""
    draft = await records.mint(CLOUD)
    written = []
    for _ in range(2):
        await records.put_original(draft, bytes(200_000), records.permit(CLOUD, Activity.STORE))
        (file,) = (tmp_path / "data" / "originals").rglob(draft.aid)
        written.append(file.read_bytes())
    first, second = written
    assert len(first) == len(second)
    chunks = [first[at : at + 64] for at in range(len(first) % 64 + 64, len(first), 64)]
    assert len(chunks) > 1000
    assert [chunk for chunk in chunks if chunk in second] == []


async def test_overwriting_keeps_the_asset_id_and_ends_the_old_version_for_good(
    records: Records, tmp_path: Path
) -> None:
    first = (await upload(records, name("jane"), b"one")).record
    second = await upload(records, name("jane"), b"two")
    assert second.overwritten
    assert second.record.asset_id == first.asset_id
    assert second.record.aid != first.aid
    assert second.record.version > first.version
    assert core_of(records).keyring.of(first.aid) is None
    assert not list((tmp_path / "data" / "originals").rglob(first.aid))
    entry = (await records.entries({CLOUD: 1}, wait_seconds=0)).entries[0]
    assert (entry.kind, entry.aids) == (Kind.ERASE, (first.aid,))
    assert len(entry.names) == 1


async def test_without_overwrite_the_existing_record_comes_back_and_the_draft_is_gone(
    records: Records, tmp_path: Path
) -> None:
    first = (await upload(records, name("jane"), b"one")).record
    second = await upload(records, name("jane"), b"two", overwrite=False)
    assert second.existing
    assert second.record == first
    assert len(list((tmp_path / "data" / "originals").rglob("?" * 32))) == 1
    assert (await records.head(CLOUD)).seq == 1


async def test_a_draft_without_bytes_cannot_be_committed(records: Records) -> None:
    draft = await records.mint(CLOUD)
    with pytest.raises(BadRequest):
        await records.commit_upload(draft, NewAsset(name=name("jane"), facts=facts(b""), created_at=1.0))


async def test_bytes_are_refused_with_a_permit_for_another_tenant(records: Records) -> None:
    await records.create_tenant("other")
    draft = await records.mint(CLOUD)
    with pytest.raises(TypeError):
        await records.put_original(draft, b"x", records.permit("other", Activity.STORE))


async def test_a_discarded_draft_leaves_neither_key_nor_bytes(records: Records, tmp_path: Path) -> None:
    draft = await records.mint(CLOUD)
    await records.put_original(draft, b"x", records.permit(CLOUD, Activity.STORE))
    await records.discard(draft)
    assert core_of(records).keyring.of(draft.aid) is None
    assert not list((tmp_path / "data" / "originals").rglob(draft.aid))


async def test_discarding_after_the_commit_changes_nothing(records: Records) -> None:
    draft = await records.mint(CLOUD)
    await records.put_original(draft, b"x", records.permit(CLOUD, Activity.STORE))
    done = await records.commit_upload(draft, NewAsset(name=name("jane"), facts=facts(b"x"), created_at=1.0))
    await records.discard(draft)
    assert await records.get(name("jane")) == done.record


async def test_a_cancelled_caller_does_not_stop_a_commit(records: Records) -> None:
    draft = await records.mint(CLOUD)
    await records.put_original(draft, b"x", records.permit(CLOUD, Activity.STORE))
    asset = NewAsset(name=name("jane"), facts=facts(b"x"), created_at=1.0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.0001):
            await records.commit_upload(draft, asset)
    async with asyncio.timeout(5):
        while await records.get(name("jane")) is None:
            await asyncio.sleep(0.01)


async def test_many_uploads_at_once_all_arrive(records: Records) -> None:
    async def arrives(n: int) -> None:
        for _ in range(TRIES_MAX):  # on a busy machine the lock's time may run out: whoever is told to come again does
            with contextlib.suppress(Overloaded):
                await upload(records, name(f"n{n}"))
                return
        pytest.fail("it never had its turn")

    async with asyncio.TaskGroup() as group:
        for n in range(20):
            group.create_task(arrives(n))
    assert (await records.head(CLOUD)).seq == 20
    assert all([await records.get(name(f"n{n}")) for n in range(20)])


async def test_concurrent_overwrites_leave_one_version_with_one_key(records: Records, tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as group:
        for n in range(8):
            group.create_task(upload(records, name("jane"), b"%d" % n))
    kept = await records.get(name("jane"))
    assert kept is not None
    assert [file.name for file in (tmp_path / "data" / "originals").rglob("?" * 32)] == [kept.aid]


async def test_drafts_of_a_process_that_died_are_dropped_at_the_next_start(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        kept = (await upload(records, name("kept"))).record
        draft = await records.mint(CLOUD)
        await records.put_original(draft, b"x", records.permit(CLOUD, Activity.STORE))
    async with opened(tmp_path) as records:
        assert aid_id(draft.aid) not in core_of(records).keyring.ids()
        assert [file.name for file in (tmp_path / "data" / "originals").rglob("?" * 32)] == [kept.aid]
        assert await records.get(name("kept")) == kept


@pytest.mark.parametrize("public_id", ["", "a\0b", "a\ud800", "x" * 256])
async def test_a_name_that_nothing_can_hold_is_refused(records: Records, public_id: str) -> None:
    with pytest.raises(BadRequest):
        await upload(records, name(public_id))


async def test_an_unknown_cloud_is_not_found(records: Records) -> None:
    with pytest.raises(AssetNotFound):
        await records.mint("nobody")


async def test_a_draft_that_is_discarded_while_it_is_written_leaves_no_bytes(
    records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = await records.mint(CLOUD)
    begun, may_end = asyncio.Event(), asyncio.Event()
    real = LocalStore.put

    async def slow(store: LocalStore, *arguments: Any) -> None:
        begun.set()
        await may_end.wait()
        await real(store, *arguments)

    monkeypatch.setattr(LocalStore, "put", slow)
    async with asyncio.TaskGroup() as group:
        group.create_task(records.put_original(draft, b"x", records.permit(CLOUD, Activity.STORE)))
        await begun.wait()
        await records.discard(draft)
        may_end.set()
    assert not list((tmp_path / "data" / "originals").rglob(draft.aid))
    assert core_of(records).keyring.of(draft.aid) is None


async def test_a_mint_whose_caller_has_gone_leaves_no_key(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    core = core_of(records)
    before = core.keyring.ids()
    begun, may_end = asyncio.Event(), asyncio.Event()
    real = Keyring.create

    async def slow(keyring: Keyring, key_id: bytes) -> bytes:
        begun.set()
        await may_end.wait()
        return await real(keyring, key_id)

    monkeypatch.setattr(Keyring, "create", slow)
    minting = asyncio.ensure_future(records.mint(CLOUD))
    await begun.wait()
    minting.cancel()
    await asyncio.wait([minting])
    may_end.set()
    async with asyncio.timeout(30):
        while True:
            async with core.database.read() as connection:
                left = (await connection.execute(select(draft_table.c.aid))).all()
            if not left and core.keyring.ids() == before:
                break
            await asyncio.sleep(0.01)
