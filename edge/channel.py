"""A worker's connection to its agent: events come in order, calls get one answer each, and it reconnects by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from domicile.media.errors import Overloaded, UpstreamUnavailable
from domicile.service.gate.wire_answers import KINDS
from edge.frames import READ_BUFFER_BYTES, Frames, Torn
from edge.messages import Answer, Call, Downward, Failed, Join, Reply, Request, Told, Upward

RECONNECT_SECONDS = 0.05
"""Pause between two tries to reach the agent."""

CALLS_MAX = 4096
"""Calls of one worker that may wait for an answer at the same time."""

EVENTS_MAX = 1024
"""Events read and not yet taken; then the agent waits."""

A = TypeVar("A")


class Channel:
    """Keeps one connection to the agent open as long as `run` runs."""

    def __init__(self, socket: Path, *, join: Callable[[], Join], take: Callable[[Told], Awaitable[None]]) -> None:
        """`join`: where to go on from, asked at each connection. `take`: called for each event, in order."""
        self._socket = socket
        self._join = join
        self._take = take
        self._frames: Frames[Downward, Upward] | None = None
        self._events: asyncio.Queue[Told] = asyncio.Queue(maxsize=EVENTS_MAX)
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._calls = 0

    async def run(self) -> None:
        """Connect, take events, reconnect; until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._apply())
            while True:
                try:
                    await self._converse()
                except (Torn, OSError):
                    await asyncio.sleep(RECONNECT_SECONDS)

    def hang_up(self) -> None:
        """Drop the connection; `run` joins again at once."""
        if self._frames is not None:
            self._frames.close()

    async def call(self, request: Request, kind: type[A], *, seconds_max: float) -> A:
        """Ask the agent. UpstreamUnavailable when it is away, does not answer in time, or answers something else."""
        frames = self._frames
        if frames is None:
            raise UpstreamUnavailable("The node's agent is away")
        if len(self._waiting) >= CALLS_MAX:
            raise Overloaded("Too many calls inside the node")
        self._calls += 1
        number = self._calls
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            async with asyncio.timeout(seconds_max):
                await frames.send(Call(id=number, request=request))
                answer = await future
        except TimeoutError as late:
            raise UpstreamUnavailable("The node's agent does not answer") from late
        finally:
            self._waiting.pop(number, None)
        if isinstance(answer, Failed):
            raise KINDS.get(answer.code, UpstreamUnavailable)(answer.message)
        if not isinstance(answer, kind):
            raise UpstreamUnavailable("The node's agent answered something else")
        return answer

    async def _converse(self) -> None:
        reader, writer = await asyncio.open_unix_connection(self._socket, limit=READ_BUFFER_BYTES)
        frames: Frames[Downward, Upward] = Frames(reader, writer, Downward)
        try:
            await frames.send(self._join())
            self._frames = frames
            await self._receive(frames)
        finally:
            self._frames = None
            frames.close()
            self._give_up()
            await self._events.join()  # what came is taken before we say where to go on from

    async def _receive(self, frames: Frames[Downward, Upward]) -> None:
        while True:
            value = await frames.receive()
            if not isinstance(value, Reply):
                await self._events.put(value)
            elif (future := self._waiting.get(value.id)) is not None and not future.done():
                future.set_result(value.answer)

    async def _apply(self) -> None:
        """Apart from reading and from any one connection: an event is taken wholly, and may itself call the agent."""
        while True:
            value = await self._events.get()
            try:
                await self._take(value)
            finally:
                self._events.task_done()

    def _give_up(self) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(UpstreamUnavailable("The node's agent went away"))
        self._waiting.clear()
