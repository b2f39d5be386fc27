"""The local store: what it says is durable is named by directories that were synced."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from domicile.media.asset import Aid
from domicile.media.policy import Activity, Permit
from domicile.service.gate import files
from origin.records import Records
from origin.store.local import LocalStore
from tests.infra.records import CLOUD, name, opened, upload

AID = Aid("ab" * 16)
OLD, NEW = b"what was there before", b"what replaces it" * 1000


@pytest.fixture
def permit(records: Records) -> Permit:
    return records.permit(CLOUD, Activity.STORE)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "originals")


async def in_pieces(body: bytes, then: Callable[[], None] = lambda: None) -> AsyncIterator[bytes]:
    """A thousand bytes at a time; `then` is done before the last of them."""
    for at in range(0, len(body), 1000):
        if at + 1000 >= len(body):
            then()
        yield body[at : at + 1000]


async def there(store: LocalStore, permit: Permit) -> bytes:
    return b"".join([piece async for piece in store.read(CLOUD, AID, 0, 10**9, permit)])


def left_in(store: Path) -> list[str]:
    return sorted(str(path.relative_to(store)) for path in store.rglob("*") if path.is_file())


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """Everything that was synced so far."""
    paths: set[Path] = set()
    real = os.fsync

    def watched(handle: int) -> None:
        paths.add(Path(os.readlink(f"/proc/self/fd/{handle}")))
        real(handle)

    monkeypatch.setattr(os, "fsync", watched)
    return paths


async def test_the_first_upload_of_a_cloud_syncs_every_directory_up_to_the_store(
    records: Records, tmp_path: Path, synced: set[Path]
) -> None:
    aid = (await upload(records, name("first"))).record.aid
    originals = tmp_path / "data" / "originals"
    assert {originals, originals / CLOUD, originals / CLOUD / aid[:2]} <= synced


async def test_a_new_store_is_named_durably_by_its_directory(tmp_path: Path, synced: set[Path]) -> None:
    async with opened(tmp_path):
        assert tmp_path / "data" in synced


async def test_pieces_make_one_file_that_replaces_the_whole_of_another(
    store: LocalStore, permit: Permit, tmp_path: Path
) -> None:
    await store.put(CLOUD, AID, in_pieces(OLD), permit)
    await store.put(CLOUD, AID, in_pieces(NEW), permit)
    assert await there(store, permit) == NEW
    assert left_in(tmp_path / "originals") == [f"{CLOUD}/ab/{AID}"]


@pytest.mark.parametrize("before", [None, OLD], ids=["a new file", "another one"])
async def test_whatever_fails_between_the_pieces_leaves_what_was_there(
    store: LocalStore, permit: Permit, tmp_path: Path, before: bytes | None
) -> None:
    if before is not None:
        await store.put(CLOUD, AID, in_pieces(before), permit)
    had = left_in(tmp_path / "originals")

    def fails() -> None:
        raise ConnectionError("whoever sends has gone")

    with pytest.raises(ConnectionError, match="has gone"):
        await store.put(CLOUD, AID, in_pieces(NEW, fails), permit)
    assert left_in(tmp_path / "originals") == had
    assert before is None or await there(store, permit) == before


async def test_a_disk_that_fails_leaves_nothing_and_is_told_of(
    store: LocalStore, permit: Permit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, room = os.write, [5000]

    def fills_up(descriptor: int, piece: memoryview) -> int:
        if not os.readlink(f"/proc/self/fd/{descriptor}").endswith(files.TEMPORARY_SUFFIX):
            return real(descriptor, piece)
        if room[0] < len(piece):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        room[0] -= len(piece)
        return real(descriptor, piece)

    monkeypatch.setattr(os, "write", fills_up)
    with pytest.raises(OSError, match="No space left"):
        await store.put(CLOUD, AID, in_pieces(NEW), permit)
    assert left_in(tmp_path / "originals") == []


async def test_a_cancelled_put_leaves_nothing(store: LocalStore, permit: Permit, tmp_path: Path) -> None:
    stalled = asyncio.Event()

    async def stalls() -> AsyncIterator[bytes]:
        yield NEW
        stalled.set()
        await asyncio.Event().wait()

    putting = asyncio.create_task(store.put(CLOUD, AID, stalls(), permit))
    await stalled.wait()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert left_in(tmp_path / "originals") == []


async def test_two_puts_at_once_leave_one_of_them_whole(store: LocalStore, permit: Permit, tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as both:
        both.create_task(store.put(CLOUD, AID, in_pieces(OLD * 1000), permit))
        both.create_task(store.put(CLOUD, AID, in_pieces(NEW), permit))
    assert await there(store, permit) in {OLD * 1000, NEW}
    assert len(left_in(tmp_path / "originals")) == 1
