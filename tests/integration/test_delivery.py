"""Delivery by real processes: agent, workers, decoders and origin, with a hand on the wire between them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
from collections.abc import AsyncIterator

import aiohttp
import psutil
import pytest

from domicile.media.timing import parse_server_timing
from tests.integration.node_process import Got, Stack, color_of, picture, running_stack, until

RED, BLUE = (255, 0, 0), (0, 0, 255)
PATH = "/demo/image/upload/c_scale,w_32/v1/pic.png"

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
async def stack(request: pytest.FixtureRequest) -> AsyncIterator[Stack]:
    async with running_stack(workers=request.param) as running:
        yield running


@pytest.fixture
async def pair() -> AsyncIterator[Stack]:
    async with running_stack(workers=2) as running:
        yield running


async def test_the_next_request_after_a_purge_is_never_the_old_bytes(stack: Stack) -> None:
    """Wherever the fetch stands when the purge comes, and whichever worker is asked."""
    await stack.upload("pic", picture(RED))
    for reply in await stack.everywhere(PATH):
        assert color_of(reply.body) == RED
    for gate in (stack.proxy.before_head, stack.proxy.in_body):
        path = PATH.replace("w_32", f"w_{33 if gate is stack.proxy.in_body else 34}")
        await stack.upload("pic", picture(RED), overwrite=True)
        gate.clear()
        stack.proxy.held.clear()
        async with asyncio.TaskGroup() as group:
            early = group.create_task(stack.get(path))
            await asyncio.wait_for(stack.proxy.held.wait(), 10)
            await stack.upload("pic", picture(BLUE), overwrite=True)
            late = [group.create_task(stack.get(path)) for _ in range(8)]
            await asyncio.sleep(0.1)
            gate.set()
        assert {color_of(reply.result().body) for reply in late} == {BLUE}
        assert early.result().status == 200
        for reply in [*await stack.everywhere(path), *await stack.everywhere(PATH)]:
            assert (reply.status, color_of(reply.body)) == (200, BLUE)


async def test_destroy_is_obeyed_by_every_worker_and_the_name_can_be_used_again(pair: Stack) -> None:
    await pair.upload("pic", picture(RED))
    await pair.everywhere(PATH)
    uploader = pair.origin.sdk().uploader
    assert (await asyncio.to_thread(uploader.destroy, "pic"))["result"] == "ok"
    assert [reply.status for reply in await pair.everywhere(PATH)] == [404, 404]
    await until(lambda: not [file for file in pair.node.cache.glob("??/*") if file.is_file()])
    await pair.upload("pic", picture(BLUE))
    assert {color_of(reply.body) for reply in await pair.everywhere(PATH)} == {BLUE}


async def test_fifty_misses_over_two_workers_are_one_fetch_and_one_render(pair: Stack) -> None:
    await pair.upload("pic", picture(RED))
    pair.proxy.before_head.clear()
    connections = [await pair.node.any_connection() for _ in range(50)]
    assert {connection.slot for connection in connections} == {0, 1}
    async with asyncio.TaskGroup() as group:
        replies = [group.create_task(connection.get(PATH)) for connection in connections]
        await asyncio.wait_for(pair.proxy.held.wait(), 10)
        await asyncio.sleep(0.3)
        pair.proxy.before_head.set()
    bodies = {reply.result().body for reply in replies}
    assert (len(bodies), {reply.result().status for reply in replies}) == (1, {200})
    assert pair.proxy.counts["blobs"] == 1
    assert pair.node.count("transforms", result="ok") == 1
    assert {reply.tier for reply in await pair.everywhere(PATH)} <= {"memory", "disk", "peer"}
    for connection in connections:
        await connection.close()


async def test_when_the_owner_is_killed_in_the_middle_of_a_fill_all_others_still_get_their_picture(pair: Stack) -> None:
    await pair.upload("pic", picture(RED))
    pair.proxy.in_body.clear()
    starter = asyncio.get_running_loop().create_task(pair.get(PATH))
    await asyncio.wait_for(pair.proxy.held.wait(), 10)
    owner = next(slot for slot in (0, 1) if pair.node.count("origin_requests", slot=slot, kind="blob"))
    other = 1 - owner
    connections = [await pair.node.connection(other) for _ in range(50)]
    async with asyncio.TaskGroup() as group:
        replies = [group.create_task(connection.get(PATH)) for connection in connections]
        await asyncio.sleep(0.3)
        assert pair.proxy.counts["blobs"] == 1  # all of them wait for the owner
        os.kill(pair.node.page.slots[owner].pid, signal.SIGKILL)
        await asyncio.sleep(0.2)
        pair.proxy.in_body.set()
    assert {(reply.result().status, color_of(reply.result().body)) for reply in replies} == {(200, RED)}
    assert pair.proxy.counts["blobs"] == 2
    with contextlib.suppress(aiohttp.ClientError):  # unless the starter's connection was the owner's
        assert (await starter).status == 200
    for connection in connections:
        await connection.close()


async def test_a_hit_needs_no_origin_and_ends_with_the_lease() -> None:
    async with running_stack(workers=2, lease_seconds=3.0) as stack:
        await stack.upload("pic", picture(RED))
        first = await stack.everywhere(PATH)
        connections = [await stack.node.connection(slot) for slot in (0, 1)]
        await asyncio.to_thread(stack.origin.stop)
        hits = [await connection.get(PATH) for connection in connections]
        assert [(hit.status, hit.cache, hit.body) for hit in hits] == [(200, "hit", first[0].body)] * 2
        await asyncio.sleep(3.2)
        for connection in connections:
            refused = await connection.get(PATH)
            assert (refused.status, refused.body) == (503, b"")
            assert "no-store" in refused.headers["cache-control"]
            assert int(refused.headers["retry-after"]) > 0
            assert (await connection.get("/readyz")).status == 503
        await asyncio.to_thread(stack.origin.start)
        await until(lambda: stack.node.page.lease_deadline_ns > 0, 10)
        replies: list[Got] = []
        for _ in range(100):
            replies = await stack.everywhere(PATH)
            if all(reply.status == 200 for reply in replies):
                break
            await asyncio.sleep(0.1)
        assert {(reply.status, reply.body) for reply in replies} == {(200, first[0].body)}
        for connection in connections:
            await connection.close()


async def test_kill_nine_leaves_nothing_torn(pair: Stack) -> None:
    wanted: dict[str, bytes] = {}
    await pair.upload("pic", picture(RED, (400, 300)))
    for round_number in range(3):
        paths = [f"/demo/image/upload/c_scale,w_{100 + 10 * round_number + n}/v1/pic.png" for n in range(8)]
        async with asyncio.TaskGroup() as group:
            tasks = {path: group.create_task(_maybe(pair, path)) for path in paths}
            await asyncio.sleep(0.05 * (round_number + 1))
            for slot in pair.node.page.slots[:2]:
                if slot.pid:
                    os.kill(slot.pid, signal.SIGKILL)
        for path, task in tasks.items():
            reply = task.result()
            if reply is not None and reply.status == 200:
                assert wanted.setdefault(path, reply.body) == reply.body
        await until(lambda: len(pair.node.page.live_slots()) == 2, 30)
    for round_number in range(3):
        for n in range(8):
            path = f"/demo/image/upload/c_scale,w_{100 + 10 * round_number + n}/v1/pic.png"
            for reply in await pair.everywhere(path):
                assert reply.status == 200
                assert wanted.setdefault(path, reply.body) == reply.body
                assert len(reply.body) == int(reply.headers["content-length"])
    assert not list(pair.node.cache.glob("??/*.tmp"))
    assert pair.node.count("broken_seals") == 0


async def _maybe(stack: Stack, path: str) -> Got | None:
    try:
        return await stack.get(path)
    except (aiohttp.ClientError, OSError):
        return None


async def test_a_restarted_node_opens_its_own_disk_again_without_fetching(pair: Stack) -> None:
    await pair.upload("pic", picture(RED))
    (first, _) = await pair.everywhere(PATH)
    await until(lambda: len([file for file in pair.node.cache.glob("??/*") if file.is_file()]) == 1)
    await asyncio.sleep(0.5)  # rows of files reach the agent's disk a moment later
    await pair.node.stop(signal.SIGKILL)
    await pair.node.start()
    for reply in await pair.everywhere(PATH):
        assert (reply.status, reply.body) == (200, first.body)
    assert pair.proxy.counts["blobs"] == 1


async def test_a_node_of_another_region_refuses_the_directory(pair: Stack) -> None:
    await pair.node.stop()
    stranger = await pair.node.spawn(DOMICILE_EDGE_REGION="us-east")
    async with asyncio.timeout(30):
        await stranger.communicate()
    assert stranger.returncode == 2
    said = pair.node.log.read_text()
    assert "us-east" in said
    assert "'eu-de'" in said


async def test_a_delay_on_the_way_to_the_origin_appears_as_origin_and_nowhere_else(pair: Stack) -> None:
    await pair.upload("pic", picture(RED))
    await pair.get(PATH)  # the decoder is warm
    pair.proxy.delay_seconds = 0.5
    reply = await pair.get(PATH.replace("w_32", "w_31"))
    spans = {span.name: span.seconds for span in parse_server_timing(reply.headers["server-timing"])}
    assert spans["origin"] == pytest.approx(0.5, rel=0.2)
    others = [seconds for name, seconds in spans.items() if name not in {"origin", "edge"} and seconds is not None]
    assert sum(others) < 0.2
    edge = spans["edge"]
    assert edge is not None
    assert edge >= 0.5
    hit = await pair.get(PATH.replace("w_32", "w_31"))
    assert "origin" not in {span.name for span in parse_server_timing(hit.headers["server-timing"])}


async def test_an_idle_worker_is_small(pair: Stack) -> None:
    await pair.upload("pic", picture(RED))
    await pair.everywhere(PATH)
    for slot in (0, 1):
        process = psutil.Process(pair.node.page.slots[slot].pid)
        assert process.memory_info().rss <= 90 * 1024 * 1024


async def test_nothing_on_the_edges_disk_or_in_its_log_tells_a_name_or_shows_a_picture(pair: Stack) -> None:
    body = picture(RED, (300, 200))
    name = "canary-" + hashlib.sha256(b"name").hexdigest()[:16]
    await pair.upload(name, body)
    await pair.everywhere(f"/demo/image/upload/c_scale,w_50/v1/{name}.png")
    await pair.get(f"/demo/image/upload/c_scale,w_50/v1/{name}-missing.png")
    await asyncio.sleep(0.2)
    for file in [*pair.node.cache.rglob("*"), pair.node.log]:
        if file.is_file():
            held = file.read_bytes()
            assert name.encode() not in held, file
            assert b"\x89PNG" not in held, file
