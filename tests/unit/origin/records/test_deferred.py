"""What an erasure that waits means: what its selector matched when it was asked for, wherever that is by then."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from domicile.media.asset import Aid
from domicile.media.errors import AssetNotFound
from origin.records import PurgeTargets, Records, Versions
from origin.records import erasure_rows as rows_of
from origin.records.recovery import finish_doomed
from tests.infra.records import CLOUD, keep, name, restore, upload
from tests.unit.origin.records.test_holds import (
    BOTH,
    JANE,
    STRANGERS_SECONDS,
    Clock,
    approving,
    at,
    id_of,
    placed,
    told,
    two,
)

TAGGED = PurgeTargets(tags=("t",))
READ_SECONDS = 0.2
"""Enough for another transaction to come as far as it can. If it is not, a fault is overlooked, and nothing fails."""


async def replaced(records: Records, public_id: str) -> tuple[Aid, Aid]:
    """The version that carried the tag, under retention, and the one that is shown instead and does not."""
    old = await upload(records, name(public_id), b"old", tags=("t",), backup=True)
    new = await upload(records, name(public_id), b"new")
    return old.record.aid, new.record.aid


async def is_kept(records: Records, public_id: str) -> bool:
    return bool(await records.backups.of_name(name(public_id)))


@pytest.mark.parametrize("way", ["grace", "hold", "approval"])
async def test_a_version_that_was_found_by_what_it_carried_goes_without_the_one_that_came_after_it(
    tmp_path: Path, way: str
) -> None:
    """As it does where nothing is waited for (ADR 0043)."""
    clock = Clock()
    async with at(tmp_path, clock) as records:
        (old, new), (other, _) = await replaced(records, "jane"), await replaced(records, "joe")
        (backup,) = await records.backups.of_name(name("jane"))
        hold = await placed(records) if way == "hold" else ""
        if way == "approval":
            await approving(records, tmp_path)
        asked = await records.erase(CLOUD, TAGGED, grace=60 if way == "grace" else 0, asked_by="1")
        assert await is_kept(records, "jane") is (way == "approval"), "nothing is restricted before that"
        with pytest.raises(AssetNotFound):
            await records.backups.restore(backup)
        for one in ("jane", "joe"):
            assert await records.get(name(one)) is not None, "it is not meant"
        match way:
            case "grace":
                clock.now += 60
                await records._erasures.resume()
            case "hold":
                await records.lift_hold(CLOUD, hold)
            case _:
                await records.approve_erasure(CLOUD, id_of(asked), api_key="2")
        over = await records.erasure(CLOUD, id_of(asked))
        assert (*told(over), over.body["removed"]["versions"]) == ("receipted", "erased", 2)
        assert [records._core.keyring.of(aid) is None for aid in (old, other, new)] == [True, True, False]
        assert await records.get(name("jane")) is not None


async def test_a_version_that_an_erasure_means_can_be_restored_again_when_that_is_cancelled(tmp_path: Path) -> None:
    async with at(tmp_path, Clock()) as records:
        await replaced(records, "jane")
        (backup,) = await records.backups.of_name(name("jane"))
        await records.cancel_erasure(CLOUD, id_of(await records.erase(CLOUD, TAGGED, grace=60)))
        assert await is_kept(records, "jane")
        assert (await records.backups.restore(backup)).record.tags == ("t",)


async def test_the_current_version_is_the_one_that_was_current_when_it_was_asked_for(tmp_path: Path) -> None:
    async with at(tmp_path, Clock()) as records:
        meant = [(await upload(records, name(one), tags=("t",), backup=True)).record.aid for one in ("jane", "joe")]
        await approving(records, tmp_path)
        asked = await records.erase(CLOUD, BOTH, versions=Versions.CURRENT, asked_by="1")
        await records.destroy(name("joe"))
        new = (await upload(records, name("jane"), b"new", backup=True)).record
        approved = await records.approve_erasure(CLOUD, id_of(asked), api_key="2")
        assert (*told(approved), approved.body["removed"]["versions"]) == ("receipted", "erased", 2)
        assert [records._core.keyring.of(aid) for aid in meant] == [None, None]
        assert await records.get(name("jane")) == new
        assert not await is_kept(records, "joe")


async def test_a_catalogue_of_yesterday_does_not_take_for_cancelled_what_was_carried_out_since(tmp_path: Path) -> None:
    clock = Clock()
    async with at(tmp_path, clock) as records:
        for body in (b"old", b"new"):
            jane = (await upload(records, name("jane"), body, backup=True)).record
        asked = id_of(await records.erase(CLOUD, JANE, versions=Versions.CURRENT, grace=60))
    keep(tmp_path, "yesterday")
    clock.now += 60
    async with at(tmp_path, clock) as records:
        await records._erasures.resume()
        assert await is_kept(records, "jane")
    restore(tmp_path, "yesterday", originals=False)
    async with at(tmp_path, clock, ack_seconds_max=0.0) as records:
        await records._erasures.resume()
        clock.now += STRANGERS_SECONDS
        over = await records.erasure(CLOUD, asked)
        assert (*told(over), over.body["removed"]["gone_before"]) == ("receipted", "erased", 1)
        assert records._core.keyring.of(jane.aid) is None
        assert await is_kept(records, "jane")


@pytest.mark.parametrize("grace", [0, 60])
async def test_what_is_left_of_a_restricted_asset_stays_restricted(tmp_path: Path, grace: int) -> None:
    clock = Clock()
    async with at(tmp_path, clock) as records:
        for body in (b"old", b"new"):
            jane = (await upload(records, name("jane"), body, backup=True)).record
        (backup,) = await records.backups.of_name(name("jane"))
        await records.restrict(CLOUD, JANE)
        await records.erase(CLOUD, JANE, versions=Versions.CURRENT, grace=grace)
        clock.now += grace
        await records._erasures.resume()
        assert records._core.keyring.of(jane.aid) is None
        assert not await is_kept(records, "jane")
        with pytest.raises(AssetNotFound):
            await records.backups.restore(backup)
        await records.unrestrict(CLOUD, JANE)
        assert await is_kept(records, "jane")


async def test_what_others_erased_before_is_claimed_by_nobody_until_it_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    async with at(tmp_path, clock) as records:
        core = records._core
        await two(records)
        waits = await records.erase(CLOUD, JANE, grace=60)

        async def away(*_: object) -> int:
            raise OSError("the store of the root is away")

        with monkeypatch.context() as broken:
            broken.setattr(type(core.keyring), "puncture", away)
            other = await records.erase(CLOUD, BOTH)
            assert other.body["outcome"] == "partial"
            clock.now += 60
            await records._erasures.resume()
            now = await records.erasure(CLOUD, id_of(waits))
            assert now.body["outcome"] == "partial"
            assert (now.body["removed"]["versions"], now.body["removed"]["gone_before"]) == (0, 1)
            assert now.body["places"][0]["state"] == "pending"
            with pytest.raises(AssetNotFound):
                await records.receipt(CLOUD, id_of(waits))
        await finish_doomed(core)
        over = await records.erasure(CLOUD, id_of(waits))
        assert told(over) == ("receipted", "erased")
        assert (over.body["key"]["state"], over.body["places"][0]["evidence"]) == ("nothing was left to erase", "")


async def test_whoever_writes_down_how_far_an_erasure_is_loses_nothing_of_what_others_say(tmp_path: Path) -> None:
    """On a server two transactions read the same row; on SQLite there is one at a time."""
    clock = Clock()
    async with at(tmp_path, clock) as records:
        core = records._core
        await upload(records, name("jane"))
        asked = id_of(await records.erase(CLOUD, JANE, grace=60))
        clock.now += 60
        async with core.database.write() as connection:
            row = await rows_of.locked(connection, CLOUD, asked)
            assert row is not None
            state = msgspec.structs.replace(row.state, originals=7)
            await rows_of.save(connection, replace(row, state=state))
            goes_on = asyncio.create_task(records._erasures.resume())
            await asyncio.wait({goes_on}, timeout=READ_SECONDS)
        await goes_on
        async with core.database.read() as connection:
            row = await rows_of.by_id(connection, CLOUD, asked)
        assert row is not None
        assert (row.state.versions, row.state.originals) == (1, 7 + 1)
