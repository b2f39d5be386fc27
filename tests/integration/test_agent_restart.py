"""The agent is killed while viewers are served: nobody is told that a picture does not exist, and no file is lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import psutil
import pytest

from tests.integration.node_process import Connection, Stack, picture, running_stack, until

PICTURES = 12
VIEWERS = 4

pytestmark = pytest.mark.timeout(120)


def paths() -> list[str]:
    return [f"/demo/image/upload/c_scale,w_{20 + n}/v1/pic.png" for n in range(PICTURES)]


def files_of(stack: Stack) -> set[str]:
    return {file.name for file in stack.node.cache.glob("??/*") if file.suffix != ".tmp"}


def rows_of(stack: Stack) -> int:
    """Objects registered on the disk; a file without its row is cleared away by the next worker."""
    with contextlib.closing(sqlite3.connect(f"file:{stack.node.cache / 'node.db'}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM objects").fetchone()[0])


def agent_of(stack: Stack) -> psutil.Process:
    assert stack.node.process is not None
    children = psutil.Process(stack.node.process.pid).children()
    return next(child for child in children if "agent" in child.cmdline())


@asynccontextmanager
async def viewers(stack: Stack) -> AsyncIterator[Counter[int]]:
    """Ask for every picture again and again on connections of their own; what came back, by status."""
    seen: Counter[int] = Counter()
    leaving = asyncio.Event()

    async def view(connection: Connection) -> None:
        while not leaving.is_set():
            for path in paths():
                seen[(await connection.get(path)).status] += 1
                await asyncio.sleep(0.01)  # a load, and not all that the machine can do

    opened = [await stack.node.connection(number % stack.node.workers) for number in range(VIEWERS)]
    try:
        async with asyncio.TaskGroup() as group:
            for connection in opened:
                group.create_task(view(connection))
            try:
                yield seen
            finally:
                leaving.set()
    finally:
        for connection in opened:
            await connection.close()


async def filled(stack: Stack) -> set[str]:
    await stack.upload("pic", picture((200, 30, 60)))
    for path in paths():
        assert {reply.status for reply in await stack.everywhere(path)} == {200}
    await until(lambda: rows_of(stack) == len(files_of(stack)) == PICTURES)
    return files_of(stack)


async def restarted(stack: Stack) -> None:
    """Kill the agent and wait until every worker has heard of its successor."""
    page, before = stack.node.page, stack.node.page.agent
    agent_of(stack).send_signal(signal.SIGKILL)
    await until(
        lambda: page.agent != before and all(slot.applied == page.applied for slot in page.slots[: page.workers]), 20
    )


async def all_hits(stack: Stack) -> bool:
    replies = [reply for path in paths() for reply in await stack.everywhere(path)]
    return {(reply.status, reply.cache) for reply in replies} == {(200, "hit")}


async def test_a_killed_agent_costs_no_file_and_nobody_is_told_that_a_picture_does_not_exist() -> None:
    async with running_stack(workers=2) as stack:
        files = await filled(stack)
        async with viewers(stack) as seen:
            await restarted(stack)
            deadline = stack.node.page.lease_deadline_ns
            await until(lambda: stack.node.page.lease_deadline_ns > deadline, 20)  # the new agent has its own lease
            served = seen[200]
            await until(lambda: seen[200] > served + PICTURES * VIEWERS)
        assert set(seen) <= {200, 503}
        assert files_of(stack) == files
        assert await all_hits(stack)


async def test_with_the_origin_away_a_killed_agent_leaves_hits_under_the_lease_that_still_runs() -> None:
    async with running_stack(workers=2, lease_seconds=25.0) as stack:
        files = await filled(stack)
        assert stack.origin.process is not None
        os.kill(stack.origin.process.pid, signal.SIGSTOP)
        try:
            async with viewers(stack) as seen:
                await restarted(stack)
                served = seen[200]
                await until(lambda: seen[200] > served + PICTURES * VIEWERS)
            assert set(seen) <= {200, 503}
            assert await all_hits(stack)
            unknown = await stack.get("/nobody/image/upload/pic.png")
            assert unknown.status == 503  # this agent has heard of no tenant yet: it cannot tell
        finally:
            os.kill(stack.origin.process.pid, signal.SIGCONT)
        assert files_of(stack) == files
        deadline = stack.node.page.lease_deadline_ns
        await until(lambda: stack.node.page.lease_deadline_ns > deadline, 30)
        assert files_of(stack) == files
        assert await all_hits(stack)


async def test_a_tenant_whose_grant_is_awaited_is_503_for_a_worker_that_starts_meanwhile() -> None:
    async with running_stack(workers=2, lease_seconds=25.0) as stack:
        files = await filled(stack)
        assert stack.origin.process is not None
        os.kill(stack.origin.process.pid, signal.SIGSTOP)
        try:
            await restarted(stack)
            page = stack.node.page
            pid = page.slots[0].pid
            psutil.Process(pid).send_signal(signal.SIGKILL)
            await until(lambda: page.slots[0].pid not in {0, pid} and page.slots[0].listening, 20)
            connection = await stack.node.connection(0)
            assert {(await connection.get(path)).status for path in paths()} == {503}
            await connection.close()
        finally:
            os.kill(stack.origin.process.pid, signal.SIGCONT)
        assert files_of(stack) == files
        for path in paths():
            await _until_served(stack, path)
        assert files_of(stack) == files


async def _until_served(stack: Stack, path: str) -> None:
    for _ in range(300):
        try:
            if {reply.status for reply in await stack.everywhere(path)} == {200}:
                return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.1)
    raise AssertionError("not served again")
