"""A node is restarted, loses a worker, and is stopped, while viewers ask without a pause: not one of them is left without his answer."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest

from tests.integration.node_process import Stack, picture, running_stack, until

PICTURES = 4
KEEPING, CHANGING = 6, 2
"""Viewers who keep their connection as long as it lasts, and who take a new one for each request."""
READY_SECONDS_MAX = 60.0
ANSWERS_MIN = 100
LONG_BYTES = 32 * 1024 * 1024
"""More than lies in the buffers between an edge and a viewer who takes nothing."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def purges(burst: int) -> str:
    """Settings that the agent alone goes by."""
    return f"[edge.purge]\nper_second = 0.01\nburst = {burst}\n"


async def purged_by_nobody(stack: Stack) -> int:
    """The status of a purge that nobody signed: 401 by the origin, or 429 by the agent, which counts them."""
    url = f"http://127.0.0.1:{stack.node.port}/_edge/v1/purge"
    async with aiohttp.ClientSession() as http, http.post(url, data=b"{}") as response:
        return response.status


def paths() -> list[str]:
    return [f"/demo/image/upload/w_{20 + number}/pic{number}.png" for number in range(PICTURES)]


@dataclass
class Viewers:
    """What they got: statuses, and how each conversation failed that was not ended as HTTP has it."""

    port: int
    statuses: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    asked: int = 0
    is_over: bool = False

    async def keep(self) -> None:
        while not self.is_over:
            with self._counted():
                await self._talk(requests_max=10**9)

    async def change(self) -> None:
        while not self.is_over:
            with self._counted():
                await self._talk(requests_max=1)

    @contextlib.contextmanager
    def _counted(self):  # type: ignore[no-untyped-def]
        try:
            yield
        except ConnectionRefusedError:
            self.refused += 1
            self.is_over = True
        except (OSError, EOFError, ValueError) as failed:
            self.failures[type(failed).__name__] += 1

    async def _talk(self, requests_max: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for _ in range(requests_max):
                if self.is_over:
                    return
                self.asked += 1
                path = paths()[self.asked % PICTURES]
                writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"Content-Length: (\d+)", head)
                assert length is not None
                await reader.readexactly(int(length[1]))
                self.statuses[head.split(b" ")[1].decode()] += 1
                if b"Connection: close" in head:
                    return
                await asyncio.sleep(0.01)  # a load, and not all that the machine can do
        finally:
            writer.close()


@asynccontextmanager
async def watching(stack: Stack) -> AsyncIterator[Viewers]:
    viewers = Viewers(stack.node.port)
    async with asyncio.TaskGroup() as group:
        for _ in range(KEEPING):
            group.create_task(viewers.keep())
        for _ in range(CHANGING):
            group.create_task(viewers.change())
        yield viewers
        viewers.is_over = True


@asynccontextmanager
async def filled() -> AsyncIterator[Stack]:
    async with running_stack(workers=2, config=purges(40)) as stack:
        for number in range(PICTURES):
            await stack.upload(f"pic{number}", picture((40 * number, 10, 10)))
        for path in paths():
            assert {got.status for got in await stack.everywhere(path)} == {200}
        yield stack


async def said(stack: Stack) -> dict[str, object]:
    """What the supervisor says next."""
    assert stack.node.process is not None
    assert stack.node.process.stdout is not None
    async with asyncio.timeout(READY_SECONDS_MAX):
        line = json.loads(await stack.node.process.stdout.readline())
    assert isinstance(line, dict)
    return line


def boots(stack: Stack) -> list[tuple[int, int]]:
    return [(slot.pid, slot.boot) for slot in stack.node.page.slots[:2]]


async def test_a_long_response_outlives_the_erasure_of_another_asset() -> None:
    """Its worker takes nothing new, and nothing is claimed of memory before it has gone. Told to stop, it would cut it off at once."""
    async with running_stack(
        workers=2, DOMICILE_EDGE_NODE_RECYCLE_SECONDS="0.1", DOMICILE_EDGE_NODE_DRAIN_SECONDS_MAX="0"
    ) as stack:
        body, page = os.urandom(LONG_BYTES), stack.node.page
        await stack.upload("long", body, resource_type="raw")
        for name in ("gone", "other"):
            await stack.upload(name, picture((9, 9, 9)))
        before = boots(stack)
        url = f"http://127.0.0.1:{stack.node.port}/demo/raw/upload/long"
        async with aiohttp.ClientSession() as http, http.get(url) as response:
            taken = hashlib.sha256(await response.content.readany())

            def sending() -> list[int]:
                return [slot for slot in range(2) if stack.node.count("open_responses", slot=slot)]

            await until(sending, READY_SECONDS_MAX)
            (slot,) = sending()
            await asyncio.to_thread(stack.origin.sdk().uploader.destroy, "gone")
            await until(lambda: page.erased and not page.slots[slot].listening, READY_SECONDS_MAX)
            assert (await stack.get("/demo/image/upload/other.png")).status == 200
            assert page.forgotten < page.erased
            assert boots(stack)[slot] == before[slot]
            async for piece in response.content.iter_any():
                taken.update(piece)
        assert taken.digest() == hashlib.sha256(body).digest()
        await until(lambda: page.forgotten == page.erased, READY_SECONDS_MAX)
        assert all(then != now for then, now in zip(before, boots(stack), strict=True))


async def test_a_restart_a_death_and_a_stop_cost_no_request() -> None:
    async with filled() as stack:
        assert stack.node.process is not None
        assert stack.node.config is not None
        # A restart: both workers are others, the disk tier is what it was, and the fence holds.
        assert [await purged_by_nobody(stack) for _ in range(2)] == [401, 401]
        before, agent, made = boots(stack), stack.node.page.agent, stack.node.count("transforms", result="ok")
        async with watching(stack) as viewers:
            await until(lambda: viewers.statuses["200"] > ANSWERS_MIN, READY_SECONDS_MAX)
            stack.node.config.write_text(purges(1), "utf-8")
            stack.node.process.send_signal(signal.SIGHUP)
            assert await said(stack) == {"event": "edge_restarted", "workers": 2}
            after = viewers.statuses["200"]
            await until(lambda: viewers.statuses["200"] > after + ANSWERS_MIN, READY_SECONDS_MAX)
        assert (viewers.failures, viewers.refused, set(viewers.statuses)) == (Counter(), 0, {"200"})
        assert all(then != now for then, now in zip(before, boots(stack), strict=True))
        assert [await purged_by_nobody(stack) for _ in range(2)] == [401, 429], "the agent goes by the settings of now"
        assert stack.node.page.agent == agent, "and is the same, with its lease and its keys"
        for path in paths():
            assert {got.cache for got in await stack.everywhere(path)} == {"hit"}
        assert stack.node.count("transforms", result="ok") == made
        await asyncio.to_thread(stack.origin.sdk().uploader.destroy, "pic3")
        assert {got.status for got in await stack.everywhere(paths()[3])} == {404}
        await stack.upload("pic3", picture((1, 2, 3)))

        # A worker that dies: what waits in its socket is answered by the other one.
        async with watching(stack) as viewers:
            await until(lambda: viewers.statuses["200"] > ANSWERS_MIN, READY_SECONDS_MAX)
            os.kill(stack.node.page.slots[0].pid, signal.SIGSTOP)  # connections of its slot wait
            await asyncio.sleep(0.3)
            held = boots(stack)[0]
            os.kill(held[0], signal.SIGKILL)
            await until(lambda: boots(stack)[0][1] not in {0, held[1]}, READY_SECONDS_MAX)
            after = viewers.statuses["200"]
            await until(lambda: viewers.statuses["200"] > after + ANSWERS_MIN, READY_SECONDS_MAX)
        assert sum(viewers.failures.values()) <= KEEPING + CHANGING  # what the dead one was answering, and no more
        assert (viewers.refused, set(viewers.statuses) <= {"200"}) == (0, True)

        # A stop: everybody who was let in has his answer.
        async with watching(stack) as viewers:
            await until(lambda: viewers.statuses["200"] > ANSWERS_MIN, READY_SECONDS_MAX)
            stack.node.process.send_signal(signal.SIGTERM)
            await until(lambda: viewers.is_over, READY_SECONDS_MAX)
        assert viewers.failures == Counter()
        assert viewers.refused > 0
        assert set(viewers.statuses) == {"200"}
        assert await stack.node.process.wait() == 0
