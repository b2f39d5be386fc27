"""Handing a reply to the socket: in pieces, with lease and fence looked at before each (decisions D.3).

When they do not hold any more the connection is aborted and never ended cleanly: a viewer must not take half a picture
for a whole one, and what the kernel has not sent yet is thrown away.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable

from aiohttp import hdrs, web
from multidict import CIMultiDict

from domicile.media.sealed import SealBroken
from edge.respond import Reply
from edge.store.port import PIECE_BYTES_MAX, Body

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

Confirm = Callable[[], Awaitable[bool]]
"""May the next piece be sent? Waits a moment for a worker that is one entry behind."""


class CutOff(ConnectionError):
    """The response was begun and could not be finished; its connection is aborted."""


class _NotConfirmed(Exception):
    """Lease or fence does not hold any more."""


class Answer(web.StreamResponse):
    """Headers and first piece go out together; no Server header tells what runs here."""

    _send_headers_immediately = False

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self._headers.popall(hdrs.SERVER, None)


async def send(
    request: web.BaseRequest,
    reply: Reply,
    body: bytes | Body = b"",
    *,
    confirm: Confirm | None = None,
    progress_seconds_max: float,
) -> web.StreamResponse:
    """Send all of a reply. Raises ConnectionError: the viewer left, was too slow, or had to be cut off (CutOff)."""
    response = Answer(status=reply.status, headers=CIMultiDict(reply.headers))
    transport = request.transport
    await response.prepare(request)
    try:
        if reply.span is None:
            await response.write_eof()
        elif isinstance(body, bytes) and reply.span.body_bytes <= PIECE_BYTES_MAX:
            whole = reply.span.body_bytes == len(body)
            async with asyncio.timeout(progress_seconds_max):
                await response.write_eof(body if whole else body[reply.span.start : reply.span.end])
        else:
            await _send_pieces(response, reply, body, confirm, progress_seconds_max)
    except ConnectionError:
        raise
    except (_NotConfirmed, TimeoutError, SealBroken, OSError) as cut:
        abort(transport)
        raise CutOff("the response could not be finished") from cut
    except BaseException:
        abort(transport)
        raise
    return response


def abort(transport: asyncio.Transport | None) -> None:
    """End a connection so that the other side knows it was cut."""
    if transport is None:
        return
    peer = transport.get_extra_info("socket")
    if peer is not None and peer.family != socket.AF_UNIX:
        with contextlib.suppress(OSError):
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()


async def _send_pieces(
    response: web.StreamResponse, reply: Reply, body: bytes | Body, confirm: Confirm | None, seconds_max: float
) -> None:
    assert reply.span is not None
    async with contextlib.aclosing(_pieces(body, reply.span.start, reply.span.end)) as pieces:
        async for piece in pieces:
            if confirm is not None and not await confirm():
                raise _NotConfirmed
            async with asyncio.timeout(seconds_max):
                await response.write(piece)
    async with asyncio.timeout(seconds_max):
        await response.write_eof()


async def _pieces(body: bytes | Body, start: int, end: int) -> AsyncGenerator[bytes | memoryview, None]:
    if isinstance(body, bytes):
        view = memoryview(body)
        for at in range(start, end, PIECE_BYTES_MAX):
            yield view[at : min(end, at + PIECE_BYTES_MAX)]
        return
    async for piece in body.pieces(start, end):
        yield piece
