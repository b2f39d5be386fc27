"""Handing a reply to the socket: in pieces, with lease and fence looked at before each (decisions D.3).

When they do not hold any more the connection is aborted and never ended cleanly: a viewer must not take half a picture
for a whole one, and what the kernel has not sent yet is thrown away.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable

from aiohttp import hdrs, web
from multidict import CIMultiDict

from domicile.media.sealed import SealBroken
from edge.outgoing import abort, has_room, has_room_for, taken, while_it_moves
from edge.respond import Reply
from edge.store.port import PIECE_BYTES_MAX, Body

HEAD_BYTES_MAX = 8 * 1024
"""More than the heads of our responses have."""

Confirm = Callable[[], Awaitable[bool]]
"""May the next piece be sent? Waits a moment for a worker that is one entry behind."""


class CutOff(ConnectionError):
    """The response was begun and could not be finished; its connection is aborted."""


class TooSlow(CutOff):
    """The viewer took nothing for too long."""


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
    """Send all of a reply. Raises ConnectionError: the viewer left, was too slow (TooSlow), or had to be cut (CutOff).

    A large body is sent when the viewer's machine has all of it. One piece may still be on its way, unless the
    connection ends with it: what is unsent then could not be taken back (see `open_responses`).
    """
    response = Answer(status=reply.status, headers=CIMultiDict(reply.headers))
    transport = request.transport
    await response.prepare(request)
    outgoing = Outgoing(request, response, progress_seconds_max)
    try:
        if reply.span is None:
            await outgoing.end()
        elif isinstance(body, bytes) and reply.span.body_bytes <= PIECE_BYTES_MAX:
            whole = reply.span.body_bytes == len(body)
            await outgoing.end(body if whole else body[reply.span.start : reply.span.end])
        else:
            await _send_pieces(outgoing, reply, body, confirm)
        if not response.keep_alive:
            await outgoing.taken()
    except ConnectionError:
        abort(transport)
        raise
    except TimeoutError as slow:
        abort(transport)
        raise TooSlow("the viewer took nothing for too long") from slow
    except (_NotConfirmed, SealBroken, OSError) as cut:
        abort(transport)
        raise CutOff("the response could not be finished") from cut
    except BaseException:
        abort(transport)
        raise
    return response


class Outgoing:
    """A response begun, handed over no faster than the viewer takes it."""

    def __init__(self, request: web.BaseRequest, response: web.StreamResponse, progress_seconds_max: float) -> None:
        self._writer = request.writer
        self._transport = request.transport
        self._response = response
        self._progress_seconds_max = progress_seconds_max

    async def write(self, piece: bytes | memoryview) -> None:
        """Wait until the buffer has room again: what it holds above its limit is one piece at most."""
        await self._hand_over(lambda: self._response.write(piece), len(piece))

    async def end(self, last: bytes = b"") -> None:
        if self._transport is not None and has_room_for(self._transport, HEAD_BYTES_MAX + len(last)):
            await self._response.write_eof(last)  # does not wait, so nothing need watch it: most hits end here
            return
        await self._hand_over(lambda: self._response.write_eof(last), len(last))

    async def taken(self) -> None:
        transport = self._transport
        if transport is not None:
            await while_it_moves(
                transport, lambda: taken(transport), taken, progress_seconds_max=self._progress_seconds_max
            )

    async def _hand_over(self, begin: Callable[[], Awaitable[None]], handed_bytes: int) -> None:
        async def first() -> None:
            await begin()
            await self._writer.drain()

        await while_it_moves(
            self._transport,
            first,
            has_room,  # and not `drain` again: the HTTP library does not wait anew after a cancelled one
            handed_bytes=handed_bytes,
            progress_seconds_max=self._progress_seconds_max,
        )


async def _send_pieces(outgoing: Outgoing, reply: Reply, body: bytes | Body, confirm: Confirm | None) -> None:
    assert reply.span is not None
    async with contextlib.aclosing(_pieces(body, reply.span.start, reply.span.end)) as pieces:
        async for piece in pieces:
            if confirm is not None and not await confirm():
                raise _NotConfirmed
            await outgoing.write(piece)
    await outgoing.end()
    await outgoing.taken()


async def _pieces(body: bytes | Body, start: int, end: int) -> AsyncGenerator[bytes | memoryview, None]:
    if isinstance(body, bytes):
        view = memoryview(body)
        for at in range(start, end, PIECE_BYTES_MAX):
            yield view[at : min(end, at + PIECE_BYTES_MAX)]
        return
    async for piece in body.pieces(start, end):
        yield piece
