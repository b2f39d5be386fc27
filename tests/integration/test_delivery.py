"""Delivery by real processes: agent, workers, decoders and origin, with a hand on the wire between them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import socket
from collections.abc import AsyncIterator

import aiohttp
import psutil
import pytest
import pytest_asyncio

from tests.infra.server_timing import parse_server_timing
from tests.integration.node_process import Got, Stack, color_of, noise, picture, running_stack, until

RED, BLUE = (255, 0, 0), (0, 0, 255)
NOISE_SIZE = (2400, 1600)
VIEWERS = 60
WORKER_GROWTH_BYTES_MAX = 128 * 1024 * 1024
"""A few copies of a picture of 11 MB, and what waits in the pieces of each viewer."""

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair() -> AsyncIterator[Stack]:
    """Two workers. Tests use names of their own and leave the node serving."""
    async with running_stack(workers=2) as running:
        yield running


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return "pic-" + hashlib.sha256(request.node.name.encode()).hexdigest()[:12]


def path_of(name: str, width: int = 32) -> str:
    return f"/demo/image/upload/c_scale,w_{width}/v1/{name}.png"


def files_of(stack: Stack) -> set[str]:
    return {file.name for file in stack.node.cache.glob("??/*") if file.is_file()}


async def test_with_two_workers_the_next_request_after_a_purge_is_never_the_old_bytes(pair: Stack, name: str) -> None:
    await _purge_wherever_the_fetch_stands(pair, name)


async def test_with_one_worker_the_next_request_after_a_purge_is_never_the_old_bytes(name: str) -> None:
    async with running_stack(workers=1) as alone:
        await _purge_wherever_the_fetch_stands(alone, name)


async def _purge_wherever_the_fetch_stands(stack: Stack, name: str) -> None:
    """While it waits for headers, while the body streams, and after; whichever worker is asked."""
    await stack.upload(name, picture(RED))
    for reply in await stack.everywhere(path_of(name)):
        assert color_of(reply.body) == RED
    for width, gate in ((33, stack.proxy.before_head), (34, stack.proxy.in_body)):
        await stack.upload(name, picture(RED), overwrite=True)
        gate.clear()
        stack.proxy.held.clear()
        async with asyncio.TaskGroup() as group:
            early = group.create_task(stack.get(path_of(name, width)))
            await asyncio.wait_for(stack.proxy.held.wait(), 10)
            await stack.upload(name, picture(BLUE), overwrite=True)
            late = [group.create_task(stack.get(path_of(name, width))) for _ in range(8)]
            await asyncio.sleep(0.1)
            gate.set()
        assert {color_of(reply.result().body) for reply in late} == {BLUE}
        assert (early.result().status, color_of(early.result().body)) == (200, BLUE)
        for reply in [*await stack.everywhere(path_of(name, width)), *await stack.everywhere(path_of(name))]:
            assert (reply.status, color_of(reply.body)) == (200, BLUE)


async def test_destroy_is_obeyed_by_every_worker_and_the_name_can_be_used_again(pair: Stack, name: str) -> None:
    before = files_of(pair)
    await pair.upload(name, picture(RED))
    await pair.everywhere(path_of(name))
    uploader = pair.origin.sdk().uploader
    assert (await asyncio.to_thread(uploader.destroy, name))["result"] == "ok"
    assert [reply.status for reply in await pair.everywhere(path_of(name))] == [404, 404]
    await until(lambda: not files_of(pair) - before)
    await pair.upload(name, picture(BLUE))
    assert {color_of(reply.body) for reply in await pair.everywhere(path_of(name))} == {BLUE}


@pytest.mark.parametrize("size", [(200, 150), NOISE_SIZE])
async def test_a_viewer_who_has_not_read_when_destroy_is_answered_never_reads_it(
    pair: Stack, name: str, size: tuple[int, int]
) -> None:
    """However small the picture is: what waits for him in the kernel of this machine is thrown away."""
    await pair.upload(name, noise(size))
    path = path_of(name, size[0] - 1)
    body_bytes = len((await pair.get(path)).body)
    with socket.socket() as viewer:
        viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        viewer.connect(("127.0.0.1", pair.node.port))
        viewer.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await asyncio.to_thread(viewer.recv, 1, socket.MSG_PEEK)
        await asyncio.to_thread(pair.origin.sdk().uploader.destroy, name)
        viewer.settimeout(10)
        assert await asyncio.to_thread(read_until_cut, viewer) < min(body_bytes, 256 * 1024)


def read_until_cut(viewer: socket.socket) -> int:
    """How many bytes come before the connection is reset; it must not end in any other way."""
    got = 0
    try:
        while piece := viewer.recv(65536):
            got += len(piece)
    except ConnectionResetError:
        return got
    raise AssertionError(f"a clean end after {got} bytes")


async def test_fifty_misses_over_two_workers_are_one_fetch_and_one_render(pair: Stack, name: str) -> None:
    await pair.upload(name, picture(RED))
    blobs, renders = pair.proxy.counts["blobs"], pair.node.count("transforms", result="ok")
    pair.proxy.before_head.clear()
    pair.proxy.held.clear()
    connections = [await pair.node.any_connection() for _ in range(50)]
    assert {connection.slot for connection in connections} == {0, 1}
    async with asyncio.TaskGroup() as group:
        replies = [group.create_task(connection.get(path_of(name))) for connection in connections]
        await asyncio.wait_for(pair.proxy.held.wait(), 10)
        await asyncio.sleep(0.3)
        pair.proxy.before_head.set()
    bodies = {reply.result().body for reply in replies}
    assert (len(bodies), {reply.result().status for reply in replies}) == (1, {200})
    assert pair.proxy.counts["blobs"] == blobs + 1
    assert pair.node.count("transforms", result="ok") == renders + 1
    assert {reply.tier for reply in await pair.everywhere(path_of(name))} <= {"memory", "disk", "peer"}
    for connection in connections:
        await connection.close()


@pytest.mark.parametrize("disk_bytes_max", [1 << 30, 0])
async def test_sixty_viewers_of_one_large_picture_do_not_cost_a_worker_sixty_pictures(
    name: str, disk_bytes_max: int
) -> None:
    async with running_stack(workers=2, DOMICILE_EDGE_CACHE_DISK_BYTES_MAX=str(disk_bytes_max)) as stack:
        await stack.upload(name, noise(NOISE_SIZE))
        connections = [await stack.node.any_connection() for _ in range(VIEWERS)]
        assert {connection.slot for connection in connections} == {0, 1}
        blobs, watch = stack.proxy.counts["blobs"], Resident(stack)
        async with watch.running(), asyncio.TaskGroup() as group:
            path = path_of(name, NOISE_SIZE[0] - 1)
            replies = [group.create_task(connection.body_bytes(path)) for connection in connections]
        (body_bytes,) = {reply.result() for reply in replies}
        assert body_bytes > 11_000_000
        assert stack.proxy.counts["blobs"] == blobs + 1
        assert max(watch.growth) < WORKER_GROWTH_BYTES_MAX
        for connection in connections:
            await connection.close()


class Resident:
    """How much memory the workers of a node have taken since the watch began."""

    def __init__(self, stack: Stack) -> None:
        slots = stack.node.page.slots[: stack.node.workers]
        self._processes = [psutil.Process(slot.pid) for slot in slots]
        self._before = self._now()
        self.growth = [0] * len(slots)

    def _now(self) -> list[int]:
        return [process.memory_info().rss for process in self._processes]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.get_running_loop().create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()

    async def _watch(self) -> None:
        while True:
            taken = [now - before for now, before in zip(self._now(), self._before, strict=True)]
            self.growth = [max(pair) for pair in zip(self.growth, taken, strict=True)]
            await asyncio.sleep(0.01)


async def test_when_the_owner_is_killed_in_the_middle_of_a_fill_all_others_still_get_their_picture(
    pair: Stack, name: str
) -> None:
    await pair.upload(name, picture(RED))
    asked = [pair.node.count("origin_requests", slot=slot, kind="blob") for slot in (0, 1)]
    blobs = pair.proxy.counts["blobs"]
    pair.proxy.in_body.clear()
    pair.proxy.held.clear()
    starter = asyncio.get_running_loop().create_task(pair.get(path_of(name)))
    await asyncio.wait_for(pair.proxy.held.wait(), 10)
    owner = next(slot for slot in (0, 1) if pair.node.count("origin_requests", slot=slot, kind="blob") > asked[slot])
    other = 1 - owner
    connections = [await pair.node.connection(other) for _ in range(50)]
    async with asyncio.TaskGroup() as group:
        replies = [group.create_task(connection.get(path_of(name))) for connection in connections]
        await asyncio.sleep(0.3)
        assert pair.proxy.counts["blobs"] == blobs + 1  # all of them wait for the owner
        os.kill(pair.node.page.slots[owner].pid, signal.SIGKILL)
        await asyncio.sleep(0.2)
        pair.proxy.in_body.set()
    assert {(reply.result().status, color_of(reply.result().body)) for reply in replies} == {(200, RED)}
    assert pair.proxy.counts["blobs"] == blobs + 2
    with contextlib.suppress(aiohttp.ClientError):  # unless the starter's connection was the owner's
        assert (await starter).status == 200
    for connection in connections:
        await connection.close()
    await until(lambda: len(pair.node.page.live_slots()) == 2, 30)


async def test_a_hit_needs_no_origin_and_ends_with_the_lease(name: str) -> None:
    async with running_stack(workers=2, lease_seconds=3.0) as stack:
        await stack.upload(name, picture(RED))
        first = await stack.everywhere(path_of(name))
        connections = [await stack.node.connection(slot) for slot in (0, 1)]
        await asyncio.to_thread(stack.origin.stop)
        hits = [await connection.get(path_of(name)) for connection in connections]
        assert [(hit.status, hit.cache, hit.body) for hit in hits] == [(200, "hit", first[0].body)] * 2
        await asyncio.sleep(3.2)
        for connection in connections:
            refused = await connection.get(path_of(name))
            assert (refused.status, refused.body) == (503, b"")
            assert "no-store" in refused.headers["cache-control"]
            assert int(refused.headers["retry-after"]) > 0
            assert (await connection.get("/readyz")).status == 503
        await asyncio.to_thread(stack.origin.start)
        await until(lambda: stack.node.page.lease_deadline_ns > 0, 10)
        replies: list[Got] = []
        for _ in range(100):
            replies = await stack.everywhere(path_of(name))
            if all(reply.status == 200 for reply in replies):
                break
            await asyncio.sleep(0.1)
        assert {(reply.status, reply.body) for reply in replies} == {(200, first[0].body)}
        for connection in connections:
            await connection.close()


async def test_kill_nine_leaves_nothing_torn(pair: Stack, name: str) -> None:
    wanted: dict[str, bytes] = {}
    await pair.upload(name, picture(RED, (400, 300)))
    for round_number in range(3):
        paths = [path_of(name, 100 + 10 * round_number + n) for n in range(8)]
        async with asyncio.TaskGroup() as group:
            tasks = {path: group.create_task(_maybe(pair, path)) for path in paths}
            await asyncio.sleep(0.05 * (round_number + 1))
            killed = {slot.pid for slot in pair.node.page.slots[:2] if slot.pid}
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
        for path, task in tasks.items():
            reply = task.result()
            if reply is not None and reply.status == 200:
                assert wanted.setdefault(path, reply.body) == reply.body
        await until(lambda killed=killed: replaced(pair, killed), 30)
    for round_number in range(3):
        for n in range(8):
            path = path_of(name, 100 + 10 * round_number + n)
            for reply in await pair.everywhere(path):
                assert reply.status == 200
                assert wanted.setdefault(path, reply.body) == reply.body
                assert len(reply.body) == int(reply.headers["content-length"])
    await until(lambda: not list(pair.node.cache.glob("??/*.tmp")))  # a finished answer is written a moment later
    assert pair.node.count("broken_seals") == 0


def replaced(stack: Stack, killed: set[int]) -> bool:
    """Do both workers accept connections, and is none of them one of these?"""
    page = stack.node.page
    return len(page.live_slots()) == 2 and killed.isdisjoint(slot.pid for slot in page.slots[:2])


async def _maybe(stack: Stack, path: str) -> Got | None:
    try:
        return await stack.get(path)
    except (aiohttp.ClientError, OSError):
        return None


async def test_a_restarted_node_opens_its_own_disk_again_without_fetching(pair: Stack, name: str) -> None:
    await pair.upload(name, picture(RED))
    before = files_of(pair)
    (first, _) = await pair.everywhere(path_of(name))
    await until(lambda: len(files_of(pair) - before) == 1)
    blobs = pair.proxy.counts["blobs"]
    await asyncio.sleep(0.5)  # rows of files reach the agent's disk a moment later
    await pair.node.stop(signal.SIGKILL)
    await pair.node.start()
    for reply in await pair.everywhere(path_of(name)):
        assert (reply.status, reply.body) == (200, first.body)
    assert pair.proxy.counts["blobs"] == blobs


async def test_a_node_of_another_region_refuses_the_directory(pair: Stack, name: str) -> None:
    await pair.node.stop()
    stranger = await pair.node.spawn(DOMICILE_EDGE_REGION="us-east")
    async with asyncio.timeout(30):
        await stranger.communicate()
    assert stranger.returncode == 2
    await pair.node.start()
    said = pair.node.log.read_text()
    assert "us-east" in said
    assert "'eu-de'" in said


async def test_a_delay_on_the_way_to_the_origin_appears_as_origin_and_nowhere_else(pair: Stack, name: str) -> None:
    await pair.upload(name, picture(RED))
    await pair.get(path_of(name))  # the decoder is warm
    await pair.upload(name, picture(RED, (30, 40)), overwrite=True)  # and this original was not here yet
    pair.proxy.delay_seconds = 0.5
    reply = await pair.get(path_of(name, 31))
    spans = {span.name: span.seconds for span in parse_server_timing(reply.headers["server-timing"])}
    assert spans["origin"] == pytest.approx(0.5, rel=0.2)
    others = [seconds for name, seconds in spans.items() if name not in {"origin", "edge"} and seconds is not None]
    assert sum(others) < 0.2
    edge = spans["edge"]
    assert edge is not None
    assert edge >= 0.5
    pair.proxy.delay_seconds = 0.0
    hit = await pair.get(path_of(name, 31))
    assert "origin" not in {span.name for span in parse_server_timing(hit.headers["server-timing"])}


async def test_a_hit_says_as_the_miss_did_why_it_has_its_format_and_quality(pair: Stack, name: str) -> None:
    await pair.upload(name, picture(RED, (300, 200)))
    path = f"/demo/image/upload/f_auto,q_auto,w_200/v1/{name}"
    miss, hit = [await pair.get(path, Accept="image/avif,image/webp,*/*") for _ in range(2)]
    assert "fwd=" in miss.headers["cache-status"]
    assert "hit" in hit.headers["cache-status"]
    said = [{span.name: span.desc for span in parse_server_timing(r.headers["server-timing"])} for r in (miss, hit)]
    assert said[0]["auto"] == said[1]["auto"] == "f=webp:graphic,q=lossless"
    assert miss.headers["vary"] == hit.headers["vary"] == "Accept"
    await pair.upload(name, picture(RED), overwrite=True)
    plain = await pair.get(path_of(name))
    assert "auto" not in {span.name for span in parse_server_timing(plain.headers["server-timing"])}


async def test_an_idle_worker_is_small(pair: Stack, name: str) -> None:
    await pair.upload(name, picture(RED))
    await pair.everywhere(path_of(name))
    for slot in (0, 1):
        process = psutil.Process(pair.node.page.slots[slot].pid)
        assert process.memory_info().rss <= 90 * 1024 * 1024


async def test_nothing_on_the_edges_disk_or_in_its_log_tells_a_name_or_shows_a_picture(pair: Stack, name: str) -> None:
    body = picture(RED, (300, 200))
    await pair.upload(name, body)
    await pair.everywhere(path_of(name))
    await pair.get(path_of(name + "-missing"))
    await asyncio.sleep(0.2)
    for file in [*pair.node.cache.rglob("*"), pair.node.log]:
        if file.is_file():
            held = file.read_bytes()
            assert name.encode() not in held, file
            assert b"\x89PNG" not in held, file
