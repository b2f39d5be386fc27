"""Signed calls act once: marked in the transaction of the change, measured by our clock, kept across restarts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from domicile.media.errors import AssetExists, AssetNotFound, MediaError, Overloaded, Replayed
from domicile.media.policy import Activity
from origin.catalogue.tables import nonce
from origin.records import NewAsset, Once, PurgeTargets, Records
from origin.records.opening import Clocks
from tests.infra.records import CLOUD, facts, name, settings, upload

JANE = name("jane")
SIGNED = Once(identity="key:signature", kept_seconds=7200, grace_seconds=5)


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@asynccontextmanager
async def at(directory: Path, clock: Clock) -> AsyncIterator[Records]:
    async with Records.open(settings(directory), Clocks(wall=clock, monotonic=clock)) as records:
        if records.tenant(CLOUD) is None:
            await records.create_tenant(CLOUD)
        yield records


async def signed_upload(records: Records, once: Once, public_id: str = "jane", **changes: Any) -> Any:
    draft = await records.mint(CLOUD)
    try:
        await records.put_original(draft, b"x", records.permit(CLOUD, Activity.STORE))
        asset = NewAsset(name=name(public_id), facts=facts(b"x"), created_at=1.0, **changes)
        return await records.commit_upload(draft, asset, once=once)
    except MediaError:
        await records.discard(draft)
        raise


async def test_a_signature_that_destroyed_does_not_destroy_what_came_after_not_even_after_a_restart(
    tmp_path: Path, clock: Clock
) -> None:
    async with at(tmp_path, clock) as records:
        await upload(records, JANE)
        assert await records.destroy(JANE, once=SIGNED) is not None
        await upload(records, JANE)
        clock.now += 5.5
        with pytest.raises(Replayed):
            await records.destroy(JANE, once=SIGNED)
    async with at(tmp_path, clock) as records:
        with pytest.raises(Replayed):
            await records.destroy(JANE, once=SIGNED)
        assert await records.get(JANE) is not None


async def test_equal_calls_within_the_grace_act_again_and_its_clock_is_ours(tmp_path: Path, clock: Clock) -> None:
    async with at(tmp_path, clock) as records:
        for _ in range(2):
            await upload(records, JANE)
            assert await records.destroy(JANE, once=SIGNED) is not None
            clock.now += 4
        with pytest.raises(Replayed):
            await records.destroy(JANE, once=SIGNED)


async def test_a_signature_stays_used_when_it_found_nothing(tmp_path: Path, clock: Clock) -> None:
    async with at(tmp_path, clock) as records:
        assert await records.destroy(JANE, once=SIGNED) is None
        with pytest.raises(AssetNotFound):
            await records.rename(JANE, "joe", once=SIGNED.about("rename"))
        with pytest.raises(AssetNotFound):
            await records.erase(CLOUD, PurgeTargets(public_ids=("jane",)), once=SIGNED.about("erase"))
        await upload(records, JANE)
        await upload(records, name("taken"))
        with pytest.raises(AssetExists):
            await records.rename(JANE, "taken", once=SIGNED.about("taken"))
        clock.now += 10
        for replayed in (
            lambda: records.destroy(JANE, once=SIGNED),
            lambda: records.rename(JANE, "joe", once=SIGNED.about("rename")),
            lambda: records.erase(CLOUD, PurgeTargets(public_ids=("jane",)), once=SIGNED.about("erase")),
            lambda: records.rename(JANE, "free", once=SIGNED.about("taken")),
        ):
            with pytest.raises(Replayed):
                await replayed()
        assert await records.get(JANE) is not None


async def test_a_call_that_failed_may_be_sent_again(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: Any, **__: Any) -> int:
        raise Overloaded("busy")

    async with at(tmp_path, clock) as records:
        await upload(records, JANE)
        with monkeypatch.context() as broken:
            broken.setattr(type(records._core.catalogue), "remove", full)
            with pytest.raises(Overloaded):
                await records.destroy(JANE, once=SIGNED)
        clock.now += 60
        assert await records.destroy(JANE, once=SIGNED) is not None


async def test_what_is_kept_is_dropped_once_the_signature_is_stale(tmp_path: Path, clock: Clock) -> None:
    async with at(tmp_path, clock) as records:
        for n in range(5):
            await records.destroy(JANE, once=replace(SIGNED, identity=f"s{n}"))
        clock.now += 7201
        await records.destroy(JANE, once=replace(SIGNED, identity="late"))
        async with records._core.database.read() as connection:
            assert await connection.scalar(select(func.count()).select_from(nonce)) == 1


async def test_an_upload_may_be_repeated_while_what_it_made_is_there(tmp_path: Path, clock: Clock) -> None:
    async with at(tmp_path, clock) as records:
        for _ in range(3):
            await signed_upload(records, SIGNED)
            clock.now += 60
        await signed_upload(records, SIGNED, "another file under a name of its own")


@pytest.mark.parametrize("how", ["destroyed", "erased", "renamed", "replaced", "made anew"])
async def test_an_upload_does_not_come_back_once_what_it_made_is_gone(tmp_path: Path, clock: Clock, how: str) -> None:
    async with at(tmp_path, clock) as records:
        await signed_upload(records, SIGNED)
        if how == "erased":
            await records.erase(CLOUD, PurgeTargets(public_ids=("jane",)))
        elif how == "renamed":
            await records.rename(JANE, "joe")
        elif how != "replaced":
            await records.destroy(JANE)
        if how in {"replaced", "made anew"}:
            await upload(records, JANE, b"new")
        before = await records.get(JANE)
        clock.now += 60
        with pytest.raises(Replayed):
            await signed_upload(records, SIGNED)
        assert await records.get(JANE) == before


async def test_a_signature_that_acted_as_one_kind_of_call_does_not_act_as_another(tmp_path: Path, clock: Clock) -> None:
    async with at(tmp_path, clock) as records:
        await signed_upload(records, SIGNED)
        deleting = replace(SIGNED, identity="key:other")
        await upload(records, name("joe"))
        await records.destroy(name("joe"), once=deleting)
        clock.now += 60
        with pytest.raises(Replayed):
            await records.destroy(JANE, once=SIGNED)
        with pytest.raises(Replayed):
            await signed_upload(records, deleting, "joe")
        assert await records.get(JANE) is not None
        assert await records.get(name("joe")) is None


def test_a_signature_is_not_shown() -> None:
    assert "signature" not in repr(SIGNED)
