"""Files on their way in: bounded for all, for each cloud, for strangers; and what a disk that refuses means to their senders."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from domicile.media.errors import AssetNotFound, OutsideRegion, Overloaded, UpstreamUnavailable
from domicile.service.gate import spool_files
from origin.records import Records, SpoolFile, whole
from origin.records import spool as module
from tests.infra.records import CLOUD, opened

BODY = b"plain words " * 20_000


async def filled(records: Records, size: int, cloud: str = CLOUD, *, share: int = 1) -> SpoolFile:
    file = records.spool.begin(cloud, share=share)
    await file.append(bytes(size))
    return file


async def test_it_comes_back_from_any_place_and_is_gone_when_it_is_closed(records: Records) -> None:
    file = records.spool.begin(CLOUD)
    for at in range(0, len(BODY), 70_000):
        await file.append(BODY[at : at + 70_000])
    await file.finish()
    assert await whole(file) == BODY
    assert b"".join([piece async for piece in file.pieces(65_000, 140_000)]) == BODY[65_000:140_000]
    assert records.spool.bytes == len(BODY)
    file.close()
    file.close()
    assert records.spool.bytes == 0
    with pytest.raises(OSError, match="closed"):
        await whole(file)


async def test_what_all_hold_and_what_a_cloud_holds_is_bounded(tmp_path: Path) -> None:
    async with opened(tmp_path, spool_bytes_max=1000, spool_cloud_bytes_max=600) as records:
        await records.create_tenant("other")
        first = await filled(records, 400)
        with pytest.raises(Overloaded, match="Too many uploads"):
            await filled(records, 201)
        with pytest.raises(Overloaded, match="Too many uploads"):
            await filled(records, 301, "other", share=2)
        second = await filled(records, 300, "other", share=2)
        with pytest.raises(Overloaded, match="Too many uploads"):
            await filled(records, 301, "other")
        first.close()
        third = await filled(records, 600)
        for file in (second, third):
            file.close()


async def test_only_so_many_are_open(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FILES_MAX", 1)
    file = records.spool.begin(CLOUD)
    with pytest.raises(Overloaded):
        records.spool.begin(CLOUD)
    file.close()
    records.spool.begin(CLOUD).close()


async def test_nothing_of_a_cloud_that_may_not_be_stored_here_reaches_the_disk(
    records: Records, tmp_path: Path
) -> None:
    policy = tmp_path / "data" / "policies" / f"{CLOUD}.toml"
    policy.write_text(policy.read_text("utf-8") + "\n[zones]\nstore = []\n", "utf-8")
    await records.reload_policies()
    with pytest.raises(OutsideRegion):
        records.spool.begin(CLOUD)
    with pytest.raises(AssetNotFound):
        records.spool.begin("nobody")
    assert not (tmp_path / "data" / "spool").exists()


async def test_the_disk_keeps_room_for_what_comes_after(tmp_path: Path) -> None:
    free = os.statvfs(tmp_path)
    async with opened(tmp_path, spool_free_bytes_min=free.f_blocks * free.f_frsize) as records:
        with pytest.raises(Overloaded, match="no room"):
            await filled(records, 1)


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.ENOSPC, Overloaded("")), (errno.EDQUOT, Overloaded("")), (errno.EIO, UpstreamUnavailable(""))],
)
async def test_a_disk_that_refuses_is_told_of_and_nothing_stays(
    records: Records, monkeypatch: pytest.MonkeyPatch, number: int, said: Exception
) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    file = records.spool.begin(CLOUD)
    monkeypatch.setattr(spool_files, "write", refuses)
    with pytest.raises(type(said)):
        await file.append(BODY)
    file.close()
    assert records.spool.bytes == 0
