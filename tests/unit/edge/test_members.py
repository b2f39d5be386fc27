"""The agent waits for every worker that has joined, and not for one that stands still."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from edge import members as module
from edge.members import Members
from edge.page import SharedPage

SLEEP = ("sleep", "600")


@pytest.fixture
def page(tmp_path: Path) -> Iterator[SharedPage]:
    made = SharedPage.create(tmp_path / "page", workers=2)
    yield made
    made.close()


@pytest.fixture
def members(page: SharedPage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Members]:
    monkeypatch.setattr(module, "WORKER_STILL_SECONDS_MAX", 0.2)
    made = Members(page)
    yield made
    made.close()


@pytest.fixture
async def workers(page: SharedPage) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """Two processes in the two slots, with event 1 taken in."""
    made = [await asyncio.create_subprocess_exec(*SLEEP) for _ in range(2)]
    for slot, process in zip(page.slots, made, strict=False):
        slot.claim(process.pid, boot=process.pid)
        slot.applied = 1
    page.applied = 1
    yield made
    for process in made:
        if process.returncode is None:
            process.kill()
        await process.wait()


Workers = list[asyncio.subprocess.Process]


async def test_the_wait_ends_when_the_last_worker_has_taken_the_event(
    page: SharedPage, members: Members, workers: Workers
) -> None:
    waiting = asyncio.get_running_loop().create_task(members.drained(2))
    page.slots[0].applied = 2
    for _ in range(5):
        await asyncio.sleep(module.POLL_SECONDS)
        assert not waiting.done()
    page.slots[1].applied = 2
    await waiting
    assert (members.killed, [process.returncode for process in workers]) == (0, [None, None])


async def test_a_worker_that_stands_still_is_killed_and_then_no_longer_waited_for(
    page: SharedPage, members: Members, workers: Workers
) -> None:
    page.slots[0].applied = 2
    await members.drained(2)
    assert await workers[1].wait() == -signal.SIGKILL
    assert (members.killed, workers[0].returncode, members.alive()) == (1, None, 1)


async def test_a_worker_that_moves_is_not_killed_however_far_behind_it_is(
    page: SharedPage, members: Members, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "time", lambda: clock[0])
    page.slots[0].applied = page.slots[1].applied = 1

    async def tick(_: float) -> None:
        clock[0] += module.WORKER_STILL_SECONDS_MAX * 0.9
        for slot in page.slots[:2]:
            slot.applied += 1

    monkeypatch.setattr(asyncio, "sleep", tick)
    await members.drained(50)
    assert members.killed == 0


async def test_a_worker_that_ended_by_itself_is_not_waited_for(
    page: SharedPage, members: Members, workers: Workers
) -> None:
    page.slots[0].applied = 2
    workers[1].kill()
    await workers[1].wait()
    await members.drained(2)
    assert (members.killed, members.alive()) == (0, 1)


async def test_one_that_has_not_had_its_first_snapshot_is_not_waited_for(
    page: SharedPage, members: Members, workers: Workers
) -> None:
    page.slots[0].applied = 2
    page.slots[1].claim(workers[1].pid, boot=9)
    await members.drained(2)
    assert (members.killed, workers[1].returncode, members.alive()) == (0, None, 1)


async def test_only_the_process_of_a_slot_may_join_it(page: SharedPage, members: Members, workers: Workers) -> None:
    pid = workers[0].pid
    assert members.hold(0, pid, boot=pid)
    assert members.hold(0, pid, boot=pid)
    assert not members.hold(0, os.getpid(), boot=pid)
    assert not members.hold(0, pid, boot=1)
    assert not members.hold(1, pid, boot=pid)
    assert not members.hold(2, pid, boot=pid)
    assert not members.hold(-1, pid, boot=pid)


async def test_workers_of_an_earlier_agent_go_on_counting(page: SharedPage, members: Members, workers: Workers) -> None:
    members.adopt_running()
    page.slots[0].applied = 2
    await members.drained(2)
    assert await workers[1].wait() == -signal.SIGKILL
