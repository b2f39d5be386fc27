"""Where workers ask the agent: one connection each on `agent.sock`, events down, calls up.

Only processes of the same user get in (SO_PEERCRED and a 0600 socket in a 0700 directory), and a worker only for the
slot that is its own.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

import structlog

from domicile.media.errors import MediaError
from domicile.media.wire import PurgeRelay, Relayed, Rendition
from edge import messages
from edge.frames import READ_BUFFER_BYTES, Frames, Torn
from edge.members import Members
from edge.messages import Answer, Call, Downward, Failed, Join, NodeStatus, Reply, Request, Upward
from edge.node import Node, Wake
from edge.register import Register

CONNECTIONS_MAX = 256
CALLS_MAX = 1024
"""Calls of one connection that are worked on at a time; then it waits."""

log = structlog.get_logger("edge.desk")

_CREDENTIALS = struct.Struct("3i")


@dataclass(slots=True)
class _Talk:
    """One worker's connection."""

    group: asyncio.TaskGroup
    frames: Frames[Upward, Downward]
    pid: int
    busy: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CALLS_MAX))
    joined: bool = False


class Desk:
    """Answers every worker of the node."""

    def __init__(
        self,
        node: Node,
        members: Members,
        register: Register,
        *,
        relay: Callable[[PurgeRelay], Awaitable[Relayed]],
        report: Callable[[tuple[Rendition, ...]], None],
        discover: Callable[[], Awaitable[bool]],
        scrape: Callable[[], bytes],
        status: Callable[[], NodeStatus],
        renew: Callable[[], Awaitable[None]],
    ) -> None:
        self._node = node
        self._members = members
        self._register = register
        self._relay = relay
        self._report = report
        self._discover = discover
        self._scrape = scrape
        self._status = status
        self._renew = renew
        self._open = 0

    async def serve(self, path: Path) -> None:
        """Listen on `path` until cancelled."""
        listening = _listen(path)
        server = await asyncio.start_unix_server(self._accept, sock=listening, limit=READ_BUFFER_BYTES)
        async with server:
            await server.serve_forever()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames: Frames[Upward, Downward] = Frames(reader, writer, Upward)
        pid, uid = _peer(writer)
        if uid != os.getuid() or self._open >= CONNECTIONS_MAX:
            frames.close()
            return
        self._open += 1
        try:
            async with asyncio.TaskGroup() as group:
                await self._converse(group, frames, pid)
        except* Torn:
            pass
        except* Exception as bug:  # supervisor of one connection: its end, not the agent's
            log.exception("desk_failed", exc_info=bug)
        finally:
            self._open -= 1
            frames.close()

    async def _converse(self, group: asyncio.TaskGroup, frames: Frames[Upward, Downward], pid: int) -> None:
        talk = _Talk(group, frames, pid)
        while True:  # no name for what came: it may have a key, and the next message may be long in coming
            await self._hear(talk, await frames.receive())

    async def _hear(self, talk: _Talk, value: Upward) -> None:
        match value:
            case Join():
                if talk.joined or not self._members.hold(value.slot, talk.pid, value.boot):
                    raise Torn("that slot is another's")
                talk.joined = True
                talk.group.create_task(self._tell(talk.frames, value))
            case Call(id=number, request=request):
                quick = self._at_once(request)
                if quick is not None:
                    await talk.frames.send(Reply(id=number, answer=quick))
                    return
                await talk.busy.acquire()
                task = talk.group.create_task(self._answer(talk.frames, number, request))
                task.add_done_callback(lambda _: talk.busy.release())

    async def _tell(self, frames: Frames[Upward, Downward], join: Join) -> None:
        """Send what the worker lacks, then each event as it comes."""
        agent, number = join.agent, join.number
        wake = Wake()
        deaf = self._node.listen(wake)
        try:
            while True:
                missing = self._node.events_after(agent, number)
                if missing is None:
                    agent, number = await self._send_snapshot(frames)
                    continue
                for event in missing:
                    frames.send_soon(event)
                    number = event.number
                if missing:
                    await frames.flush()
                else:
                    await wake.wait()
        finally:
            deaf()

    async def _send_snapshot(self, frames: Frames[Upward, Downward]) -> tuple[int, int]:
        """A tenant a frame: all fences together may be larger than one. Returns how far the worker is then."""
        snapshot, parts = self._node.snapshot()
        await frames.send(snapshot)
        for part in parts:
            await frames.send(part)
        return snapshot.agent, snapshot.number

    def _at_once(self, request: Request) -> Answer | None:
        """Answers that need no waiting; None for the others."""
        match request:
            case messages.KeyringGet(file_name=file_name, is_use=is_use):
                return messages.Key(record=self._register.key_of(file_name, is_use=is_use))
            case messages.Store(record=record):
                return messages.Yes(ok=self._register.store(record))
            case messages.Forget(file_names=file_names):
                self._register.forget(file_names[: messages.FORGET_MAX])
                return messages.Yes(ok=True)
            case messages.Report(renditions=renditions):
                self._report(renditions)
                return messages.Yes(ok=True)
            case messages.Scrape():
                return messages.Text(body=self._scrape())
            case messages.Status():
                return messages.Stand(status=self._status())
            case messages.ListObjects() | messages.RelayPurge() | messages.Discover() | messages.Renew():
                return None
            case _:
                assert_never(request)

    async def _answer(self, frames: Frames[Upward, Downward], number: int, request: Request) -> None:
        try:
            answer = await self._later(request)
        except MediaError as error:
            answer = Failed(code=_snake(type(error).__name__), message=error.message)
        await frames.send(Reply(id=number, answer=answer))

    async def _later(self, request: Request) -> Answer:
        match request:
            case messages.ListObjects(slot=slot, after=after):
                return await self._register.page(slot, after)
            case messages.RelayPurge(relay=relay):
                return messages.Answered(relayed=await self._relay(relay))
            case messages.Discover():
                return messages.Yes(ok=await self._discover())
            case messages.Renew():
                await self._renew()
                return messages.Yes(ok=True)
            case _:
                raise AssertionError("answered at once")


def _listen(path: Path) -> socket.socket:
    """A listening socket that nobody else may open at any moment."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listening.bind(os.fspath(path))
    finally:
        os.umask(before)
    listening.listen(CONNECTIONS_MAX)
    return listening


def _peer(writer: asyncio.StreamWriter) -> tuple[int, int]:
    """(process id, user id) of the other side of a UNIX socket."""
    connected: socket.socket = writer.get_extra_info("socket")
    raw = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(raw)
    return pid, uid


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
