"""Stands between an origin and its PostgreSQL, and loses connections at the worst moment: while one commits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy.engine import make_url

PIECE_BYTES = 64 * 1024
COMMIT = b"COMMIT;"
"""Not READ COMMITTED, with which a transaction begins."""


class Fate(StrEnum):
    """Of the next commit."""

    HEARD = "heard"
    """It goes on as it should."""
    UNANSWERED = "unanswered"
    """The server commits, and nobody hears of it."""
    LOST = "lost"
    """The server never hears of it."""


@dataclass(slots=True)
class Proxy:
    target: tuple[str, int]
    fate: Fate = Fate.HEARD
    is_open: bool = True
    """May anybody connect?"""
    fates_met: int = 0
    port: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, near: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        if not self.is_open:
            answer.close()
            return
        far, onward = await asyncio.open_connection(*self.target)
        self._open |= {answer, onward}
        try:
            async with asyncio.TaskGroup() as both:
                back = both.create_task(self._back(far, answer))
                await self._forth(near, onward)
                onward.write_eof() if onward.can_write_eof() and not onward.is_closing() else None
                await back
        except* (ConnectionError, RuntimeError):
            pass
        finally:
            self._open -= {answer, onward}
            answer.close()
            onward.close()

    def cut(self) -> None:
        """Everybody, at once."""
        for writer in self._open:
            writer.transport.abort()

    async def _back(self, far: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        while piece := await far.read(PIECE_BYTES):
            if not answer.is_closing():
                answer.write(piece)
        answer.close()

    async def _forth(self, near: asyncio.StreamReader, onward: asyncio.StreamWriter) -> None:
        while piece := await near.read(PIECE_BYTES):
            if COMMIT in piece and self.fate is not Fate.HEARD:
                fate, self.fate = self.fate, Fate.HEARD
                self.fates_met += 1
                await self._meet(fate, piece, onward)
                return
            onward.write(piece)

    async def _meet(self, fate: Fate, piece: bytes, onward: asyncio.StreamWriter) -> None:
        """Everybody on this side is cut off; the server hears of it, or of the commit before."""
        for writer in self._open - {onward}:
            writer.transport.abort()
        if fate is Fate.UNANSWERED:
            onward.write(piece)
            await onward.drain()
        else:
            onward.transport.abort()


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """The proxy, and the URL that leads through it."""
    at = make_url(url)
    assert at.host is not None
    assert at.port is not None
    proxy = Proxy(target=(at.host, at.port))
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy, at.set(port=proxy.port).render_as_string(hide_password=False)
    finally:
        server.close()
