"""Background tasks are watched: restarted, given up, cancelled at the end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from domicile.service import tasks
from domicile.service.tasks import RESTARTS_MAX, TASKS_MAX, Background, TaskFailed


class Lines:
    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def error(self, event: str, **fields: Any) -> None:
        self.events.append((event, fields))


async def no_sleep(_seconds: float) -> None:
    await asyncio.sleep(0)


async def test_a_crashed_loop_runs_again_and_the_crash_is_logged() -> None:
    log, again = Lines(), asyncio.Event()
    turns = 0

    async def loop() -> None:
        nonlocal turns
        turns += 1
        if turns == 1:
            raise RuntimeError("once")
        again.set()
        await asyncio.Event().wait()

    async with Background(log, sleep=no_sleep) as background:
        background.keep("follower", loop)
        await asyncio.wait_for(again.wait(), 2)
    assert turns == 2
    [(event, fields)] = log.events
    assert event == "background_task_ended"
    assert fields["task"] == "follower"


async def test_a_loop_that_keeps_crashing_fails_the_process_and_its_siblings() -> None:
    stopped, sibling_gone = asyncio.Event(), asyncio.Event()

    async def loop() -> None:
        raise RuntimeError("always")

    async def sibling() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            sibling_gone.set()

    background = Background(Lines(), on_failure=stopped.set, sleep=no_sleep)
    await background.__aenter__()
    background.keep("sibling", sibling)
    background.keep("follower", loop)
    await asyncio.wait_for(stopped.wait(), 2)
    assert sibling_gone.is_set()
    with pytest.raises(TaskFailed, match=f"ended {RESTARTS_MAX + 1} times"):
        await background.__aexit__(None, None, None)


async def test_crashes_far_apart_are_forgiven() -> None:
    now, turns, enough = 0.0, 0, asyncio.Event()

    async def loop() -> None:
        nonlocal now, turns
        now, turns = now + tasks.RESTART_WINDOW_SECONDS, turns + 1
        if turns > 3 * RESTARTS_MAX:
            enough.set()
            await asyncio.Event().wait()
        raise RuntimeError("now and then")

    async with Background(Lines(), monotonic=lambda: now, sleep=no_sleep) as background:
        background.keep("follower", loop)
        await asyncio.wait_for(enough.wait(), 2)


async def test_the_end_cancels_what_runs_and_waits_for_it() -> None:
    cleaned, started = asyncio.Event(), asyncio.Event()

    async def loop() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.set()

    async with Background(Lines()) as background:
        background.keep("follower", loop)
        await asyncio.wait_for(started.wait(), 2)
    assert cleaned.is_set()


async def test_a_crashed_one_off_is_logged_and_nothing_else_stops() -> None:
    log = Lines()
    done = asyncio.Event()

    async def broken() -> None:
        raise ValueError("no")

    async def good() -> None:
        done.set()

    async with Background(log) as background:
        assert background.once("broken", broken)
        assert background.once("good", good)
        await asyncio.wait_for(done.wait(), 2)
    assert [event for event, _ in log.events] == ["background_task_crashed"]


async def test_more_than_the_named_number_of_tasks_is_refused() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    async with Background(Lines()) as background:
        assert all(background.once("waiter", wait) for _ in range(TASKS_MAX))
        assert not background.once("waiter", wait)
        with pytest.raises(RuntimeError, match="background tasks"):
            background.keep("waiter", wait)


async def test_nothing_starts_before_or_after_its_time() -> None:
    async def work() -> None: ...

    background = Background(Lines())
    with pytest.raises(RuntimeError, match="not open"):
        background.once("early", work)
    async with background:
        pass
    with pytest.raises(RuntimeError, match="not open"):
        background.once("late", work)
