"""A receiver of notifications, on loopback: what it was sent, and what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

WAIT_SECONDS_MAX = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Receiver:
    port: int = 0
    status: int = 200
    location: str = ""
    got: list[Received] = field(default_factory=list)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    """Set at first."""
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def address(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.got.append(Received(path=request.path, headers=request.headers, body=await request.read()))
        self.came.set()
        await self.may_answer.wait()
        headers = {"Location": self.location} if self.location else {}
        return web.Response(status=self.status, headers=headers, body=b"ignored")

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while len(self.got) < count:
                self.came.clear()
                await self.came.wait()


@asynccontextmanager
async def running_receiver() -> AsyncIterator[Receiver]:
    told = Receiver()
    told.may_answer.set()
    server = web.Server(told.answer)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    told.port = listening.sockets[0].getsockname()[1]
    try:
        yield told
    finally:
        told.may_answer.set()
        listening.close()
        await server.shutdown(1)
