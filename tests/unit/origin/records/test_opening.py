"""What runs beside the calls survives what it meets, and a full mirror disk keeps neither a key nor a draft."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from domicile.media.errors import MediaError, UpstreamUnavailable
from domicile.media.policy import Activity
from domicile.service.settings import BadSetting, Secret
from origin.catalogue.sql import SqlCatalogue
from origin.mirror import Mirror
from origin.records import AssetRecord, NewAsset, Records, opening
from origin.store.s3_settings import S3Settings
from tests.infra.records import CLOUD, facts, name, opened, upload


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.01)


def full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


async def test_maintenance_goes_on_whatever_the_database_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MAINTENANCE_SECONDS", 0.01)
    rounds = 0

    async def disk_full(*_: Any) -> list[Any]:
        nonlocal rounds
        rounds += 1
        raise OperationalError("SELECT", {}, Exception("disk I/O error"))

    async with opened(tmp_path) as records:
        record = (await upload(records, name("x"))).record
        with monkeypatch.context() as broken:
            broken.setattr(SqlCatalogue, "doomed", disk_full)
            await until(lambda: rounds >= 3)
        assert await records.get(name("x")) == record, "still serving"


def tagged(record: AssetRecord) -> AssetRecord:
    return replace(record, tags=("t",))


async def test_a_full_mirror_disk_keeps_no_key_and_the_answer_claims_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change is committed; its copy is not. Who asked is told so, and what was to be forgotten is forgotten."""
    async with opened(tmp_path) as records:
        gone = (await upload(records, name("gone"))).record
        kept = (await upload(records, name("kept"))).record
        with monkeypatch.context() as broken:
            broken.setattr(Mirror, "append", full)
            with pytest.raises(UpstreamUnavailable):
                await records.destroy(gone.name)
            keyring = records._core.keyring
            await until(lambda: keyring.of(gone.aid) is None)
            head = await records.head(CLOUD)
            for change in (records.destroy(kept.name), records.edit([kept.name], tagged)):
                with pytest.raises(UpstreamUnavailable):
                    await change
            assert await records.head(CLOUD) == head, "nothing more is committed while the mirror cannot follow"
            assert await records.get(kept.name) == kept
        assert await records.destroy(kept.name) is not None
        mirrored = Mirror(tmp_path / "data.mirror").missing({CLOUD: 0})[CLOUD].entries
        assert tuple(mirrored) == (await records.entries({CLOUD: 0}, wait_seconds=0)).entries


async def test_an_upload_whose_entry_was_not_mirrored_is_there_and_leaves_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as records:
        draft = await records.mint(CLOUD)
        await records.put_original(draft, b"x", records.permit(CLOUD, Activity.STORE))
        with monkeypatch.context() as broken:
            broken.setattr(Mirror, "append", full)
            with pytest.raises(UpstreamUnavailable):
                await records.commit_upload(draft, NewAsset(name=name("a"), facts=facts(b"x"), created_at=1.0))
        await records.discard(draft)
        assert await records.get(name("a")) is not None
        assert records._core.keyring.of(draft.aid) is not None
        assert not records._uploads._drafts


async def test_a_full_disk_leaves_no_draft_behind(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    core = records._core

    async def refuses(*_: Any, **__: Any) -> None:
        full()

    for step in ("put", "commit"):
        draft = await records.mint(CLOUD)
        with monkeypatch.context() as broken:
            if step == "put":
                broken.setattr("origin.store.local.LocalStore.put", refuses)
            else:
                broken.setattr(SqlCatalogue, "add", refuses)
            with pytest.raises((OSError, MediaError)):
                await records.put_original(draft, b"x", records.permit(CLOUD, Activity.STORE))
                await records.commit_upload(draft, NewAsset(name=name("a"), facts=facts(b"x"), created_at=1.0))
        await records.discard(draft)
        assert core.keyring.of(draft.aid) is None
        assert not records._uploads._drafts
    assert await records.get(name("a")) is None


async def test_records_with_originals_do_not_open_with_another_store_and_empty_ones_do(tmp_path: Path) -> None:
    given: dict[str, Any] = {"endpoint": "http://127.0.0.1:1", "region": "fr-1", "place": "eu-de", "seconds_max": 0.5}
    bucket = S3Settings(bucket="b", access_key=Secret("a"), secret_key=Secret("s"), **given)
    async with opened(tmp_path):
        pass
    with pytest.raises(BadSetting, match=r"origin\.records\.s3\.endpoint: .* does not answer"):  # it is asked, at least
        async with opened(tmp_path, s3=bucket):
            pass
    async with opened(tmp_path) as records:
        await upload(records, name("one"))
    with pytest.raises(
        BadSetting, match=r"origin\.records\.s3: .* store 's3 fr-1/b/', and the originals .* lie in 'disk'"
    ):
        async with opened(tmp_path, s3=bucket):
            pass
