"""A way between two processes that the test owns, and can hold up in either direction or cut.

What is held is not lost: it arrives when the way is free again, as packets do that are sent again after a partition, also
when whoever sent them has given up meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

PIECE_BYTES = 64 * 1024
Way = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def _free() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass(slots=True)
class Relay:
    """`up` is from who connects to who is connected to."""

    connect: Callable[[], Awaitable[Way]]
    up: asyncio.Event = field(default_factory=_free)
    down: asyncio.Event = field(default_factory=_free)
    refuses: bool = False
    port: int = 0
    """Of TCP."""
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    def hold(self, *, up: bool, down: bool) -> None:
        for way, is_held in ((self.up, up), (self.down, down)):
            way.clear() if is_held else way.set()

    def cut(self) -> None:
        """Every connection is reset, and none is taken until `free`."""
        self.refuses = True
        for writer in self._open:
            writer.transport.abort()

    def free(self) -> None:
        self.refuses = False
        self.hold(up=False, down=False)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self._open.add(writer)
        onward: asyncio.StreamWriter | None = None
        try:
            if self.refuses:
                return
            answers, onward = await self.connect()
            self._open.add(onward)
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, onward, self.up))
                both.create_task(_pump(answers, writer, self.down))
        except* (OSError, RuntimeError):
            pass
        finally:
            self._serving.discard(task)
            for one in (writer, onward):
                if one is not None:
                    self._open.discard(one)
                    one.close()

    async def close(self) -> None:
        self.cut()
        self.hold(up=False, down=False)  # who waits for that notices that nobody is there
        if self._serving:
            await asyncio.wait(self._serving)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_free: asyncio.Event) -> None:
    """Until the sender ends, and what he sent has arrived."""
    try:
        while piece := await reader.read(PIECE_BYTES):
            await is_free.wait()
            writer.write(piece)
            await writer.drain()
        await is_free.wait()
    finally:
        writer.close()


@asynccontextmanager
async def relayed(listen: Path, target: Path) -> AsyncIterator[Relay]:
    """Between UNIX sockets."""
    relay = Relay(connect=lambda: asyncio.open_unix_connection(str(target)))
    server = await asyncio.start_unix_server(relay.serve, str(listen))
    try:
        yield relay
    finally:
        await _end(server, relay)


@asynccontextmanager
async def relayed_port(target: Callable[[], int]) -> AsyncIterator[Relay]:
    """From a port of its own to one that may change."""
    relay = Relay(connect=lambda: asyncio.open_connection("127.0.0.1", target()))
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        await _end(server, relay)


async def _end(server: asyncio.Server, relay: Relay) -> None:
    server.close()
    await relay.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await server.wait_closed()
