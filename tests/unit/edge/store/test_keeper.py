"""Taking stock, and the scrubber."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import msgspec
import pytest

from edge.metrics import Count
from edge.store import keeper as keeping
from edge.store.keeper import ORPHAN_SECONDS
from tests.unit.edge.store.disks import Disk, PlayedRegister, file_name, files, keeper, stored

OLD_SECONDS = 1_000_000_000.0


def put_old(directory: Path, name: str, body: bytes = b"half") -> Path:
    """A file of long ago."""
    path = directory / name[:2] / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(body)
    os.utime(path, (OLD_SECONDS, OLD_SECONDS))
    return path


async def test_a_start_clears_away_what_a_killed_process_left_and_learns_the_rest(
    tmp_path: Path, register: PlayedRegister
) -> None:
    before = Disk(tmp_path, register)
    await before.keep(file_name(1), stored(bytes(1000)))
    await before.keep(file_name(2), stored(bytes(1000)))
    put_old(tmp_path, file_name(3))
    for slot in (0, 1):
        put_old(tmp_path, f"{file_name(4 + slot)}.{slot}.0123456789abcdef.tmp")
    (tmp_path / "node.db").write_bytes(b"not ours")
    before.files.path_of(file_name(2)).unlink()
    disk = Disk(tmp_path, register)
    assert await disk.keeper.take_stock()
    assert [file.name for file in files(tmp_path)] == [file_name(1)]
    assert (tmp_path / "node.db").exists()
    assert sorted(disk.counts) == sorted(
        [Count.SCRUBBED_MISSING, Count.SCRUBBED_ORPHAN, Count.SCRUBBED_UNFINISHED, Count.SCRUBBED_UNFINISHED]
    )
    await disk.tell_gone()
    assert set(register.rows) == {file_name(1)}
    assert disk.bytes_used == before.bytes_used // 2
    assert disk.drop_stale(["a" * 32], lambda _: False) == 1
    assert files(tmp_path) == []


async def test_a_start_leaves_the_files_of_other_slots_alone(tmp_path: Path, register: PlayedRegister) -> None:
    theirs = file_name(1, slot=1, workers=2)
    unfinished = f"{theirs}.1.0123456789abcdef.tmp"
    for name in (theirs, unfinished):
        put_old(tmp_path, name)
    assert await Disk(tmp_path, register, slot=0, workers=2).keeper.take_stock()
    assert {file.name for file in files(tmp_path)} == {theirs, unfinished}


async def test_what_is_in_the_making_is_left_alone(disk: Disk, tmp_path: Path) -> None:
    mine = put_old(tmp_path, f"{file_name(4)}.0.{disk.files.maker.run}89abcdef.tmp")
    assert await disk.keeper.take_stock()
    assert mine.exists()


async def test_a_file_as_young_as_the_list_of_rows_may_be_one_that_another_worker_has_just_registered(
    disk: Disk, tmp_path: Path
) -> None:
    young = put_old(tmp_path, file_name(3))
    now = disk.keeper._wall_clock()
    os.utime(young, (now, now - ORPHAN_SECONDS / 2))
    assert await disk.keeper.take_stock()
    assert young.exists()
    os.utime(young, (now, now - ORPHAN_SECONDS * 2))
    assert await disk.keeper.take_stock()
    assert not young.exists()


async def test_what_a_purge_forbids_by_now_goes_instead_of_coming_back(
    tmp_path: Path, register: PlayedRegister
) -> None:
    before = Disk(tmp_path, register)
    await before.keep(file_name(1), stored(sequence=1))
    await before.keep(file_name(2), stored(sequence=9))
    disk = Disk(tmp_path, register)
    assert await keeper(disk, may_stay=lambda kept: kept.sequence > 5).take_stock()
    assert [file.name for file in files(tmp_path)] == list(disk.index) == [file_name(2)]
    await disk.tell_gone()
    assert set(register.rows) == {file_name(2)}


async def test_it_serves_and_keeps_before_stock_is_taken(tmp_path: Path, register: PlayedRegister) -> None:
    before = Disk(tmp_path, register)
    await before.keep(file_name(1), stored(b"old"))
    disk = Disk(tmp_path, register)
    found = await disk.get(file_name(1), in_memory_max=100)
    assert found is not None
    assert found.body == b"old"
    assert await disk.keep(file_name(2), stored(b"new"))
    assert await disk.keeper.take_stock()
    assert sorted(disk.index) == [file_name(1), file_name(2)]
    assert disk.bytes_used == 2 * before.bytes_used


async def test_what_survived_has_its_place_and_strangers_do_not_push_it_out(
    tmp_path: Path, register: PlayedRegister
) -> None:
    before = Disk(tmp_path, register, bytes_max=20 * 5096)
    for number in range(18):
        await before.keep(file_name(number), stored(bytes(1000)))
    disk = Disk(tmp_path, register, bytes_max=20 * 5096)
    assert await disk.keeper.take_stock()
    for number in range(100, 200):
        await disk.keep(file_name(number), stored(bytes(1000)))
    assert {file_name(number) for number in range(18)} <= set(disk.index)


async def test_stock_is_taken_again_until_the_agent_says_all_and_nothing_is_deleted_before(
    tmp_path: Path, register: PlayedRegister
) -> None:
    before = Disk(tmp_path, register)
    await before.keep(file_name(1), stored())
    orphan = put_old(tmp_path, file_name(3))
    disk = Disk(tmp_path, register)
    register.away = 2
    assert not await disk.keeper.take_stock()
    assert orphan.exists()
    assert len(files(tmp_path)) == 2
    minding = asyncio.get_running_loop().create_task(disk.keeper.mind())
    async with asyncio.timeout(5):
        while orphan.exists() or not len(disk):
            await asyncio.sleep(0.005)
    minding.cancel()
    assert files(tmp_path) == [disk.files.path_of(file_name(1))]


async def test_a_directory_that_cannot_be_listed_ends_the_stock(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await disk.keep(file_name(1), stored())

    def fails(_: str) -> None:
        raise OSError("broken")

    monkeypatch.setattr(disk.files, "list", fails)
    assert not await disk.keeper.take_stock()
    assert (len(disk), disk.counts[-1]) == (1, Count.DISK_FAILURES)


# --- scrubbing ------------------------------------------------------------------------------------------------------


async def scrub(disk: Disk) -> None:
    disk.counts.clear()
    await disk.keeper._scrub.run()
    assert disk.counts.pop() is Count.SCRUBS


@pytest.mark.parametrize("at", [2, 10, 90, 150, 5000, -3])
async def test_a_flipped_bit_is_found_wherever_it_is_and_only_that_file_goes(disk: Disk, at: int) -> None:
    for number in (1, 2):
        await disk.keep(file_name(number), stored(os.urandom(400_000)))
    file = disk.files.path_of(file_name(1))
    body = bytearray(file.read_bytes())
    body[at] ^= 4
    file.write_bytes(bytes(body))
    await scrub(disk)
    assert sorted(disk.counts) == [Count.SEALS_BROKEN, Count.SCRUBBED_TORN, Count.SCRUBBED_WHOLE]
    assert (list(disk.index), file.exists()) == ([file_name(2)], False)
    await disk.tell_gone()
    assert list(disk.played.rows) == [file_name(2)]


async def test_a_cut_file_is_found(disk: Disk) -> None:
    await disk.keep(file_name(1), stored(os.urandom(300_000)))
    file = disk.files.path_of(file_name(1))
    os.truncate(file, 200_000)
    await scrub(disk)
    assert Count.SCRUBBED_TORN in disk.counts
    assert not file.exists()


async def test_without_a_key_only_the_shape_is_looked_at(disk: Disk, register: PlayedRegister) -> None:
    await disk.keep(file_name(1), stored(bytes(1000)))
    await disk.keep(file_name(2), stored(bytes(1000)))
    disk.files.path_of(file_name(2)).write_bytes(b"")
    register.keys = False
    await scrub(disk)
    assert sorted(disk.counts) == [Count.SEALS_BROKEN, Count.SCRUBBED_KEYLESS, Count.SCRUBBED_TORN]
    assert list(disk.index) == [file_name(1)]


async def test_a_file_that_is_replaced_while_it_is_looked_over_is_not_the_broken_one(
    disk: Disk, register: PlayedRegister
) -> None:
    """The key is that of the new file, which is not in its place yet."""
    await disk.keep(file_name(1), stored(bytes(1000)))
    row, get = register.rows[file_name(1)], register.keyring_get

    async def newer_first(name: str, *, is_use: bool = True) -> object:
        known = await get(name)
        assert known is not None
        register.keyring_get = get  # type: ignore[method-assign]
        return msgspec.structs.replace(known, content_key=b"n" * 32)

    register.keyring_get = newer_first  # type: ignore[assignment, method-assign]
    await scrub(disk)
    assert disk.counts == [Count.SCRUBBED_REPLACED]
    assert (list(disk.index), register.rows) == ([file_name(1)], {file_name(1): row})


async def test_what_a_purge_forbids_goes_at_a_scrub_too(disk: Disk, tmp_path: Path) -> None:
    await disk.keep(file_name(1), stored())
    disk.counts.clear()
    await keeper(disk, may_stay=lambda _: False)._scrub.run()
    assert (disk.counts, files(tmp_path), len(disk)) == ([Count.SCRUBBED_STALE, Count.SCRUBS], [], 0)


async def test_keys_grow_no_younger_by_a_scrub(disk: Disk, register: PlayedRegister) -> None:
    await disk.keep(file_name(1), stored())
    uses = []
    get = register.keyring_get

    async def noted(name: str, *, is_use: bool = True) -> object:
        uses.append(is_use)
        return await get(name)

    register.keyring_get = noted  # type: ignore[assignment, method-assign]
    await scrub(disk)
    assert uses == [False]


async def test_it_reads_no_faster_than_it_may(disk: Disk) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    await disk.keep(file_name(1), stored(os.urandom(500_000)))
    minded = keeping.Keeper(disk, may_stay=lambda _: True, scrub_bytes_per_second=100_000.0, sleep=sleep)
    await minded._scrub.run()
    assert sum(slept) >= 5.0
    assert max(slept) < 3.0


async def test_a_rate_of_nothing_opens_nothing(disk: Disk) -> None:
    await disk.keep(file_name(1), stored())
    disk.counts.clear()
    await keeper(disk, rate=0)._scrub.run()
    assert disk.counts == []


async def test_a_scrub_comes_round(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "PASS_SECONDS_MIN", 0.0)
    await disk.keep(file_name(1), stored())
    minding = asyncio.get_running_loop().create_task(disk.keeper.mind())
    async with asyncio.timeout(10):
        while disk.counts.count(Count.SCRUBS) < 2:
            await asyncio.sleep(0.005)
    minding.cancel()
    assert disk.counts.count(Count.SCRUBBED_WHOLE) >= 2


async def test_who_took_stock_knows_which_of_its_own_files_cannot_be_there(
    tmp_path: Path, register: PlayedRegister
) -> None:
    """It spares a fill the look for what survived."""
    own, theirs = file_name(1, workers=2), file_name(2, slot=1, workers=2)
    await Disk(tmp_path, register, workers=2).keep(own, stored())
    disk, lacking = Disk(tmp_path, register, workers=2), file_name(3, workers=2)
    assert disk.may_survive(lacking)
    assert await disk.keeper.take_stock()
    assert disk.may_survive(own)
    assert disk.may_survive(theirs)
    assert not disk.may_survive(lacking)
