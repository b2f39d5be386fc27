"""The passthrough of a node with several worker processes: one fetch for all, one truth for all, and a worker may die."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.conformance.passthrough_process import PassthroughProcess
from tests.infra.assets import AssetOrigin, Cached, Seen, response
from tests.infra.ports import free_port

WORKERS = 3
URLS = 12
FRESH = response(b"one", cache_control="max-age=60")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PassthroughProcess]:
    """One node for all tests here: it takes seconds to start."""
    with PassthroughProcess(tmp_path_factory.mktemp("node"), free_port(), workers=WORKERS) as one:
        yield one


@pytest.fixture
async def cache(process: PassthroughProcess) -> AsyncIterator[Cached]:
    origin = AssetOrigin(script=lambda *_: asyncio.sleep(0), port=process.origin_port)
    origin.says(FRESH)
    server = await asyncio.start_server(origin.serve, "127.0.0.1", origin.port, limit=2**22)
    await all_listen(process)
    yield Cached(origin=origin, port=process.port, words=memoryview(bytearray(8)).cast("q"))
    server.close()


def urls() -> list[str]:
    """Which no other test asks for."""
    name = secrets.token_hex(4)
    return [f"/{name}/{number}" for number in range(URLS)]


async def all_listen(process: PassthroughProcess) -> None:
    async with asyncio.timeout(30):
        while len(process.listening()) < WORKERS:
            await asyncio.sleep(0.1)


async def test_workers_of_a_node_store_one_copy_and_fetch_it_once(cache: Cached) -> None:

    async def slow(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        writer.write(response(seen.target.encode(), cache_control="max-age=60"))

    cache.origin.script = slow
    targets = urls() * 10
    answers = await asyncio.gather(*(cache.get(target) for target in targets))
    assert [got.body.decode() for got in answers] == targets
    assert Counter(one.target for one in cache.origin.seen) == dict.fromkeys(targets, 1)


async def test_a_change_through_one_worker_is_known_to_all(cache: Cached) -> None:
    targets = urls()
    for target in targets:
        await cache.get(target)
    for target, other in zip(targets[:4], targets[4:8], strict=True):
        cache.origin.says(response(b"", Location=other))
        await cache.get(target, method="POST", body=b"x")
    cache.origin.says(response(b"two", cache_control="max-age=60"))
    for _ in range(3):
        assert [(await cache.get(target)).body for target in targets] == [b"two"] * 8 + [b"one"] * 4


async def test_a_viewer_cannot_tell_workers_to_forget(cache: Cached) -> None:
    targets = urls()
    for target in targets:
        await cache.get(target)
    cache.origin.says(response(b"", status="405 No"))
    assert {(await cache.get(target, method="PURGE")).status for target in targets} == {405}
    assert all([(await cache.get(target)).cache.startswith("hit") for target in targets])


async def test_a_worker_that_dies_takes_only_what_it_held(cache: Cached, process: PassthroughProcess) -> None:
    targets = urls()
    for target in targets:
        await cache.get(target)
    os.kill(process.listening()[0].pid, signal.SIGKILL)
    await asyncio.sleep(0.1)
    for target in targets * 3:
        assert (await cache.get(target)).body == b"one"
    assert len(cache.origin.seen) < URLS * 4
    await all_listen(process)
    for target in targets * 2:
        assert (await cache.get(target)).body == b"one"
    before = len(cache.origin.seen)
    for target in targets:
        assert (await cache.get(target)).cache.startswith("hit")
    assert len(cache.origin.seen) == before
