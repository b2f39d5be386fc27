"""Where connections come in to a worker: accepting, standing in for workers that do not, and ending without losing one.

serving    accepts from its slot's sockets; from those of a slot where nobody listens, too (looked for every STAND_IN_SECONDS)
draining   accepts for HANDSHAKE_SECONDS more, and says with each answer that the connection ends (Listener.drain)
ended      what the viewers still had to take is taken, or thrown away
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from domicile.service.tls import Acceptor
from edge.listener import BACKLOG, END_SECONDS_MAX, Listener
from edge.sockets import Slots

STAND_IN_SECONDS = 0.05
HANDSHAKE_SECONDS = 0.2
"""Connections that begin while a worker ends are complete by then: the way there and back, and a little more."""


class Entrance:
    """One listener, and the sockets it listens on."""

    def __init__(self, listener: Listener, tls: ssl.SSLContext | None = None) -> None:
        self.listener = listener
        self._tls = tls
        self._servers: dict[tuple[int, int], asyncio.AbstractServer | Acceptor] = {}
        """By number of the address and slot."""
        self._addresses: tuple[Slots, ...] = ()
        self._slot = 0
        self._path: Path | None = None
        self._inner: asyncio.AbstractServer | None = None

    async def open(self, addresses: Sequence[Slots], slot: int) -> None:
        """To viewers, on the sockets of this slot."""
        self._addresses, self._slot = tuple(addresses), slot
        await self.attend(frozenset({slot}))

    async def open_inside(self, path: Path) -> None:
        """To the other workers."""
        await asyncio.to_thread(path.unlink, missing_ok=True)
        loop = asyncio.get_running_loop()
        self._inner = await loop.create_unix_server(self.listener, str(path), backlog=BACKLOG)
        await asyncio.to_thread(path.chmod, 0o600)
        self._path = path

    async def attend(self, slots: Collection[int]) -> None:
        """Accept from these slots' sockets, and not from others'."""
        if self.listener.is_draining:
            return
        loop = asyncio.get_running_loop()
        for at in [at for at in self._servers if at[1] not in slots]:
            self._servers.pop(at).close()
        for number, sockets in enumerate(self._addresses):
            for slot in slots:
                if (number, slot) not in self._servers:
                    own = sockets[slot].dup()  # closed with the server, while the socket stays
                    # Not before it listens: so long, it keeps a second node from the port. After it, a node can start
                    # again although connections of the last one are still remembered.
                    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    self._servers[number, slot] = (
                        await loop.create_server(self.listener, sock=own, backlog=BACKLOG)
                        if self._tls is None
                        else Acceptor(own, self.listener, self._tls, self.listener.handshakes())
                    )

    async def stand_in(self, listening: Callable[[], Collection[int]], slots: int) -> None:
        """Accept for whoever of so many slots does not listen; until cancelled."""
        everyone = range(slots)
        while True:
            present = listening()
            await self.attend(frozenset({self._slot, *(slot for slot in everyone if slot not in present)}))
            await asyncio.sleep(STAND_IN_SECONDS)

    async def drain(self, *, idle_seconds: float, seconds_max: float) -> None:
        """Let everybody who is here, or just arriving, have an answer; no later than `seconds_max` it is over."""
        self.listener.is_draining = True
        handshakes = min(HANDSHAKE_SECONDS, seconds_max) if self._servers else 0.0
        await asyncio.sleep(handshakes)
        self.close()
        idle = idle_seconds - handshakes if handshakes else min(idle_seconds, HANDSHAKE_SECONDS)  # workers ask again
        await self.listener.drain(idle_seconds=max(0.0, idle), seconds_max=max(0.0, seconds_max - handshakes))

    def close(self) -> None:
        """Accept nothing more."""
        for server in self._servers.values():
            server.close()
        self._servers.clear()
        if self._inner is not None and self._path is not None:
            self._inner.close()
            self._path.unlink(missing_ok=True)
            self._inner = None

    async def end(self) -> None:
        """Whatever is not over is cut off."""
        self.close()
        await self.listener.shutdown(END_SECONDS_MAX)


@asynccontextmanager
async def entrance(listener: Listener, tls: ssl.SSLContext | None = None) -> AsyncIterator[Entrance]:
    """Ended with the block."""
    opened = Entrance(listener, tls)
    try:
        yield opened
    finally:
        await opened.end()


@asynccontextmanager
async def standing_in(
    entrances: Sequence[Entrance], listening: Callable[[], Collection[int]], slots: int
) -> AsyncIterator[None]:
    """While the block runs, connections of workers that do not listen are accepted here."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one.stand_in(listening, slots)) for one in entrances]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def drain_all(entrances: Sequence[Entrance], *, idle_seconds: float, seconds_max: float) -> None:
    """All at once: none of them has what the others leave of the time."""
    async with asyncio.TaskGroup() as group:
        for one in entrances:
            group.create_task(one.drain(idle_seconds=idle_seconds, seconds_max=seconds_max))
