"""The disk under the cache is full to its last byte: pictures are served from the origin, and purges are obeyed and acked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from edge.reserve import FILE, RESERVE_BYTES
from tests.integration.node_process import Stack, picture, running_stack, until

DISK_BYTES = 16 * 1024 * 1024
PURGES = 20

pytestmark = pytest.mark.timeout(150)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own."""
    place = Path(tempfile.mkdtemp(prefix="dom-small-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        place.rmdir()
        pytest.skip(f"a small file system is needed; as root: {' '.join(mount)}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
        place.rmdir()


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


async def _agent_killed(stack: Stack) -> None:
    assert stack.node.process is not None
    children = psutil.Process(stack.node.process.pid).children()
    agent = next(child for child in children if "agent" in child.cmdline())
    before = stack.node.log.read_text().count('"child_ended"')
    agent.send_signal(signal.SIGKILL)
    await until(lambda: stack.node.log.read_text().count('"child_ended"') > before)
