"""A stand-in for a CDN with an API like Fastly's, on loopback: it keeps copies by their tags, purges them, and misbehaves when told."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from domicile.media.cdn_calls import CdnAccount
from origin.cdn_accounts import Account

TOKEN = "s3cr3t-t0k3n"
PICTURE = b"picture"
RETRY_SECONDS = 5
"""What a viewer is told who asks too often."""


@dataclass
class CacheApi:
    port: int = 0
    copies: dict[str, set[str]] = field(default_factory=dict)
    """Name of a copy -> its tags."""
    moods: list[str] = field(default_factory=list)
    """What the next calls meet: busy, broken, reset, slow, nameless, dropped, moved, in pieces; then it behaves."""
    calls: list[list[str]] = field(default_factory=list)
    """Tags of each call that came."""
    tokens: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Target and way (whole, range, conditional) of each question of a viewer, or of who asks like one."""
    gives: set[str] = field(default_factory=lambda: {"whole", "range", "conditional"})
    """Ways in which it answers from its copies; in others it says 404 of all."""
    picture: bytes = PICTURE
    """Of every copy."""
    status: int = 0
    """What it answers viewers instead; 0: as it should."""
    quota: int | None = None
    """Questions of viewers that it answers until it says 429; None: all of them."""
    place: str = ""
    """What the path of a copy begins with; others are not here."""
    accepts: str = ""
    """By the Accept of which the copies are kept; other viewers have none yet."""
    slow: asyncio.Event = field(default_factory=asyncio.Event)
    """Set to let slow answers go."""

    def account(self, name: str = "shop", **changes: object) -> Account:
        cdn = CdnAccount(kind="fastly", base=f"http://127.0.0.1:{self.port}", zone="SU1Z", credentials={"token": TOKEN})
        usual = {"name": name, "cdn": cdn, "answer_seconds_max": 60.0, "hosts": (cdn.base,)}
        return Account(**{**usual, **changes})  # type: ignore[arg-type]

    def view(self, request: web.BaseRequest) -> web.Response:
        """As a viewer sees it: copies by the last part of the path."""
        fields = request.headers
        way = "range" if "Range" in fields else "conditional" if "If-None-Match" in fields else "whole"
        self.asked.append((request.raw_path, way))
        name = request.raw_path.rpartition("/")[2].partition(".")[0]
        if self.quota is not None:
            if not self.quota:
                return web.Response(status=429, headers={"Retry-After": str(RETRY_SECONDS)})
            self.quota -= 1
        if self.status:
            return web.Response(status=self.status, headers={"Location": "/elsewhere"})
        is_other = not request.raw_path.startswith(self.place) or self.accepts not in {"", fields["Accept"]}
        if name not in self.copies or way not in self.gives or is_other:
            return web.Response(status=404)
        etag = {"ETag": f'"{hashlib.md5(self.picture).hexdigest()}"'}
        if way == "conditional":
            return web.Response(status=304, headers=etag)
        return web.Response(status=206 if way == "range" else 200, body=self.picture, headers=etag)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "GET":
            return self.view(request)
        tags = json.loads(await request.read())["surrogate_keys"]
        self.calls.append(tags)
        self.tokens.add(request.headers["Fastly-Key"])
        mood = self.moods.pop(0) if self.moods else ""
        match mood:
            case "busy":
                return web.Response(status=429, headers={"Retry-After": "70"})
            case "broken":
                return web.Response(status=500, text="<html>" + TOKEN)
            case "reset":
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            case "slow":
                await self.slow.wait()
            case "nameless":
                return web.json_response({})
            case "moved":
                return web.Response(status=307, headers={"Location": f"http://127.0.0.1:{self.port}/elsewhere"})
            case _:
                pass
        if mood != "dropped":
            self.copies = {name: bears for name, bears in self.copies.items() if not bears & set(tags)}
        body = json.dumps({tag: f"{len(self.calls)}-1634836801" for tag in tags}).encode()
        if mood != "in pieces":
            return web.Response(body=body, content_type="application/json")
        answer = web.StreamResponse()
        await answer.prepare(request)
        for start in range(0, len(body), 20):
            await answer.write(body[start : start + 20])
            await asyncio.sleep(0.002)
        return answer


@asynccontextmanager
async def running_cache_api() -> AsyncIterator[CacheApi]:
    there = CacheApi()
    server = web.Server(there.answer)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    there.port = listening.sockets[0].getsockname()[1]
    try:
        yield there
    finally:
        there.slow.set()
        listening.close()
        await server.shutdown(1)
