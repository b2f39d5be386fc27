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

T = TypeVar("T")

START = 1000.0
SETTLE_SECONDS = 0.005
"""What a step of a story may take of the virtual time."""
PUMP_SECONDS = 0.01
QUIET_TURNS = 3
"""Turns of the loop in which nothing is to be done: what has been written to a socket is read in the next."""
WAIT_SECONDS_MAX = 30.0
"""Of real time, for a thread of the database."""


class Loop(asyncio.SelectorEventLoop):
    """One for all nodes of a world. What is given to a thread is done at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.busy = 0
        """Calls of the database that are under way."""

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
        while not task.done():
            await self.settle(PUMP_SECONDS)
        return task.result()

    async def _quiet(self) -> None:
        turns = 0
        while turns < QUIET_TURNS:
            await asyncio.sleep(0)
            await self._threads()
            turns = 0 if self._ready else turns + 1  # type: ignore[attr-defined]

    def _goes_on(self, until: float) -> bool:
        """To the next timer, if there is one."""
        timers = [timer.when() for timer in self._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
        if not timers or (due := min(timers)) > until:
            return False
        self.now = max(self.now, due)
        return True

    async def _threads(self) -> None:
        waited = time.monotonic()
        while self.busy:
            time.sleep(0.00005)
            await asyncio.sleep(0)
            assert time.monotonic() - waited < WAIT_SECONDS_MAX, "the database does not answer"


@contextmanager
def counted(loop: Loop) -> Iterator[None]:
    """The driver has threads of its own."""

    def counting(call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def called(*args: Any, **named: Any) -> Any:
            loop.busy += 1
            try:
                return await call(*args, **named)
            finally:
                loop.busy -= 1

        return called

    with pytest.MonkeyPatch.context() as patch:
        for name in ("_execute", "_connect"):
            patch.setattr(aiosqlite.Connection, name, counting(getattr(aiosqlite.Connection, name)))
        yield


def run(story: Callable[[Loop], Awaitable[T]]) -> T:
    with asyncio.Runner(loop_factory=Loop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, Loop)
        with counted(loop):

            async def told() -> T:
                return await story(loop)

            return runner.run(told())
