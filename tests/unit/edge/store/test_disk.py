from __future__ import annotations

import asyncio
import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from domicile.media.policy import Activity
from domicile.media.sealed import CHUNK_BYTES, SealBroken
from domicile.service.gate import cache_files
from edge.metrics import Count
from edge.store import removal
from edge.store.disk import DROPPED_AT_ONCE_MAX
from edge.store.index import FILE_OVERHEAD_BYTES
from edge.store.port import Stored, tenant_tag
from edge.store.rest import READ_FAILURES_MAX, REST_SECONDS_MAX, REST_SECONDS_MIN
from edge.store.room import SPARE_FILES
from tests.unit.edge.store.disks import KEY, Disk, PlayedRegister, file_name, files, permit, stored, whole_body


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
    file = disk.files.path_of(file_name(1))
    held = file.read_bytes()
    match damage:
        case "flip":
            file.write_bytes(held[:-20] + bytes([held[-20] ^ 1]) + held[-19:])
        case "cut":
            file.write_bytes(held[:-1])
        case "empty":
            file.write_bytes(b"")
        case "swap":
            file.write_bytes(disk.files.path_of(file_name(2)).read_bytes())
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
    file = disk.files.path_of(file_name(1))
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
    disk.files.path_of(file_name(1)).unlink()
    assert await disk.get(file_name(1), in_memory_max=10) is None
    assert disk.counts == [Count.DISK_WRITES]


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
    monkeypatch.setattr(removal, "SWEPT_AT_ONCE", 50)
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
    disk.removal.leaving.add(file_name(1))
    assert not await disk.keep(file_name(1), stored())
    assert files(tmp_path) == []


async def test_the_background_begins_at_once_when_there_is_something_to_delete(disk: Disk, tmp_path: Path) -> None:
    for number in range(DROPPED_AT_ONCE_MAX + 1):
        await disk.keep(file_name(number), stored())
    async with asyncio.TaskGroup() as group:
        running = group.create_task(disk.keeper.chores())
        await asyncio.sleep(0)
        disk.drop_stale([tenant_tag("demo")], lambda _: False)
        async with asyncio.timeout(5):
            while files(tmp_path) or disk.played.rows:
                await asyncio.sleep(0.01)
        running.cancel()


async def test_the_directory_stays_within_its_share(tmp_path: Path, register: PlayedRegister) -> None:
    share = 20 * (10_000 + FILE_OVERHEAD_BYTES)
    disk = Disk(tmp_path, register, bytes_max=share)
    for number in range(60):
        await disk.keep_sure(file_name(number), stored(os.urandom(10_000)))
        assert sum(file.stat().st_size for file in files(tmp_path)) <= share
    assert len(files(tmp_path)) == len(disk) > 10
    assert Count.EVICTED_DISK in disk.counts
    await disk.tell_gone()
    assert set(register.rows) == {file.name for file in files(tmp_path)}
    assert not await disk.keep(file_name(99), stored(bytes(share)))


async def test_once_the_disk_is_full_a_stranger_waits_until_it_is_asked_for_again(
    tmp_path: Path, register: PlayedRegister
) -> None:
    disk = Disk(tmp_path, register, bytes_max=20 * (1000 + FILE_OVERHEAD_BYTES))
    for number in range(19):
        assert await disk.keep(file_name(number), stored(bytes(1000)))
    assert not await disk.keep(file_name(50), stored(bytes(1000)))
    assert (disk.counts[-1], len(files(tmp_path))) == (Count.NOT_KEPT_STRANGER, 19)
    assert await disk.keep(file_name(50), stored(bytes(1000)))


async def test_what_ram_was_asked_for_again_is_let_in_and_stays(tmp_path: Path, register: PlayedRegister) -> None:
    disk = Disk(tmp_path, register, bytes_max=20 * (1000 + FILE_OVERHEAD_BYTES))
    await disk.keep(file_name(0), stored(bytes(1000)))
    disk.asked_again(file_name(50), 1000)
    for number in range(1, 19):
        await disk.keep(file_name(number), stored(bytes(1000)))
    assert await disk.keep(file_name(50), stored(bytes(1000)))
    for number in range(100, 140):
        disk.asked_again(file_name(0), 1000)
        await disk.keep_sure(file_name(number), stored(bytes(1000)))
    assert file_name(0) in disk.index


async def test_what_takes_the_place_of_a_purged_one_is_no_stranger(tmp_path: Path, register: PlayedRegister) -> None:
    disk = Disk(tmp_path, register, bytes_max=20 * (1000 + FILE_OVERHEAD_BYTES))
    for number in range(19):
        await disk.keep(file_name(number), stored(bytes(1000), aid="a" if number else "b"))
    disk.drop_stale(["b" * 32], lambda _: False)
    assert await disk.keep(file_name(80), stored(bytes(1000)))  # there is room again
    assert await disk.keep(file_name(0), stored(bytes(1000)))


async def test_what_is_asked_for_is_evicted_last(tmp_path: Path, register: PlayedRegister) -> None:
    disk = Disk(tmp_path, register, bytes_max=20 * (1000 + FILE_OVERHEAD_BYTES))
    await disk.keep(file_name(0), stored(bytes(1000)))
    for number in range(1, 60):
        assert await disk.get(file_name(0), in_memory_max=10**6) is not None
        await disk.keep_sure(file_name(number), stored(bytes(1000)))
    assert disk.files.path_of(file_name(0)).exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("step", ["write_temporary", "publish"])
async def test_a_disk_that_does_not_take_it_costs_nothing_but_the_copy_and_rests(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, step: str
) -> None:
    def fails(*_: object, **__: object) -> Path:
        raise OSError(code, "no")

    with monkeypatch.context() as patched:
        patched.setattr(cache_files, step, fails)
        assert not await disk.keep(file_name(1), stored())
    assert disk.counts == [Count.DISK_FAILURES]
    assert files(tmp_path) == []
    assert not await disk.keep(file_name(1), stored())  # not even tried
    assert disk.counts == [Count.DISK_FAILURES, Count.NOT_KEPT_FAILING]
    disk.now += REST_SECONDS_MIN
    await disk.keeper.probe()
    assert await disk.keep(file_name(1), stored())


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
async def test_where_a_quota_is_smaller_than_the_share_own_files_go_until_a_probe_fits(
    tmp_path: Path, register: PlayedRegister, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """The file system says that it has room, and refuses."""
    disk = Disk(tmp_path, register, bytes_max=100 * (1000 + FILE_OVERHEAD_BYTES))
    for number in range(30):
        assert await disk.keep(file_name(number), stored(bytes(1000)))
    written = cache_files._written

    def refuses(*its: Any, **how: Any) -> Path:
        if len(disk) > 12:
            raise OSError(code, "over quota")
        return written(*its, **how)

    monkeypatch.setattr(cache_files, "_written", refuses)
    assert not await disk.keep(file_name(99), stored(bytes(1000)))
    for _ in range(20):
        disk.now += REST_SECONDS_MAX
        await disk.keeper.probe()
        if not disk.rest.is_resting:
            break
    assert 0 < len(disk) == len(files(tmp_path)) <= 12
    assert await disk.keep(file_name(99), stored(bytes(1000)))


async def test_a_disk_that_gives_nothing_is_not_asked_until_it_works_again(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await disk.keep(file_name(1), stored())

    async def fails(*_: object, **__: object) -> Stored:
        raise OSError(errno.EIO, "bad")

    with monkeypatch.context() as patched:
        patched.setattr("edge.store.disk.open_object", fails)
        for _ in range(READ_FAILURES_MAX + 5):
            assert await disk.get(file_name(1), in_memory_max=100) is None
        assert disk.counts.count(Count.DISK_FAILURES) == READ_FAILURES_MAX
    assert await disk.get(file_name(1), in_memory_max=100) is None
    disk.now += REST_SECONDS_MIN
    await disk.keeper.probe()
    assert await disk.get(file_name(1), in_memory_max=100) is not None


async def test_a_write_that_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    def breaks():
        yield b"some"
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError):
        cache_files.write_temporary(
            permit(), "demo", tmp_path / "ab" / "name", maker=cache_files.new_maker(0), sealed=breaks()
        )
    assert files(tmp_path) == []


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
    assert (files(tmp_path), disk.counts) == ([], [Count.NOT_KEPT_FULL])
    disk.free_bytes += 1
    assert await disk.keep(file_name(1), stored(b"abc"))


async def test_below_the_inodes_that_are_left_alone_nothing_is_stored_and_files_go(disk: Disk, tmp_path: Path) -> None:
    disk.free_files = 1000
    for number in range(SPARE_FILES + 20):
        assert await disk.keep(file_name(number), stored())
    disk.free_files = 90
    assert not await disk.keep(file_name(500), stored())
    assert disk.counts[-1] is Count.NOT_KEPT_FULL
    assert len(files(tmp_path)) == 20 - (100 + 1 - 90)
    disk.free_files = 101
    assert await disk.keep(file_name(500), stored())


async def test_when_others_fill_the_disk_files_go_until_enough_is_free(
    register: PlayedRegister, tmp_path: Path
) -> None:
    disk = Disk(tmp_path, register, bytes_max=10 * (FILE_OVERHEAD_BYTES + 3))
    for number in range(8):
        assert await disk.keep(file_name(number), stored(b"abc"))
    disk.free_bytes = 1000 - 2 * FILE_OVERHEAD_BYTES
    housekeeping = asyncio.get_running_loop().create_task(disk.keeper.chores())
    while len(disk) == 8:
        await asyncio.sleep(0.01)
    housekeeping.cancel()
    assert 0 < len(disk) == len(files(tmp_path)) <= 6
    assert disk.bytes_used == len(disk) * (FILE_OVERHEAD_BYTES + 3)


async def test_a_disk_that_cannot_be_asked_takes_nothing(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> int:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(disk._room, "_space", fails)
    assert not await disk.keep(file_name(1), stored())


async def test_a_file_that_the_journal_needed_the_room_of_is_a_miss_and_no_longer_counted(
    disk: Disk, register: PlayedRegister, tmp_path: Path
) -> None:
    await disk.keep(file_name(1), stored())
    files(tmp_path)[0].unlink()
    assert await disk.get(file_name(1), in_memory_max=100) is None
    assert (len(disk), disk.bytes_used, disk.counts) == (0, 0, [Count.DISK_WRITES])
    await disk.tell_gone()
    assert register.rows == {}
