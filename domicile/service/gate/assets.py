"""The edge's client of origins whose content is declared not to be personal: HTTP/1.1, exactly one request a call.

    client = AssetClient("http://127.0.0.1:9000", limits=AssetLimits())
    async with client.exchange(permit, request) as answer:
        async for piece in answer.pieces(): ...

Nothing is followed, retried, decompressed, or added to what the caller says. Fields are Latin-1 text, so bytes come and go
as they are. Whatever is not plain HTTP/1.1 is Broken, and its connection is not used again.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from domicile.media.policy import Activity, Permit
from domicile.service.http1 import Broken, Fields, Framing, Head, NotConnected, Wire, framing_of, read_head

ASSETS_TENANT = "(assets)"
"""Whom permits for this traffic are for: nobody. No cloud can have the name."""

INTERIM_MAX = 16
"""Interim responses to one request."""
PIECE_BYTES = 64 * 1024


class Busy(Exception):
    """Every connection that may be open is in use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetLimits:
    """Time-outs and counts of one client."""

    connect_seconds_max: float = 2.0
    read_seconds_max: float = 30.0
    connections_max: int = 128
    idle_seconds_max: float = 3.0
    """How long an unused connection is kept; below the 5 seconds after which common servers close theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetRequest:
    """`target`: path and query as received. `body`: None, or pieces; `body_bytes` their sum if it is known."""

    method: str
    target: str
    fields: Fields
    body: AsyncIterator[bytes] | None = None
    body_bytes: int | None = None
    on_interim: Callable[[Head], None] | None = None


@dataclass(slots=True)
class Answer:
    """The head of a response, and its body on the way."""

    head: Head
    framing: Framing
    _wire: Wire
    _read_seconds_max: float
    is_over: bool = False

    @property
    def body_bytes(self) -> int | None:
        """What the framing says of the length; None when only the end will tell."""
        return self.framing.body_bytes

    async def pieces(self) -> AsyncIterator[bytes]:
        """Pieces of at most PIECE_BYTES. Broken when it ends before it is complete, Unreachable when it stalls."""
        async for piece in self.framing.pieces(self._wire, PIECE_BYTES, self._read_seconds_max):
            yield piece
        self.is_over = True


@dataclass(slots=True)
class AssetClient:
    """One process's connections to one origin: `http://HOST[:PORT]`, `https://…` or `unix:PATH`."""

    base: str
    limits: AssetLimits
    _idle: deque[tuple[Wire, float]] = field(default_factory=deque)
    _open_count: int = 0

    @property
    def authority(self) -> str:
        """HOST[:PORT] of the origin, for Host."""
        return "origin" if self.base.startswith("unix:") else urlsplit(self.base).netloc

    @contextlib.asynccontextmanager
    async def exchange(self, permit: Permit, request: AssetRequest) -> AsyncIterator[Answer]:
        """Send one request, once. `permit`: Activity.INGRESS_FETCH for nobody. Unreachable (NotConnected if nothing was sent), Broken or Busy."""
        permit.require(Activity.INGRESS_FETCH, ASSETS_TENANT)
        wire = await self._connected()
        reusable = False
        try:
            answer = await self._answered(wire, request)
            yield answer
            reusable = answer.is_over and answer.framing.keeps_open
            if reusable:
                self._keep(wire, _idle_seconds(answer.head, self.limits.idle_seconds_max))
        finally:
            self._open_count -= 1
            if not reusable:
                wire.abort()

    def close(self) -> None:
        """Close what is not in use."""
        while self._idle:
            self._idle.popleft()[0].abort()

    async def _answered(self, wire: Wire, request: AssetRequest) -> Answer:
        is_whole = await self._send(wire, request)
        for _ in range(INTERIM_MAX):
            head = await read_head(wire, self.limits.read_seconds_max)
            if head.status >= 200:
                framing = framing_of(head, method=request.method)
                framing = replace(framing, keeps_open=framing.keeps_open and is_whole)
                return Answer(head, framing, wire, self.limits.read_seconds_max, framing.body_bytes == 0)
            if head.status == 101:
                raise Broken("switched protocols unasked")
            if request.on_interim is not None:
                request.on_interim(head)
        raise Broken("too many interim responses")

    async def _send(self, wire: Wire, request: AssetRequest) -> bool:
        """Whether all of it was sent: an origin may answer before it has the body, and take no more of it (RFC 9112 section 9.5)."""
        lines = [f"{request.method} {request.target} HTTP/1.1"]
        if not any(name.lower() == "host" for name, _ in request.fields):
            lines.append(f"Host: {self.authority}")
        lines += [f"{name}: {value}" for name, value in request.fields]
        chunked = request.body is not None and request.body_bytes is None
        if chunked:
            lines.append("Transfer-Encoding: chunked")
        elif request.body is not None:
            lines.append(f"Content-Length: {request.body_bytes}")
        wire.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        if request.body is None:
            return True
        async for piece in request.body:
            if wire.is_answered:
                return False
            if piece:
                wire.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                await wire.drained(self.limits.read_seconds_max)
        if chunked and not wire.is_answered:
            wire.write(b"0\r\n\r\n")
        return not wire.is_answered

    async def _connected(self) -> Wire:
        now = time.monotonic()
        while self._idle:
            wire, until = self._idle.pop()
            if now < until and wire.is_idle():
                self._open_count += 1
                return wire
            wire.abort()
        if self._open_count >= self.limits.connections_max:
            raise Busy
        self._open_count += 1
        try:
            async with asyncio.timeout(self.limits.connect_seconds_max):
                return await self._dial()
        except (OSError, TimeoutError) as failed:
            self._open_count -= 1
            raise NotConnected("cannot be connected to", timed_out=isinstance(failed, TimeoutError)) from failed
        except BaseException:
            self._open_count -= 1
            raise

    async def _dial(self) -> Wire:
        loop = asyncio.get_running_loop()
        if self.base.startswith("unix:"):
            _, wire = await loop.create_unix_connection(Wire, self.base.removeprefix("unix:"))
            return wire
        parts = urlsplit(self.base)
        is_tls = parts.scheme == "https"
        _, wire = await loop.create_connection(
            Wire, str(parts.hostname), parts.port or (443 if is_tls else 80), ssl=_tls() if is_tls else None
        )
        return wire

    def _keep(self, wire: Wire, seconds: float) -> None:
        if wire.is_idle() and seconds > 0:
            self._idle.append((wire, time.monotonic() + seconds))
            asyncio.get_running_loop().call_later(seconds, self._prune)
        else:
            wire.abort()

    def _prune(self) -> None:
        now = time.monotonic()
        kept = [(wire, until) for wire, until in self._idle if now < until and wire.is_idle()]
        for wire, _ in set(self._idle) - set(kept):
            wire.abort()
        self._idle = deque(kept)


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _idle_seconds(head: Head, seconds_max: float) -> float:
    """How long the server keeps the connection, less a second for what is on its way."""
    said = [value for name, value in head.fields if name.lower() == "keep-alive"]
    match = re.search(r"timeout=([0-9]{1,5})", said[0]) if said else None
    return seconds_max if match is None else min(seconds_max, int(match[1]) - 1.0)
