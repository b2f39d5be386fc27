"""`python -m edge`: one agent and N workers, kept running; ready when all of them are; drained in order at the end.

    start   one region a directory, one node a run directory, a free port, a fresh page -> agent, workers
    while   a child that ends is reaped, its slot is freed, and it is started again after a pause
    end     SIGTERM to the workers (they drain) -> SIGTERM to the agent (it gives the lease back) -> exit

The supervisor serves nothing and knows no key. If it is killed, the kernel ends its children (PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import importlib.util
import json
import os
import secrets
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import structlog

from domicile.media.errors import MediaError
from domicile.service.profile import installed_engines, refuse_unsafe_engines
from domicile.service.settings import BadSetting, blamed
from edge import messages
from edge.frames import READ_BUFFER_BYTES, Frames
from edge.messages import Downward, NodeStatus, Reply, Upward
from edge.page import SharedPage, boottime_ns
from edge.settings import EdgeSettings
from edge.store.guard import bind_directory

PAUSE_SECONDS_MIN = 0.1
PAUSE_SECONDS_MAX = 5.0
"""Between the end of a child and its next start; doubles while it ends soon."""
SOON_SECONDS = 5.0
SOON_ENDS_MAX = 12
"""Ends in a row, each within SOON_SECONDS of its start, after which the node gives up."""
BAD_SETTING = 2
"""Exit code of a child that will never start with these settings."""
STOP_MARGIN_SECONDS = 5.0
"""Longer than the drain by this much, a worker is killed; the agent has this long."""
LOOK_SECONDS = 0.05

log = structlog.get_logger("edge.supervisor")


class GivenUp(Exception):
    """A child cannot be kept running; the text names it. `code` is the node's exit code."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class Child:
    """One process of the node, started again whenever it ends."""

    def __init__(self, name: str, command: list[str], page: SharedPage, slot: int | None) -> None:
        """`slot`: the one to free when the process has ended."""
        self.name = name
        self._command = command
        self._page = page
        self._slot = slot
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
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
                soon = soon + 1 if loop.time() - started < SOON_SECONDS else 0
                log.error("child_ended", child=self.name, code=code, soon=soon)
                if code == BAD_SETTING or soon > SOON_ENDS_MAX:
                    raise GivenUp(f"{self.name} ended with {code}", BAD_SETTING if code == BAD_SETTING else 1)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(PAUSE_SECONDS_MIN * 2**soon, PAUSE_SECONDS_MAX)):
                        await self._stopping.wait()
        finally:
            self.ended.set()

    async def _run(self) -> int:
        self._process = await asyncio.create_subprocess_exec(*self._command)
        try:
            return await self._process.wait()
        finally:
            if self._process.returncode is None:  # this task was cancelled
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
            if self._slot is not None:
                self._page.slots[self._slot].clear()

    async def stop(self, seconds_max: float) -> None:
        """SIGTERM, and SIGKILL when that was not enough."""
        self._stopping.set()
        for sent, seconds in ((signal.SIGTERM, seconds_max), (signal.SIGKILL, STOP_MARGIN_SECONDS)):
            if self._process is None or self._process.returncode is not None:
                return
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(sent)
            try:
                async with asyncio.timeout(seconds):
                    await self.ended.wait()
            except TimeoutError:
                log.warning("child_does_not_end", child=self.name)


async def supervise(settings: EdgeSettings, passed_on: list[str]) -> int:
    """Run the node until SIGTERM or SIGINT; exit code. `passed_on`: arguments every child gets. Raises BadSetting."""
    refuse_foreign_packages()
    refuse_unsafe_engines(installed_engines())
    bind_directory(settings.cache_path, settings.region)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    with _run_directory(settings.run_path), _reserved_port(settings) as port:
        page = SharedPage.create(settings.page_path, workers=settings.worker_count)
        try:
            return await _keep(settings, passed_on, page, port, stopping)
        finally:
            page.close()


async def _keep(
    settings: EdgeSettings, passed_on: list[str], page: SharedPage, port: int, stopping: asyncio.Event
) -> int:
    common = [*passed_on, "--port", str(port), "--parent", str(os.getpid())]
    agent = Child("agent", _ours("agent", *common, "--boot", secrets.token_hex(16)), page, None)
    workers = [
        Child(f"worker-{slot}", _ours("worker", *common, "--slot", str(slot)), page, slot)
        for slot in range(page.workers)
    ]
    given_up: list[GivenUp] = []
    try:
        async with asyncio.TaskGroup() as group:
            for child in (agent, *workers):
                group.create_task(child.keep())
            telling = group.create_task(_tell_ready(settings, page, port))
            await stopping.wait()
            telling.cancel()
            await _stop_all(agent, workers, settings.node.drain_seconds_max)
    except* GivenUp as failed:
        given_up.extend(error for error in failed.exceptions if isinstance(error, GivenUp))
    for failure in given_up:
        say({"event": "edge_failed", "reason": str(failure)})
    return max((failure.code for failure in given_up), default=0)


def _ours(*arguments: str) -> list[str]:
    """-P keeps a directory called `edge` in the working directory from being taken for ours."""
    return [sys.executable, "-P", "-m", "edge", *arguments]


async def _stop_all(agent: Child, workers: list[Child], drain_seconds: float) -> None:
    async with asyncio.TaskGroup() as group:
        for worker in workers:
            group.create_task(worker.stop(drain_seconds + STOP_MARGIN_SECONDS))
    await agent.stop(STOP_MARGIN_SECONDS)


async def _tell_ready(settings: EdgeSettings, page: SharedPage, port: int) -> None:
    """One line when the node is ready; before that, after a time, one that says why it is not."""
    loop = asyncio.get_running_loop()
    until = loop.time() + settings.node.ready_seconds_max
    told = False
    while True:
        listening = len(page.live_slots())
        if listening == page.workers and page.lease_deadline_ns > boottime_ns():
            status = await ask_status(settings.agent_socket)
            if status is not None and (status.tenants or not status.refused):
                say(_line("edge_ready", settings, port, listening, status))
                return
        if not told and loop.time() > until:
            say(_line("edge_not_ready", settings, port, listening, await ask_status(settings.agent_socket)))
            told = True
        await asyncio.sleep(LOOK_SECONDS)


def _line(event: str, settings: EdgeSettings, port: int, listening: int, status: NodeStatus | None) -> dict[str, Any]:
    line: dict[str, Any] = {
        "event": event,
        "region": settings.region,
        "host": settings.host,
        "port": port,
        "workers_listening": listening,
        "workers": settings.worker_count,
    }
    if status is None:
        return {**line, "reason": "the agent does not answer"}
    line |= {"tenants": list(status.tenants), "refused": status.refused}
    if event == "edge_ready":
        return line
    if status.problem:
        return {**line, "reason": f"no lease: {status.problem}"}
    return {**line, "reason": "every cloud is refused here" if status.refused else "workers are not listening"}


async def ask_status(agent_socket: Path) -> NodeStatus | None:
    """How the node stands; None when the agent does not answer."""
    try:
        async with asyncio.timeout(1.0):
            reader, writer = await asyncio.open_unix_connection(agent_socket, limit=READ_BUFFER_BYTES)
            frames: Frames[Downward, Upward] = Frames(reader, writer, Downward)
            try:
                await frames.send(messages.Call(id=1, request=messages.Status()))
                answer = await frames.receive()
            finally:
                frames.close()
    except (OSError, MediaError, TimeoutError):
        return None
    if isinstance(answer, Reply) and isinstance(answer.answer, messages.Stand):
        return answer.answer.status
    return None


def say(line: dict[str, Any]) -> None:
    """One JSON object a line on standard output."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def refuse_foreign_packages() -> None:
    """`edge` and `origin` are common names: refuse to start when one of them is not ours. Raises BadSetting."""
    ours = _home_of("domicile")
    for name in ("edge", "origin"):
        home = _home_of(name)
        if home is not None and home != ours:
            raise BadSetting(f"PYTHONPATH: {home} holds a package {name!r} that is not Domicile's; allowed: {ours}")


def _home_of(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))).resolve().parent


@contextlib.contextmanager
def _run_directory(path: Path) -> Iterator[None]:
    """The directory of sockets, this node's alone. Raises BadSetting."""
    with blamed("edge.run_dir", path, "a directory that can be made and written to"):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.stat().st_uid != os.getuid():
            raise BadSetting(f"edge.run_dir: {str(path)!r} is another user's; allowed: a directory of our own")
        path.chmod(0o700)
        descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            raise BadSetting(
                f"edge.run_dir: {str(path)!r} is in use by a running edge; allowed: one edge each"
            ) from held
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _reserved_port(settings: EdgeSettings) -> Iterator[int]:
    """Hold the viewers' port without listening, so that workers can come and go and nobody else takes it."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as alone, socket.socket(family) as shared:
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            if settings.port:  # without SO_REUSEPORT first: a second node on one port would get half of the viewers
                alone.bind((settings.host, settings.port))
                alone.close()
            shared.bind((settings.host, settings.port))
        except OSError as taken:
            raise BadSetting(
                f"edge.listen: {settings.listen!r} cannot be listened on ({taken.strerror}); allowed: a free address"
            ) from taken
        yield int(shared.getsockname()[1])
