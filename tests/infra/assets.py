"""An origin of assets that does exactly what a test tells it, byte for byte, and a passthrough in front of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.connection_settings import ConnectionSettings
from edge.counters import Counters, totals
from edge.page import COUNTERS_MAX
from edge.passthrough.serve import passthrough
from edge.passthrough.settings import PassthroughSettings
from edge.settings import EdgeSettings
from edge.sockets import Sockets
from tests.infra.ports import free_port


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as the origin got it."""

    method: str
    target: str
    fields: dict[str, str]
    body: bytes


Script = Callable[[Seen, asyncio.StreamWriter], Awaitable[None]]
"""Writes an answer. Closing the writer closes the connection."""


def response(body: bytes = b"hello", status: str = "200 OK", **fields: str) -> bytes:
    """`cache_control="max-age=60"` -> a whole response with that field."""
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode("latin-1") + body


@dataclass
class AssetOrigin:
    """`script` answers every request; `seen` is what came."""

    script: Script
    seen: list[Seen] = field(default_factory=list)
    port: int = 0
    connections: int = 0

    def says(self, *answers: bytes) -> None:
        """Answer with these in turn, and with the last one from then on."""
        left = list(answers)

        async def script(_: Seen, writer: asyncio.StreamWriter) -> None:
            writer.write(left.pop(0) if len(left) > 1 else left[0])

        self.script = script

    @property
    def methods(self) -> list[str]:
        return [one.method for one in self.seen]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *lines = head.split("\r\n")[:-2]
                method, target, _ = first.split(" ")
                fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                if fields.get("transfer-encoding") == "chunked":
                    body = await reader.readuntil(b"0\r\n\r\n")
                seen = Seen(method, target, fields, body)
                self.seen.append(seen)
                await self.script(seen, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@dataclass(frozen=True, slots=True)
class Got:
    status: int
    fields: list[tuple[str, str]]
    body: bytes

    def __getitem__(self, name: str) -> str:
        return ", ".join(value for key, value in self.fields if key.lower() == name)

    @property
    def cache(self) -> str:
        return self["cache-status"].partition("; ")[2]


class Viewer:
    """One connection of a viewer, in the raw."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, target: str = "/a", method: str = "GET", body: bytes = b"", **fields: str) -> None:
        lines = [f"{method} {target} HTTP/1.1", "Host: here"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    async def head(self) -> Got:
        raw = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = raw.split("\r\n")[:-2]
        fields = [(name, value) for name, value in (line.split(": ", 1) for line in lines)]
        return Got(int(first.split(" ")[1]), fields, b"")

    async def answer(self, method: str = "GET") -> Got:
        """The next final response. IncompleteReadError when it is cut off."""
        got = await self.head()
        while got.status < 200:
            got = await self.head()
        if method == "HEAD" or got.status in {204, 304}:
            return got
        if got["transfer-encoding"] == "chunked":
            pieces: list[bytes] = []
            while size := int((await self.reader.readuntil(b"\r\n"))[:-2], 16):
                pieces.append(await self.reader.readexactly(size))
                await self.reader.readexactly(2)
            await self.reader.readexactly(2)
            body = b"".join(pieces)
        else:
            body = await self.reader.readexactly(int(got["content-length"]))
        return Got(got.status, got.fields, body)

    def close(self) -> None:
        self.writer.transport.abort()


@dataclass
class Cached:
    """A passthrough on a free port, in this process, on real sockets."""

    origin: AssetOrigin
    port: int
    words: memoryview

    async def viewer(self) -> Viewer:
        return Viewer(*await asyncio.open_connection("127.0.0.1", self.port, limit=2**22))

    async def get(self, target: str = "/a", method: str = "GET", body: bytes = b"", **fields: str) -> Got:
        viewer = await self.viewer()
        try:
            viewer.send(target, method, body, **fields)
            return await asyncio.wait_for(viewer.answer(method), 10)
        finally:
            viewer.close()

    def gauge(self, name: str) -> float:
        return next(point.value for point in totals([self.words]) if point.name == name)

    def count(self, result: str) -> float:
        return next(
            point.value
            for point in totals([self.words])
            if point.name == "passthrough_requests" and point.labels["result"] == result
        )


@asynccontextmanager
async def cached(
    directory: Path,
    *,
    counters: Counters | None = None,
    connections: ConnectionSettings | None = None,
    **settings: Any,
) -> AsyncIterator[Cached]:
    """`settings`: of PassthroughSettings; nothing is kept on the disk unless they say so. The origin answers `hello`, fresh for a minute, until told otherwise."""
    origin = AssetOrigin(script=_unset)
    origin.says(response(cache_control="max-age=60"))
    server = await asyncio.start_server(origin.serve, "127.0.0.1", 0, limit=2**22)
    origin.port, port = server.sockets[0].getsockname()[1], free_port()
    words = memoryview(bytearray(8 * COUNTERS_MAX)).cast("q")
    edge = EdgeSettings(
        listen="127.0.0.1:0",
        data_dir=directory / "data",
        run_dir=directory / "run",
        workers=1,
        connections=connections or ConnectionSettings(),
        passthrough=PassthroughSettings(
            routes=(f"127.0.0.1:{port}=http://127.0.0.1:{origin.port}",),
            **{"idle_seconds_max": 1.0, "disk_bytes_max": 0, **settings},
        ),
    )
    try:
        with Sockets.opened(edge) as sockets:
            async with passthrough(edge, 0, counters or Counters(words), sockets):
                yield Cached(origin=origin, port=port, words=words)
    finally:
        server.close()


async def _unset(_: Seen, __: asyncio.StreamWriter) -> None:
    raise AssertionError("the origin was told nothing")


def ttl_of(got: Got) -> int:
    match = re.search(r"ttl=(-?[0-9]+)", got.cache)
    assert match is not None, got.cache
    return int(match[1])
