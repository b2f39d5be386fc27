from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from domicile.media.asset import Aid, NameHash
from domicile.media.errors import UpstreamUnavailable
from domicile.media.policy import Activity, Permit, Place, decide
from domicile.media.policy_file import from_mapping
from domicile.media.sealed import CHUNK_BYTES, SealBroken
from domicile.service.gate import cache_files
from edge.messages import KeyRecord, StoredObject
from edge.metrics import Count
from edge.rendezvous import owner_of
from edge.store import disk as store
from edge.store.disk import DROPPED_AT_ONCE_MAX, FILE_OVERHEAD_BYTES, DiskStore
from edge.store.port import Stored, StoredHead, tenant_tag
from edge.store.room import Room

KEY = b"k" * 32
REGION = "eu-de"


def permit(activity: Activity = Activity.CACHE, tenant: str = "demo") -> Permit:
    given = decide(from_mapping({"tenant": tenant}, home=REGION), activity, Place(name="edge", region=REGION), at=0.0)
    assert isinstance(given, Permit)
    return given


def file_name(number: int, *, slot: int = 0, workers: int = 1) -> str:
    """A name that this slot owns."""
    for salt in range(1000):
        name = f"{number:036x}{salt:04x}"
        if owner_of(name, range(workers)) == slot:
            return name
    raise AssertionError


async def whole_body(found: Stored) -> bytes:
    if isinstance(found.body, bytes):
        return found.body
    try:
        return b"".join([piece async for piece in found.body.pieces(0, found.body.body_bytes)])
    finally:
        found.body.close()


def stored(body: bytes = b"abc", *, aid: str = "a", sequence: int = 1) -> Stored:
    head = StoredHead(
        tenant="demo", contributors=(Aid(aid * 32),), names=(NameHash("1" * 32),), epoch=1, sequence=sequence,
        config_revision=1, stored_at=5.0, ttl_seconds=60.0, content_type="image/png", etag='"e"', body_bytes=len(body),
        format="png", content_info="",
    )  # fmt: skip
    return Stored(head=head, body=body)


class PlayedRegister:
    def __init__(self) -> None:
        self.rows: dict[str, StoredObject] = {}
        self.keys = True
        self.takes = True
        self.while_storing: Any = None
        self.away = 0
        """How many times more the list cannot be had."""

    async def keyring_get(self, name: str) -> KeyRecord | None:
        row = self.rows.get(name)
        return row.key_record() if row is not None and self.keys else None

    async def stored(self, record: StoredObject) -> bool:
        if self.while_storing is not None:
            self.while_storing()
        if self.takes:
            self.rows[record.file_name] = record
        return self.takes

    async def forget(self, file_names: Iterable[str]) -> None:
        for name in file_names:
            self.rows.pop(name, None)

    async def list_objects(self, slot: int) -> list[StoredObject]:
        if self.away:
            self.away -= 1
            raise UpstreamUnavailable("away")
        return list(self.rows.values())


class Disk(DiskStore):
    """With its register and its counts at hand."""

    def __init__(
        self, directory: Path, register: PlayedRegister, *, slot: int = 0, workers: int = 1, bytes_max: int = 10**8
    ) -> None:
        self.counts: list[Count] = []
        self.register_ = register
        self.free_bytes = 10**9
        super().__init__(
            directory, region=REGION, slot=slot, workers=workers, bytes_max=bytes_max, register=register,
            room=Room(directory, free_bytes_min=1000, free_bytes=lambda _: self.free_bytes), count=self.counts.append,
        )  # fmt: skip

    async def keep(self, name: str, what: Stored) -> bool:
        return await self.put(permit(), name, what, KEY, is_fresh=lambda _: True)


@pytest.fixture
def register() -> PlayedRegister:
    return PlayedRegister()


@pytest.fixture
def disk(tmp_path: Path, register: PlayedRegister) -> Disk:
    return Disk(tmp_path, register)


def files(directory: Path) -> list[Path]:
    return sorted(file for file in directory.glob("??/*") if file.is_file())


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 5 * CHUNK_BYTES + 7])
@pytest.mark.parametrize("in_memory_max", [0, 10**7])
async def test_what_was_kept_comes_back_whole_from_memory_or_in_pieces(
    disk: Disk, size: int, in_memory_max: int
) -> None:
    body = os.urandom(size)
    assert await disk.keep(file_name(1), stored(body))
    found = await disk.get(file_name(1), in_memory_max=in_memory_max)
    assert found is not None
    assert isinstance(found.body, bytes) == (size <= in_memory_max)
    assert found.head == stored(body).head
    assert await whole_body(found) == body


async def test_a_range_of_a_large_body_is_exact(disk: Disk) -> None:
    body = os.urandom(9 * CHUNK_BYTES + 3)
    await disk.keep(file_name(1), stored(body))
    for start, end in [
        (0, 1),
        (CHUNK_BYTES - 1, CHUNK_BYTES + 1),
        (100_000, 400_000),
        (len(body) - 1, len(body)),
        (0, len(body)),
    ]:
        found = await disk.get(file_name(1), in_memory_max=0)
        assert found is not None
        assert not isinstance(found.body, bytes)
        pieces = [piece async for piece in found.body.pieces(start, end)]
        assert b"".join(pieces) == body[start:end]
        assert max(map(len, pieces)) <= CHUNK_BYTES
        found.body.close()
        found.body.close()
        with pytest.raises(OSError):
            [piece async for piece in found.body.pieces(start, end)]


async def test_two_writes_of_one_object_have_nothing_in_common_but_what_they_say(disk: Disk, tmp_path: Path) -> None:
    await disk.keep(file_name(1), stored(bytes(1000)))
    (file,) = files(tmp_path)
    first = file.read_bytes()
    await disk.keep(file_name(1), stored(bytes(1000)))
    second = file.read_bytes()
    assert len(first) == len(second)
    assert first[4:100] != second[4:100]
    assert first[-500:] != second[-500:]


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "swap", "other key"])
async def test_a_file_whose_seal_does_not_hold_is_deleted(
    disk: Disk, register: PlayedRegister, tmp_path: Path, damage: str
) -> None:
    await disk.keep(file_name(1), stored(b"one" * 1000))
    await disk.keep(file_name(2), stored(b"two" * 1000))
    file = disk.path_of(file_name(1))
    held = file.read_bytes()
    match damage:
        case "flip":
            file.write_bytes(held[:-20] + bytes([held[-20] ^ 1]) + held[-19:])
        case "cut":
            file.write_bytes(held[:-1])
        case "empty":
            file.write_bytes(b"")
        case "swap":
            file.write_bytes(disk.path_of(file_name(2)).read_bytes())
        case _:
            import msgspec

            row = register.rows[file_name(1)]
            register.rows[file_name(1)] = msgspec.structs.replace(row, content_key=b"x" * 32)
    assert await disk.get(file_name(1), in_memory_max=10**6) is None
    assert Count.SEALS_BROKEN in disk.counts
    assert not file.exists()
    assert await disk.get(file_name(2), in_memory_max=10**6) is not None


async def test_a_large_body_that_is_torn_in_the_middle_says_so_while_it_is_read(disk: Disk) -> None:
    await disk.keep(file_name(1), stored(bytes(20 * CHUNK_BYTES)))
    file = disk.path_of(file_name(1))
    held = bytearray(file.read_bytes())
    held[10 * CHUNK_BYTES] ^= 1
    file.write_bytes(bytes(held))
    found = await disk.get(file_name(1), in_memory_max=0)
    assert found is not None
    with pytest.raises(SealBroken):
        await whole_body(found)


async def test_without_a_key_or_without_a_file_there_is_nothing(disk: Disk, register: PlayedRegister) -> None:
    assert await disk.get(file_name(1), in_memory_max=10) is None
    await disk.keep(file_name(1), stored())
    register.keys = False
    assert await disk.get(file_name(1), in_memory_max=10) is None
    register.keys = True
    disk.path_of(file_name(1)).unlink()
    assert await disk.get(file_name(1), in_memory_max=10) is None
    assert disk.counts == []


async def test_what_the_agent_does_not_take_is_not_kept(disk: Disk, register: PlayedRegister, tmp_path: Path) -> None:
    register.takes = False
    assert not await disk.keep(file_name(1), stored())
    assert files(tmp_path) == []


async def test_a_purge_that_comes_while_an_object_is_being_registered_keeps_it_out(
    disk: Disk, register: PlayedRegister, tmp_path: Path
) -> None:
    fresh = [True]
    register.while_storing = lambda: fresh.__setitem__(0, False)
    assert not await disk.put(permit(), file_name(1), stored(), KEY, is_fresh=lambda _: fresh[0])
    assert files(tmp_path) == []
    await disk.tell_gone()
    assert register.rows == {}


async def test_the_gate_wants_a_permit_to_cache_for_this_tenant(disk: Disk, tmp_path: Path) -> None:
    for wrong in (permit(Activity.DELIVER), permit(tenant="another")):
        with pytest.raises(TypeError):
            await disk.put(wrong, file_name(1), stored(), KEY, is_fresh=lambda _: True)
    assert files(tmp_path) == []


async def test_only_stale_files_of_the_tag_are_deleted(disk: Disk, tmp_path: Path) -> None:
    await disk.keep(file_name(1), stored(aid="a", sequence=1))
    await disk.keep(file_name(2), stored(aid="a", sequence=9))
    await disk.keep(file_name(3), stored(aid="b", sequence=1))
    assert disk.drop_stale(["a" * 32], lambda kept: kept.sequence > 5) == 1
    assert [file.name for file in files(tmp_path)] == sorted([file_name(2), file_name(3)])
    assert disk.drop_stale([tenant_tag("demo")], lambda kept: False) == 2
    assert (files(tmp_path), len(disk), disk.bytes_used) == ([], 0, 0)


async def test_a_large_purge_deletes_its_files_beside_the_loop_and_leaves_what_is_fresh_by_then(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that stands still for a second is killed, and 60,000 files take longer."""
    monkeypatch.setattr(store, "SWEPT_AT_ONCE", 50)
    for number in range(2 * DROPPED_AT_ONCE_MAX):
        await disk.keep(file_name(number), stored())
    by: set[int] = set()
    unlink = Path.unlink

    def noted(path: Path, *, missing_ok: bool = False) -> None:
        by.add(threading.get_ident())
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", noted)
    disk.drop_stale([tenant_tag("demo")], lambda kept: kept.sequence > 5)
    assert by == set()
    await disk.sweep()
    assert by
    assert threading.get_ident() not in by
    assert (files(tmp_path), len(disk)) == ([], 0)


async def test_a_file_that_came_anew_while_a_purge_was_swept_stays(disk: Disk, tmp_path: Path) -> None:
    for number in range(2 * DROPPED_AT_ONCE_MAX):
        await disk.keep(file_name(number), stored())
    disk.drop_stale([tenant_tag("demo")], lambda kept: kept.sequence > 5)
    assert await disk.keep(file_name(3), stored(sequence=9))
    await disk.sweep()
    assert [file.name for file in files(tmp_path)] == [file_name(3)]


async def test_nothing_is_published_under_a_name_that_is_being_deleted(disk: Disk, tmp_path: Path) -> None:
    disk._leaving.add(file_name(1))
    assert not await disk.keep(file_name(1), stored())
    assert files(tmp_path) == []


async def test_the_background_begins_at_once_when_there_is_something_to_delete(disk: Disk, tmp_path: Path) -> None:
    for number in range(DROPPED_AT_ONCE_MAX + 1):
        await disk.keep(file_name(number), stored())
    async with asyncio.TaskGroup() as group:
        running = group.create_task(disk.run())
        await asyncio.sleep(0)
        disk.drop_stale([tenant_tag("demo")], lambda _: False)
        async with asyncio.timeout(5):
            while files(tmp_path) or disk.register_.rows:
                await asyncio.sleep(0.01)
        running.cancel()


async def test_the_directory_stays_within_its_share(tmp_path: Path, register: PlayedRegister) -> None:
    share = 20 * (10_000 + FILE_OVERHEAD_BYTES)
    disk = Disk(tmp_path, register, bytes_max=share)
    for number in range(60):
        assert await disk.keep(file_name(number), stored(os.urandom(10_000)))
        assert sum(file.stat().st_size for file in files(tmp_path)) <= share
    assert len(files(tmp_path)) == len(disk) > 10
    assert Count.EVICTED_DISK in disk.counts
    await disk.tell_gone()
    assert set(register.rows) == {file.name for file in files(tmp_path)}
    assert not await disk.keep(file_name(99), stored(bytes(share)))


async def test_what_is_asked_for_is_evicted_last(tmp_path: Path, register: PlayedRegister) -> None:
    disk = Disk(tmp_path, register, bytes_max=20 * (1000 + FILE_OVERHEAD_BYTES))
    await disk.keep(file_name(0), stored(bytes(1000)))
    for number in range(1, 60):
        assert await disk.get(file_name(0), in_memory_max=10**6) is not None
        await disk.keep(file_name(number), stored(bytes(1000)))
    assert disk.path_of(file_name(0)).exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("step", ["write_temporary", "publish"])
async def test_a_disk_that_does_not_take_it_costs_nothing_but_the_copy(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, step: str
) -> None:
    def fails(*_: object, **__: object) -> Path:
        raise OSError(code, "no")

    with monkeypatch.context() as patched:
        patched.setattr(cache_files, step, fails)
        assert not await disk.keep(file_name(1), stored())
    assert disk.counts == [Count.DISK_FAILURES]
    assert files(tmp_path) == []
    assert await disk.keep(file_name(1), stored())


async def test_a_write_that_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    def breaks():
        yield b"some"
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError):
        cache_files.write_temporary(permit(), "demo", tmp_path / "ab" / "name", slot=0, sealed=breaks())
    assert files(tmp_path) == []


async def test_a_start_clears_away_what_a_killed_process_left_and_learns_the_rest(
    tmp_path: Path, register: PlayedRegister
) -> None:
    before = Disk(tmp_path, register)
    await before.keep(file_name(1), stored(bytes(1000)))
    await before.keep(file_name(2), stored(bytes(1000)))
    orphan, temporary, foreign = (
        file_name(3),
        f"{file_name(4)}.0.0123456789abcdef.tmp",
        f"{file_name(5)}.1.0123456789abcdef.tmp",
    )
    for name in (orphan, temporary, foreign):
        path = tmp_path / name[:2] / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"half")
    (tmp_path / "node.db").write_bytes(b"not ours")
    before.path_of(file_name(2)).unlink()
    disk = Disk(tmp_path, register, workers=1)
    await disk.start()
    assert [file.name for file in files(tmp_path)] == [file_name(1)]
    assert (tmp_path / "node.db").exists()
    await disk.tell_gone()
    assert set(register.rows) == {file_name(1)}
    assert disk.drop_stale(["a" * 32], lambda _: False) == 1
    assert files(tmp_path) == []


async def test_a_start_leaves_the_files_of_other_slots_alone(tmp_path: Path, register: PlayedRegister) -> None:
    theirs = file_name(1, slot=1, workers=2)
    unfinished = f"{theirs}.1.0123456789abcdef.tmp"
    for name in (theirs, unfinished):
        (tmp_path / name[:2]).mkdir(exist_ok=True)
        (tmp_path / name[:2] / name).write_bytes(b"x")
    await Disk(tmp_path, register, slot=0, workers=2).start()
    assert {file.name for file in files(tmp_path)} == {theirs, unfinished}


async def test_many_writers_of_one_name_leave_one_whole_file(disk: Disk, tmp_path: Path) -> None:
    body = os.urandom(200_000)
    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(disk.keep(file_name(1), stored(body)))
    assert len(files(tmp_path)) == 1
    found = await disk.get(file_name(1), in_memory_max=10**6)
    assert found is not None
    assert found.body == body
    assert disk.bytes_used == len(body) + FILE_OVERHEAD_BYTES


# --- a disk that others fill ----------------------------------------------------------------------------------------


async def test_below_the_free_bytes_that_are_left_alone_nothing_is_stored(disk: Disk, tmp_path: Path) -> None:
    disk.free_bytes = 1000 + FILE_OVERHEAD_BYTES + 2
    assert not await disk.keep(file_name(1), stored(b"abc"))
    assert (files(tmp_path), disk.counts) == ([], [Count.DISK_FAILURES])
    disk.free_bytes += 1
    assert await disk.keep(file_name(1), stored(b"abc"))


async def test_when_others_fill_the_disk_files_go_until_enough_is_free(
    register: PlayedRegister, tmp_path: Path
) -> None:
    disk = Disk(tmp_path, register, bytes_max=10 * (FILE_OVERHEAD_BYTES + 3))
    for number in range(8):
        assert await disk.keep(file_name(number), stored(b"abc"))
    disk.free_bytes = 1000 - 2 * FILE_OVERHEAD_BYTES
    housekeeping = asyncio.get_running_loop().create_task(disk.run())
    while len(disk) == 8:
        await asyncio.sleep(0.01)
    housekeeping.cancel()
    assert 0 < len(disk) == len(files(tmp_path)) <= 6
    assert disk.bytes_used == len(disk) * (FILE_OVERHEAD_BYTES + 3)


async def test_a_disk_that_cannot_be_asked_takes_nothing(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> int:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(disk._room, "_free_bytes", fails)
    assert not await disk.keep(file_name(1), stored())


async def test_a_file_that_the_journal_needed_the_room_of_is_a_miss_and_no_longer_counted(
    disk: Disk, register: PlayedRegister, tmp_path: Path
) -> None:
    await disk.keep(file_name(1), stored())
    files(tmp_path)[0].unlink()
    assert await disk.get(file_name(1), in_memory_max=100) is None
    assert (len(disk), disk.bytes_used, disk.counts) == (0, 0, [])
    await disk.tell_gone()
    assert register.rows == {}


@pytest.mark.parametrize("away", [1, 3])
async def test_a_start_without_the_agent_waits_for_it_and_deletes_nothing(
    disk: Disk, register: PlayedRegister, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, away: int
) -> None:
    monkeypatch.setattr(store, "LIST_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(store, "LIST_TRIES_MAX", 3)
    await disk.keep(file_name(1), stored())
    again = Disk(tmp_path, register)
    register.away = away
    if away < 3:
        await again.start()
        assert len(again) == 1
    else:
        with pytest.raises(UpstreamUnavailable):
            await again.start()
    assert len(files(tmp_path)) == 1
