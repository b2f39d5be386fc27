"""`python -m edge`: one agent and N workers, kept running; ready when all of them are; drained in order at the end.

    start     one region a directory, one node a run directory, free sockets, a fresh page -> agent, workers
    while     a child that ends is reaped, its slot is freed, and it is started again after a pause
    SIGHUP    settings are read anew: agent and supervisor go on by them, workers are replaced one after the other (edge.restart)
    erasure   some time after one workers are replaced as well, with the settings that there are; they take their time to leave
    SIGTERM   no new connections -> SIGTERM to the workers (they drain) -> SIGTERM to the agent (it gives the lease back) -> exit

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
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from domicile.media.errors import MediaError
from domicile.service.profile import installed_engines, refuse_unsafe_engines
from domicile.service.settings import BadSetting, blamed
from edge import logs, messages, restart
from edge.children import STOP_MARGIN_SECONDS, Child, GivenUp
from edge.frames import READ_BUFFER_BYTES, Frames
from edge.messages import Downward, NodeStatus, Reply, Upward
from edge.page import SharedPage
from edge.settings import EdgeSettings
from edge.sockets import Sockets
from edge.store.guard import bind_directory

LOOK_SECONDS = 0.05
STATUS_SECONDS_MAX = 1.0
RENEWAL_SECONDS_MAX = 10.0
"""For the agent to take new settings over."""

log = structlog.get_logger("edge.supervisor")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the operator asked for, by signal."""

    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    restarting: asyncio.Event = field(default_factory=asyncio.Event)

    def listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self.restarting.set)


@dataclass(slots=True, kw_only=True)
class _Node:
    """What the supervisor holds."""

    settings: EdgeSettings
    load: Callable[[], EdgeSettings]
    passed_on: list[str]
    page: SharedPage
    sockets: Sockets
    agent: Child
    workers: list[Child]

    async def restart(self, restarting: asyncio.Event) -> None:
        """Each time it is asked for, or due after an erasure; once more for what was asked meanwhile."""
        while True:
            await restart.due(self.page, restarting, self.settings.node.recycle_seconds)
            is_asked = restarting.is_set()
            looking = _ours(*restart.look_words(is_asked=is_asked), *self.passed_on)
            restarting.clear()
            try:
                await restart.look(looking, self.settings)
                await self.renew()
                leave = restart.leave_seconds_max(self.settings, is_asked=is_asked)
                await restart.replace_all(self.workers, self.page, self.settings, leave=leave, hurry=restarting)
            except restart.Refused as refused:
                say({"event": "edge_not_restarted", "reason": str(refused)})
            else:
                say({"event": "edge_restarted", "workers": len(self.workers)})

    async def renew(self) -> None:
        """Agent and supervisor go on by the settings of now. Raises Refused."""
        answer = await _asked(self.settings.agent_socket, messages.Renew(), RENEWAL_SECONDS_MAX)
        if answer is None:
            raise restart.Refused("the agent does not answer")
        if isinstance(answer, messages.Failed):
            raise restart.Refused(answer.message)
        try:
            settings = self.load()
        except BadSetting as bad:  # written a moment ago, or meant for code that is newer than this process
            raise restart.Refused(str(bad)) from bad
        restart.check(self.settings, settings)
        self.settings = settings
        logs.configure(logs.NODE, settings)

    async def stop(self) -> None:
        """Connections that are here, or just arriving, have their answers."""
        self.sockets.refuse_new()
        async with asyncio.TaskGroup() as group:
            for worker in self.workers:
                group.create_task(worker.stop(self.settings.node.drain_seconds_max + STOP_MARGIN_SECONDS))
            self.sockets.close()  # the workers have theirs as long as they accept
        await self.agent.stop(STOP_MARGIN_SECONDS)


async def supervise(settings: EdgeSettings, passed_on: list[str], *, load: Callable[[], EdgeSettings]) -> int:
    """Run the node until SIGTERM or SIGINT; exit code. `passed_on`: arguments every child gets. `load`: the settings as they
    are when it is called. Raises BadSetting.
    """
    refuse_foreign_packages()
    refuse_unsafe_engines(installed_engines())
    bind_directory(settings.cache_path, settings.region)
    asked = _Asked()
    asked.listen()
    with _run_directory(settings.run_path), Sockets.opened(settings) as sockets:
        page = SharedPage.create(settings.page_path, workers=settings.worker_count)
        try:
            return await _keep(_node(settings, load, passed_on, page, sockets), asked)
        finally:
            page.close()


def _node(
    settings: EdgeSettings, load: Callable[[], EdgeSettings], passed_on: list[str], page: SharedPage, sockets: Sockets
) -> _Node:
    common = [*passed_on, "--port", str(sockets.port), "--parent", str(os.getpid())]
    inherited, described = sockets.descriptors, sockets.described()
    return _Node(
        settings=settings,
        load=load,
        passed_on=passed_on,
        page=page,
        sockets=sockets,
        agent=Child("agent", _ours("agent", *common, "--boot", secrets.token_hex(16)), page, None),
        workers=[
            Child(
                f"worker-{slot}",
                _ours("worker", *common, "--slot", str(slot), "--sockets", described),
                page,
                slot,
                inherited,
            )
            for slot in range(page.workers)
        ],
    )


async def _keep(node: _Node, asked: _Asked) -> int:
    given_up: list[GivenUp] = []
    try:
        async with asyncio.TaskGroup() as group:
            for child in (node.agent, *node.workers):
                group.create_task(child.keep())
            besides = [
                group.create_task(_tell_ready(node.settings, node.page, node.sockets.port)),
                group.create_task(node.restart(asked.restarting)),
            ]
            await asked.stopping.wait()
            for task in besides:
                task.cancel()
            await node.stop()
    except* GivenUp as failed:
        given_up.extend(error for error in failed.exceptions if isinstance(error, GivenUp))
    for failure in given_up:
        say({"event": "edge_failed", "reason": str(failure)})
    return max((failure.code for failure in given_up), default=0)


def _ours(*arguments: str) -> list[str]:
    """-P keeps a directory called `edge` in the working directory from being taken for ours."""
    return [sys.executable, "-P", "-m", "edge", *arguments]


async def _tell_ready(settings: EdgeSettings, page: SharedPage, port: int) -> None:
    """One line when the node is ready; before that, after a time, one that says why it is not."""
    loop = asyncio.get_running_loop()
    until = loop.time() + settings.node.ready_seconds_max
    told = False
    while True:
        listening = len(page.live_slots())
        if listening == page.workers and page.lease_deadline_ns > page.now_ns():
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
    answer = await _asked(agent_socket, messages.Status(), STATUS_SECONDS_MAX)
    return answer.status if isinstance(answer, messages.Stand) else None


async def _asked(agent_socket: Path, request: messages.Request, seconds_max: float) -> messages.Answer | None:
    """None when the agent does not answer."""
    try:
        async with asyncio.timeout(seconds_max):
            reader, writer = await asyncio.open_unix_connection(agent_socket, limit=READ_BUFFER_BYTES)
            frames: Frames[Downward, Upward] = Frames(reader, writer, Downward)
            try:
                await frames.send(messages.Call(id=1, request=request))
                answer = await frames.receive()
            finally:
                frames.close()
    except (OSError, MediaError, TimeoutError):
        return None
    return answer.answer if isinstance(answer, Reply) else None


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
