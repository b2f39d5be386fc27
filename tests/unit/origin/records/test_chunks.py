"""Uploads in pieces: whole or not there, across restarts, within limits."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from domicile.media.errors import AssetNotFound, BadRequest, LimitExceeded
from domicile.media.policy import Activity
from origin.records import Piece, Records
from origin.records import chunks as module
from origin.records import whole as joined
from origin.records.opening import Clocks
from tests.infra.records import CLOUD, opened, settings, written

BODY = bytes(range(250)) * 4


async def put(records: Records, start: int, end: int, *, total: int | None = None, upload: str = "u") -> bool:
    piece = Piece(start=start, end=end, total=total)
    return await records.chunks.put(CLOUD, upload, piece, BODY[start:end], records.permit(CLOUD, Activity.STORE))


async def whole(records: Records, upload: str = "u") -> bytes:
    return await joined(await records.chunks.whole(CLOUD, upload))


def files(directory: Path) -> list[Path]:
    return list((settings(directory).data / "originals").rglob("?" * 32))


async def test_pieces_in_any_order_and_twice_make_the_file(records: Records, tmp_path: Path) -> None:
    assert not await put(records, 600, 1000, total=1000)
    assert not await put(records, 0, 300)
    assert not await put(records, 0, 300)
    with pytest.raises(AssetNotFound):
        await whole(records)
    assert await put(records, 300, 600)
    assert await whole(records) == BODY
    with pytest.raises(AssetNotFound):
        await whole(records, "another")
    await records.chunks.forget(CLOUD, "u")
    assert files(tmp_path) == []
    with pytest.raises(AssetNotFound):
        await whole(records)


async def test_two_last_pieces_at_once_are_whole_for_one_of_them(records: Records) -> None:
    await put(records, 0, 300, total=1000)
    both = await asyncio.gather(put(records, 300, 600), put(records, 600, 1000))
    assert sorted(both) == [False, True]


@pytest.mark.parametrize(
    ("start", "end", "total"), [(200, 400, 1000), (0, 299, 1000), (300, 600, 999), (900, 1100, None), (300, 400, 250)]
)
async def test_what_does_not_fit_is_refused_and_nothing_of_it_is_kept(
    records: Records, tmp_path: Path, start: int, end: int, total: int | None
) -> None:
    await put(records, 0, 300, total=1000)
    with pytest.raises(BadRequest, match="Content-Range"):
        await put(records, start, end, total=total)
    assert len(files(tmp_path)) == 1


async def test_an_upload_goes_on_after_a_crash_and_half_a_piece_is_gone(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        await put(records, 0, 300, total=1000)
        draft = await records.mint(CLOUD)  # a piece that was being written
        await records.put_original(draft, BODY[300:600], records.permit(CLOUD, Activity.STORE))
        assert len(files(tmp_path)) == 2
    async with opened(tmp_path) as records:
        assert len(files(tmp_path)) == 1
        assert not await put(records, 300, 600)
        assert await put(records, 600, 1000)
        assert await whole(records) == BODY
    kept = written(tmp_path)
    assert BODY[:64] not in kept


async def test_what_nobody_goes_on_with_is_forgotten(tmp_path: Path) -> None:
    now = [1000.0]
    clocks = Clocks(wall=lambda: now[0], monotonic=lambda: now[0])
    async with Records.open(settings(tmp_path, chunked_seconds_max=60.0), clocks) as records:
        await records.create_tenant(CLOUD)
        await put(records, 0, 300, total=1000)
        now[0] += 50
        await put(records, 300, 600)
        now[0] += 50
        await module.drop_old(records._core)
        assert len(files(tmp_path)) == 2, "the second piece was not long ago"
        now[0] += 61
    async with Records.open(settings(tmp_path, chunked_seconds_max=60.0), clocks) as records:
        assert files(tmp_path) == []
        assert not await put(records, 600, 1000)


async def test_unfinished_uploads_have_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path, chunked_uploads_max=2, chunked_bytes_max=700) as records:
        await put(records, 0, 300, total=1000, upload="a")
        await put(records, 0, 300, total=1000, upload="b")
        with pytest.raises(LimitExceeded, match="at most 2"):
            await put(records, 0, 10, total=1000, upload="c")
        with pytest.raises(LimitExceeded, match="at most 700 bytes"):
            await put(records, 300, 500, upload="a")
        monkeypatch.setattr(module, "CHUNKS_MAX", 1)
        with pytest.raises(LimitExceeded, match="Too many parts"):
            await put(records, 300, 310, upload="a")
        assert len(files(tmp_path)) == 2


async def test_who_gets_a_share_leaves_room_for_others(tmp_path: Path) -> None:
    async with opened(tmp_path, chunked_uploads_max=4, chunked_bytes_max=100) as records:
        permit, piece = records.permit(CLOUD, Activity.STORE), Piece(start=0, end=20, total=1000)
        for upload in "ab":
            await records.chunks.put(CLOUD, upload, piece, BODY[:20], permit, share=2)
        with pytest.raises(LimitExceeded, match="at most 2"):
            await records.chunks.put(CLOUD, "c", piece, BODY[:20], permit, share=2)
        more = Piece(start=20, end=40, total=1000)
        with pytest.raises(LimitExceeded, match="at most 50 bytes"):
            await records.chunks.put(CLOUD, "a", more, BODY[20:40], permit, share=2)
        await records.chunks.put(CLOUD, "c", piece, BODY[:20], permit)
