"""Background tasks that somebody watches.

asyncio keeps only a weak reference to a task, and forgets its exception: so `asyncio.create_task` is banned in this
project, and what must run beside the requests runs here, inside one TaskGroup owned by one host task.

    async with Background(log) as background:              # in an aiohttp cleanup_ctx
        background.keep("journal_follower", follow)        # a loop: restarted after a crash, with growing pauses
        background.once("warm_up", warm)                   # one-off: a crash is logged

A loop that crashes more than RESTARTS_MAX times within RESTART_WINDOW_SECONDS is a failure of the process: `on_failure`
is called (it should stop the server: fail closed), every sibling is cancelled, and `__aexit__` raises it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Protocol, Self

TASKS_MAX = 256
"""Tasks one Background holds at a time; `once` refuses more (returns False)."""
RESTARTS_MAX = 5
RESTART_WINDOW_SECONDS = 60.0
RESTART_PAUSE_SECONDS_MIN = 0.1
RESTART_PAUSE_SECONDS_MAX = 5.0


class Log(Protocol):
    """The part of a structlog logger that is used here."""

    def error(self, event: str, **fields: Any) -> Any: ...


class TaskFailed(RuntimeError):
    """A background loop crashed too often; the cause is chained."""


class Background:
    """A supervised set of background tasks. One event loop; not thread-safe."""

    def __init__(
        self,
        log: Log,
        *,
        on_failure: Callable[[], None] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._log = log
        self._on_failure = on_failure
        self._monotonic = monotonic
        self._sleep = sleep
        self._group: asyncio.TaskGroup | None = None
        self._host: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._failed: BaseException | None = None

    async def __aenter__(self) -> Self:
        ready = asyncio.Event()
        # The one place that creates a bare task: it is held by self and awaited in __aexit__. A host of its own keeps
        # the group independent of the task that happens to open and close us (fixtures and cleanup_ctx differ there).
        self._host = asyncio.get_running_loop().create_task(self._serve(ready), name="background")
        await ready.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._host is None:
            return
        self._host.cancel()
        await asyncio.wait([self._host])
        self._host = self._group = None
        if self._failed is not None and error is None:
            raise self._failed

    @property
    def failed(self) -> BaseException | None:
        """Why a loop was given up, or None."""
        return self._failed

    def keep(self, name: str, loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `loop()` until the end of this Background; when it crashes or returns, run it again.

        `name` is a constant snake_case noun (it is logged).
        """
        if len(self._running) >= TASKS_MAX:
            raise RuntimeError(f"more than {TASKS_MAX} background tasks")
        self._start(name, self._restarting(name, loop))

    def once(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Run `work()` once, beside the caller. False, and nothing starts, when TASKS_MAX are running."""
        if len(self._running) >= TASKS_MAX:
            return False
        self._start(name, self._single(name, work))
        return True

    def _start(self, name: str, coroutine: Coroutine[Any, Any, None]) -> None:
        if self._group is None:
            coroutine.close()
            raise RuntimeError("this Background is not open")
        task = self._group.create_task(coroutine, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _serve(self, ready: asyncio.Event) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                ready.set()
                await asyncio.Event().wait()  # until cancelled: the group then cancels every child and waits for it
        except* TaskFailed as failures:
            self._failed = failures.exceptions[0]
            self._group = None
            if self._on_failure is not None:
                self._on_failure()

    async def _single(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 — supervisor: the crash of a one-off is logged, siblings go on
            self._log.error("background_task_crashed", task=name, exc_info=error)

    async def _restarting(self, name: str, loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
        crashes: deque[float] = deque(maxlen=RESTARTS_MAX + 1)
        pause = RESTART_PAUSE_SECONDS_MIN
        while True:
            try:
                await loop()
                cause: Exception | None = None
            except Exception as error:  # noqa: BLE001 — supervisor: restarted below, given up after RESTARTS_MAX
                cause = error
            now = self._monotonic()
            if crashes and now - crashes[-1] > RESTART_WINDOW_SECONDS:
                pause = RESTART_PAUSE_SECONDS_MIN
            crashes.append(now)
            self._log.error("background_task_ended", task=name, crashes=len(crashes), exc_info=cause)
            if len(crashes) > RESTARTS_MAX and now - crashes[0] <= RESTART_WINDOW_SECONDS:
                raise TaskFailed(f"background task {name} ended {len(crashes)} times") from cause
            await self._sleep(pause)
            pause = min(pause * 2, RESTART_PAUSE_SECONDS_MAX)
