"""A proxy between an origin and its S3 that does what networks and services do: errors, delays, cuts, losses, lies.

    with S3Proxy.running(gateway.port) as proxy:
        proxy.plan = first(2, Says(503, "SlowDown"), method="PUT")

One request a connection, read as a whole, and passed on unless the plan has a fault for it. `requests` keeps what came.
Signatures cover the Host header, which is the proxy's own: Ceph takes it as it comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

HEAD_BYTES_MAX = 64 * 1024
START_SECONDS_MAX = 10


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]


@dataclass(frozen=True, slots=True)
class Says:
    """An answer of the service, without the service."""

    status: int
    code: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Waits:
    """Slow: passed on after so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class CutsRequest:
    """Reset in the middle of the body; the service sees nothing of it."""

    after_bytes: int


@dataclass(frozen=True, slots=True)
class LosesAnswer:
    """The service does it, and nobody hears of it."""


@dataclass(frozen=True, slots=True)
class HoldsAnswer:
    """The service does it at once, and says so after so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class CutsAnswer:
    """Reset (or plainly closed) after so many bytes of the answer's body."""

    after_bytes: int
    is_reset: bool = False


@dataclass(frozen=True, slots=True)
class LiesOfLength:
    """The answer is shorter than it was, and says so: a truncated answer that looks whole."""

    bytes_less: int


@dataclass(frozen=True, slots=True)
class Damages:
    """One bit of the request's body is turned over."""


Fault = Says | Waits | CutsRequest | LosesAnswer | HoldsAnswer | CutsAnswer | LiesOfLength | Damages
Plan = Callable[[Request], Fault | None]


def first(count: int, fault: Fault, *, method: str, query: str = "") -> Plan:
    """The fault for the first `count` requests of that method whose query begins so."""
    left = [count]

    def plan(request: Request) -> Fault | None:
        if left[0] > 0 and request.method == method and request.query.startswith(query):
            left[0] -= 1
            return fault
        return None

    return plan


@dataclass(slots=True)
class S3Proxy:
    upstream: int
    port: int = 0
    plan: Plan = lambda request: None
    requests: list[Request] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def asked(self, method: str, query: str = "") -> int:
        return sum(request.method == method and request.query.startswith(query) for request in self.requests)

    @classmethod
    @contextlib.contextmanager
    def running(cls, upstream: int) -> Iterator[S3Proxy]:
        proxy, ready = cls(upstream), threading.Event()
        loop = asyncio.new_event_loop()
        stop = asyncio.Event()

        async def serve() -> None:
            server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0, limit=HEAD_BYTES_MAX)
            proxy.port = server.sockets[0].getsockname()[1]
            ready.set()
            await stop.wait()
            server.close()

        def run() -> None:
            with contextlib.closing(loop):
                loop.run_until_complete(serve())
                left = asyncio.all_tasks(loop)
                for task in left:
                    task.cancel()
                loop.run_until_complete(asyncio.wait(left)) if left else None

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        assert ready.wait(START_SECONDS_MAX)
        try:
            yield proxy
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join(START_SECONDS_MAX)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            try:
                await self._exchange(reader, writer)
            finally:
                writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        request = _read_head(head)
        fault = self.plan(request)
        if "100-continue" in request.headers.get("expect", ""):
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        length = int(request.headers.get("content-length", "0"))
        if isinstance(fault, CutsRequest):
            await reader.readexactly(min(fault.after_bytes, length))
            self.requests.append(request)
            _reset(writer)
            return
        body = await reader.readexactly(length)
        self.requests.append(Request(request.method, request.target, request.headers, body))
        if isinstance(fault, Says):
            writer.write(_said(fault, request))
            await writer.drain()
            return
        if isinstance(fault, Waits):
            await asyncio.sleep(fault.seconds)
        if isinstance(fault, Damages):
            body = bytes([body[0] ^ 1]) + body[1:]
        answer = await self._ask(_passed_on(head), body)
        if isinstance(fault, HoldsAnswer):
            await asyncio.sleep(fault.seconds)
        if isinstance(fault, LosesAnswer):
            _reset(writer)
            return
        writer.write(_answered(answer, fault))
        await writer.drain()
        if isinstance(fault, CutsAnswer) and fault.is_reset:
            _reset(writer)

    async def _ask(self, head: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        try:
            writer.write(head + body)
            await writer.drain()
            return await reader.read()
        finally:
            writer.close()


def _read_head(head: bytes) -> Request:
    line, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = line.split(" ", 2)
    pairs = (line.partition(":") for line in lines if line)
    return Request(method, target, {name.lower(): value.strip() for name, _, value in pairs})


def _passed_on(head: bytes) -> bytes:
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"expect:", b"connection:"))]
    return b"\r\n".join([*lines[:-2], b"Connection: close", b"", b""])


def _said(fault: Says, request: Request) -> bytes:
    body = fault.body
    if body is None:
        body = f"<?xml version='1.0'?><Error><Code>{fault.code}</Code><Message>.</Message></Error>".encode()
    if request.method == "HEAD":
        body = b""
    extra = "".join(f"{name}: {value}\r\n" for name, value in fault.headers)
    head = f"HTTP/1.1 {fault.status} X\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n{extra}"
    return f"{head}Connection: close\r\n\r\n".encode() + body


def _answered(answer: bytes, fault: Fault | None) -> bytes:
    head, _, body = answer.partition(b"\r\n\r\n")
    if isinstance(fault, CutsAnswer):
        return head + b"\r\n\r\n" + body[: fault.after_bytes]
    if isinstance(fault, LiesOfLength):
        body = body[: -fault.bytes_less]
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length:")]
        head = b"\r\n".join([*lines, b"Content-Length: %d" % len(body)])
    return head + b"\r\n\r\n" + body


def _reset(writer: asyncio.StreamWriter) -> None:
    """RST instead of FIN."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
