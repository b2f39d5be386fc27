"""An event loop whose time is the test's: nothing waits in earnest, and nothing runs beside it that is not waited for.

run(story)                    a coroutine function that is given the loop
await loop.settle()           until nobody has anything to do, and those who wait for a moment have had it
await loop.pass_time(15.0)    and every timer in between, each at its time
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, TypeVar

import aiosqlite
import pytest
from aiosqlite.core import _STOP_RUNNING_SENTINEL

import edge.agent
import edge.link

T = TypeVar("T")

START = 1000.0
SETTLE_SECONDS = 0.005
"""What a step of a story may take of the virtual time."""
WAIT_SECONDS_MAX = 60.0
"""Of virtual time, for the next timer."""
QUIET_TURNS = 3
"""Turns of the loop in which nothing is to be done: what has been written to a socket is read in the next."""
REAL_SECONDS = 0.0005
WATCH_SECONDS = 1.0
"""Between two looks of a node at the end of its lease; nothing that is served depends on them."""


class Loop(asyncio.SelectorEventLoop):
    """One for all nodes of a world. What is given to a thread is done at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START

    def time(self) -> float:
        return self.now

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as failed:
            done.set_exception(failed)
        return done

    async def settle(self, seconds: float = SETTLE_SECONDS) -> None:
        """Timers that are due in so many seconds go off, and time stands where the last of them was."""
        until = self.now + seconds
        while True:
            await self._quiet()
            if not self._goes_on(until):
                return

    async def pass_time(self, seconds: float) -> None:
        until = self.now + seconds
        await self.settle(seconds)
        self.now = max(self.now, until)
        await self.settle()

    async def through(self, work: Coroutine[Any, Any, T]) -> T:
        """To its end, whatever it has to wait for."""
        task = self.create_task(work)
        await self._quiet()
        while not task.done():
            if not self._goes_on(self.now + WAIT_SECONDS_MAX):
                time.sleep(REAL_SECONDS)  # for a thread that the loop was not asked for
            await self._quiet()
        return task.result()

    async def _quiet(self) -> None:
        turns = 0
        while turns < QUIET_TURNS:
            await asyncio.sleep(0)
            turns = 0 if self._ready else turns + 1  # type: ignore[attr-defined]

    def _goes_on(self, until: float) -> bool:
        """To the next timer, if there is one."""
        timers = [timer.when() for timer in self._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
        if not timers or (due := min(timers)) > until:
            return False
        self.now = max(self.now, due)
        return True


@contextmanager
def without_threads() -> Iterator[None]:
    """The database's driver gives each connection a thread; here each call is made at once."""

    async def execute(connection: aiosqlite.Connection, call: Callable[..., T], *args: Any, **named: Any) -> T:
        return call(*args, **named)

    async def connect(connection: aiosqlite.Connection) -> aiosqlite.Connection:
        connection._connection = connection._connection or connection._connector()
        return connection

    def stop(connection: aiosqlite.Connection) -> asyncio.Future[None]:
        connection._running = False
        if connection._connection is not None:
            connection._connection.close()
            connection._connection = None
        connection._tx.put_nowait((None, lambda: _STOP_RUNNING_SENTINEL))
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aiosqlite.Connection, "stop", stop)
        patch.setattr(aiosqlite.Connection, "_execute", execute)
        patch.setattr(aiosqlite.Connection, "_connect", connect)
        for module in (edge.agent, edge.link):
            patch.setattr(module, "WATCH_SECONDS", WATCH_SECONDS)
        yield


def run(story: Callable[[Loop], Awaitable[T]]) -> T:
    with asyncio.Runner(loop_factory=Loop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, Loop)
        with without_threads():

            async def told() -> T:
                return await story(loop)

            return runner.run(told())
