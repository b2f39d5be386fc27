"""The processes of a node, as their supervisor sees them: kept running, replaced on request, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal

import structlog

from edge.page import SharedPage

PAUSE_SECONDS_MIN = 0.1
PAUSE_SECONDS_MAX = 5.0
"""Between the end of a child and its next start; doubles while it ends soon."""
SOON_SECONDS = 5.0
SOON_ENDS_MAX = 12
"""Ends in a row, each within SOON_SECONDS of its start, after which the node gives up."""
BAD_SETTING = 2
"""Exit code of a child that will never start with these settings."""
NOT_STARTED = 127
"""As a shell says it: there is no such program just now, or no process to be had."""
LEAVING_POLL_SECONDS = 0.05
STOP_MARGIN_SECONDS = 5.0
"""Longer than the drain by this much, a worker is killed; the agent has this long."""

log = structlog.get_logger("edge.children")


class GivenUp(Exception):
    """A child cannot be kept running; the text names it. `code` is the node's exit code."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class Child:
    """One process of the node, started again whenever it ends.

    One that cannot run is given up, and the node with it. But the successor of a process that was replaced is not: the others
    of the node serve, and it runs as soon as what is wrong with it is put right.
    """

    def __init__(
        self, name: str, command: list[str], page: SharedPage, slot: int | None, inherited: tuple[int, ...] = ()
    ) -> None:
        """`slot`: the one to free when the process has ended. `inherited`: descriptors that stay open in it."""
        self.name = name
        self._command = command
        self._inherited = inherited
        self._page = page
        self._slot = slot
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._replaced = False
        self._is_successor = False
        self.ended = asyncio.Event()

    async def keep(self) -> None:
        """Until `stop`. Raises GivenUp."""
        loop = asyncio.get_running_loop()
        soon = 0
        try:
            while not self._stopping.is_set():
                started = loop.time()
                code = await self._run()
                if self._stopping.is_set():
                    return
                if self._replaced:
                    self._replaced, self._is_successor, soon = False, True, 0
                    continue
                soon = soon + 1 if loop.time() - started < SOON_SECONDS else 0
                log.error("child_ended", child=self.name, code=code, soon=soon)
                if self._is_successor:
                    soon = min(soon, SOON_ENDS_MAX)
                elif code == BAD_SETTING or soon > SOON_ENDS_MAX:
                    raise GivenUp(f"{self.name} ended with {code}", BAD_SETTING if code == BAD_SETTING else 1)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(PAUSE_SECONDS_MIN * 2**soon, PAUSE_SECONDS_MAX)):
                        await self._stopping.wait()
        finally:
            self.ended.set()

    async def _run(self) -> int:
        try:
            self._process = await asyncio.create_subprocess_exec(*self._command, pass_fds=self._inherited)
        except OSError as failed:
            log.warning("child_not_started", child=self.name, reason=errno.errorcode.get(failed.errno or 0, "unknown"))
            return NOT_STARTED
        try:
            if self._stopping.is_set():  # while it was being started
                self._process.terminate()
            return await self._process.wait()
        finally:
            if self._process.returncode is None:  # this task was cancelled
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
            if self._slot is not None:
                self._page.slots[self._slot].clear()

    async def replace(
        self, seconds_max: float, *, leave_seconds_max: float = 0.0, hurry: asyncio.Event | None = None
    ) -> None:
        """Let the process end as in `stop`; `keep` starts the next one at once. `leave_seconds_max`: before that it has so long to leave by
        itself (SIGUSR1), unless somebody is in a `hurry`.
        """
        process = self._process
        if process is None or process.returncode is not None:
            return  # its successor is on the way already
        self._replaced = True
        hurry = hurry or asyncio.Event()
        if leave_seconds_max and not hurry.is_set():
            await self._leave(process, leave_seconds_max, hurry)
        await self._end(process, seconds_max)

    async def _leave(self, process: asyncio.subprocess.Process, seconds_max: float, hurry: asyncio.Event) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGUSR1)
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds_max
        while process.returncode is None and loop.time() < until and not hurry.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEAVING_POLL_SECONDS):
                    await hurry.wait()

    async def stop(self, seconds_max: float) -> None:
        """SIGTERM, and SIGKILL when that was not enough."""
        self._stopping.set()
        if self._process is not None:
            await self._end(self._process, seconds_max)

    async def _end(self, process: asyncio.subprocess.Process, seconds_max: float) -> None:
        for sent, seconds in ((signal.SIGTERM, seconds_max), (signal.SIGKILL, STOP_MARGIN_SECONDS)):
            if process.returncode is not None:
                return
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(sent)
            try:
                async with asyncio.timeout(seconds):
                    await process.wait()
            except TimeoutError:
                log.warning("child_does_not_end", child=self.name)
