"""The journal's reserve on the disk: made when there is room, given up when there is none, and then cached files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.reserve import FILE, RESERVE_BYTES, SPARE_BYTES, Reserve


class Disk:
    def __init__(self, directory: Path) -> None:
        self.free = 10**12
        self.reserve = Reserve(directory, free_bytes=lambda _: self.free)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def cached(directory: Path, name: str, size: int, *, age: int) -> Path:
    file = directory / name[:2] / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(bytes(size))
    os.utime(file, (1000 - age, 1000 - age))
    return file


def test_the_reserve_takes_blocks_of_the_disk_and_is_for_its_owner_alone(disk: Disk, tmp_path: Path) -> None:
    assert disk.reserve.keep()
    status = (tmp_path / FILE).stat()
    assert (status.st_size, status.st_mode & 0o777) == (RESERVE_BYTES, 0o600)
    assert status.st_blocks * 512 >= RESERVE_BYTES
    assert disk.reserve.held_bytes == RESERVE_BYTES


def test_it_is_not_made_where_it_would_be_given_up_at_once(disk: Disk, tmp_path: Path) -> None:
    disk.free = RESERVE_BYTES + SPARE_BYTES - 1
    assert not disk.reserve.keep()
    assert not (tmp_path / FILE).exists()
    disk.free += 1
    assert disk.reserve.keep()


def test_one_that_a_crash_left_half_made_is_made_whole(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"half")
    assert disk.reserve.keep()
    assert disk.reserve.held_bytes == RESERVE_BYTES


def test_the_reserve_goes_first_then_the_oldest_files_and_no_more_than_needed(disk: Disk, tmp_path: Path) -> None:
    old = cached(tmp_path, "aa" + "0" * 38, RESERVE_BYTES - 1, age=30)
    middle = cached(tmp_path, "bb" + "0" * 38, 1, age=20)
    young = cached(tmp_path, "cc" + "0" * 38, 1, age=10)
    other = tmp_path / "region.json"
    other.write_text("{}")
    disk.reserve.keep()
    assert disk.reserve.spend()
    assert (disk.reserve.held_bytes, old.exists(), middle.exists(), young.exists()) == (0, True, True, True)
    assert disk.reserve.spend()
    assert (old.exists(), middle.exists(), young.exists()) == (False, False, True)
    assert disk.reserve.spend()
    assert not disk.reserve.spend()
    assert other.exists()
