"""Stands between a node and its origin: counts, delays, holds back or cuts what passes."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web

from domicile.media.wire import PREFIX


@dataclass
class WireProxy:
    """Holds apply to blobs: `before_head` until its headers go out, `in_body` after the first half of them."""

    origin: Path
    counts: Counter[str] = field(default_factory=Counter)
    """Requests by kind."""
    taken: Counter[str] = field(default_factory=Counter)
    """Those that the origin answered with 200."""
    delay_seconds: float = 0.0
    """Of blobs."""
    delays: dict[str, float] = field(default_factory=dict)
    """Kind of question -> seconds."""
    cut: bool = False
    before_head: asyncio.Event = field(default_factory=asyncio.Event)
    in_body: asyncio.Event = field(default_factory=asyncio.Event)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = None
    _http: aiohttp.ClientSession | None = None

    async def start(self, socket: Path) -> None:
        self.before_head.set()
        self.in_body.set()
        self._http = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(path=str(self.origin)), auto_decompress=False
        )
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{tail:.*}", self._pass_on)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(socket)).start()

    async def stop(self) -> None:
        assert self._http is not None
        assert self._runner is not None
        await self._runner.cleanup()
        await self._http.close()

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        kind = request.path.removeprefix(PREFIX + "/").split("/")[0]
        self.counts[kind] += 1
        if self.cut:
            assert request.transport is not None
            request.transport.abort()
            return web.Response(status=503)
        if kind == "blobs":
            await asyncio.sleep(self.delay_seconds)
        await asyncio.sleep(self.delays.get(kind, 0.0))
        try:
            return await self._forward(request, kind)
        except (aiohttp.ClientError, OSError):  # the origin is away: so is its proxy
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)

    async def _forward(self, request: web.Request, kind: str) -> web.StreamResponse:
        assert self._http is not None
        headers = {
            name: value for name, value in request.headers.items() if name.lower() not in {"host", "content-length"}
        }
        async with self._http.request(
            request.method,
            f"http://origin{request.raw_path}",
            headers=headers,
            data=await request.read() or None,
            timeout=aiohttp.ClientTimeout(total=60),
        ) as answer:
            body = await answer.read()
            self.taken[kind] += answer.status == 200
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in {"date", "server"}}
            if kind == "blobs":
                return await self._slowly(request, answer.status, kept, body)
            return web.Response(status=answer.status, headers=kept, body=body)

    async def _slowly(
        self, request: web.Request, status: int, headers: dict[str, str], body: bytes
    ) -> web.StreamResponse:
        await self._wait(self.before_head)
        response = web.StreamResponse(status=status, headers=headers)
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        await self._wait(self.in_body)
        await response.write(body[len(body) // 2 :])
        await response.write_eof()
        return response

    async def _wait(self, gate: asyncio.Event) -> None:
        if not gate.is_set():
            self.held.set()
            await gate.wait()
