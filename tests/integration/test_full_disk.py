"""The disk under the cache is full to its last byte: pictures are served from the origin, and purges are obeyed and acked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from edge.metrics import Count
from edge.reserve import FILE, RESERVE_BYTES
from edge.store.rest import REST_SECONDS_MIN
from edge.store.room import Room, Space
from tests.integration.node_process import Stack, picture, running_stack, until
from tests.unit.edge.store.disks import Disk, PlayedRegister, file_name, stored

DISK_BYTES = 16 * 1024 * 1024
INODES = 400
FREE_INODES = 100
PURGES = 20

pytestmark = pytest.mark.timeout(150)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own."""
    yield from mounted(f"size={DISK_BYTES}")


def mounted(options: str) -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="dom-small-"))
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        place.rmdir()
        pytest.skip(f"a small file system is needed; as root: {' '.join(mount)}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
        place.rmdir()


@pytest.fixture
def few_inodes() -> Iterator[Path]:
    """A file system with bytes enough and few inodes."""
    yield from mounted(f"size={DISK_BYTES},nr_inodes={INODES}")


def fill_up(disk: Path) -> None:
    """As another program does that knows no limits."""
    with (disk / "theirs").open("ab", buffering=0) as theirs:
        for size in (1024 * 1024, 4096, 1):
            with contextlib.suppress(OSError):
                while theirs.write(b"x" * size) == size:
                    pass
    assert free(disk) == 0


def free(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


def path_of(name: str, width: int = 32) -> str:
    return f"/demo/image/upload/c_scale,w_{width}/v1/{name}.png"


async def purged_everywhere(stack: Stack, name: str) -> None:
    """Uploaded, served by every worker, destroyed: acked, and nobody serves it."""
    await stack.upload(name, picture((9, 90, 200)))
    assert {reply.status for reply in await stack.everywhere(path_of(name))} == {200}
    acks = stack.proxy.taken["ack"]
    assert (await asyncio.to_thread(stack.origin.sdk().uploader.destroy, name))["result"] == "ok"
    await until(lambda: stack.proxy.taken["ack"] > acks)
    assert {reply.status for reply in await stack.everywhere(path_of(name))} == {404}


async def test_on_a_full_disk_pictures_are_served_and_purges_are_applied_and_acked(small_disk: Path) -> None:
    cache = small_disk / "cache"
    async with running_stack(
        workers=2, DOMICILE_EDGE_CACHE_DIR=str(cache), DOMICILE_EDGE_CACHE_DISK_FREE_BYTES_MIN="65536"
    ) as stack:
        await stack.upload("stays", picture((200, 30, 60), (600, 400)))
        for width in range(100, 140):
            assert (await stack.get(path_of("stays", width))).status == 200
        await until(lambda: len(list(cache.glob("??/*"))) >= 30)
        assert (cache / FILE).stat().st_size == RESERVE_BYTES

        fill_up(small_disk)
        for number in range(PURGES):
            await purged_everywhere(stack, f"goes-{number}")
        for width in range(100, 140):
            assert (await stack.get(path_of("stays", width))).status == 200
        assert not (cache / FILE).exists()  # it was needed

        fill_up(small_disk)  # and now there is nothing left to give up
        await _agent_killed(stack)
        assert {reply.status for reply in await stack.everywhere(path_of("stays", 100))} <= {200, 503}

        (small_disk / "theirs").unlink()
        deadline = stack.node.page.lease_deadline_ns
        await until(lambda: stack.node.page.lease_deadline_ns > deadline, 20)
        await purged_everywhere(stack, "goes-later")
        await until(lambda: (cache / FILE).exists() and (cache / FILE).stat().st_size == RESERVE_BYTES, 20)
        files = set(cache.glob("??/*"))
        for width in range(200, 600):  # a disk that failed is tried again by itself, after a while
            assert (await stack.get(path_of("stays", width))).status == 200
            if set(cache.glob("??/*")) - files:
                break
            await asyncio.sleep(0.05)
        else:
            raise AssertionError("nothing is kept any more")
        await until(lambda: stack.node.count("disk_resting_workers") == 0)
        log = stack.node.log.read_text()
        assert log.count('"child_ended"') == 1  # the agent that was killed here, and nobody else


# --- inodes ---------------------------------------------------------------------------------------------------------


def on_few_inodes(place: Path, *, free_files_min: int) -> Disk:
    """A disk tier that asks the kernel."""
    disk = Disk(place, PlayedRegister())
    disk._room = Room(place, free_bytes_min=65536, free_files_min=free_files_min)
    return disk


async def test_many_small_files_leave_others_the_inodes_that_are_theirs(few_inodes: Path) -> None:
    disk = on_few_inodes(few_inodes, free_files_min=FREE_INODES)
    for number in range(INODES + 50):
        assert await disk.keep(file_name(number), stored())
        assert os.statvfs(few_inodes).f_favail >= FREE_INODES - 1  # the file in the making has one more
    assert Count.EVICTED_DISK in disk.counts
    assert Count.DISK_FAILURES not in disk.counts


async def test_when_others_have_taken_the_last_inode_nothing_is_kept_until_there_are_some_again(
    few_inodes: Path,
) -> None:
    disk = on_few_inodes(few_inodes, free_files_min=0)
    assert await disk.keep(file_name(0), stored())
    theirs = few_inodes / "theirs"
    theirs.mkdir()
    for number in range(os.statvfs(few_inodes).f_favail):
        (theirs / str(number)).touch()
    disk._room = Room(few_inodes, free_bytes_min=0, space=lambda _: Space(free_bytes=10**9, free_files=None))
    assert not await disk.keep(file_name(1), stored())  # ENOSPC of the kernel, which the room did not foresee
    assert (disk.counts[-2], disk.rest.is_resting) == (Count.DISK_FAILURES, True)
    shutil.rmtree(theirs)
    disk.now += REST_SECONDS_MIN
    await disk.keeper.probe()
    assert await disk.keep(file_name(1), stored())
    assert await disk.get(file_name(1), in_memory_max=100) is not None


async def _agent_killed(stack: Stack) -> None:
    assert stack.node.process is not None
    children = psutil.Process(stack.node.process.pid).children()
    agent = next(child for child in children if "agent" in child.cmdline())
    before = stack.node.log.read_text().count('"child_ended"')
    agent.send_signal(signal.SIGKILL)
    await until(lambda: stack.node.log.read_text().count('"child_ended"') > before)
