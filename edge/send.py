"""Handing a reply to the socket: in pieces, with lease and fence looked at before each (decisions D.3).

When they do not hold any more the connection is aborted and never ended cleanly: a viewer must not take half a picture
for a whole one, and what the kernel has not sent yet is thrown away.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable

from aiohttp import hdrs, web
from multidict import CIMultiDict

from domicile.media.errors import MediaError
from domicile.media.sealed import SealBroken
from edge.cache.ranges import Content, content_bytes
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


CANNOT_GO_ON: tuple[type[Exception], ...] = (_NotConfirmed, SealBroken, OSError)


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
    outside = (MediaError,)  # what the origin says in the middle of a body that is read there
    async with outgoing(request, response, progress_seconds_max=progress_seconds_max, broken=outside) as viewer:
        at_once = small_content(body, reply.content)
        if at_once is None:
            await _send_pieces(viewer, reply, body, confirm)
        else:
            await viewer.end(at_once)
    return response


@contextlib.asynccontextmanager
async def outgoing(
    request: web.BaseRequest,
    response: web.StreamResponse,
    *,
    progress_seconds_max: float,
    broken: tuple[type[Exception], ...] = (),
) -> AsyncGenerator[Outgoing, None]:
    """A response to its viewer, whose connection is aborted if the block does not come to its end.

    `broken`: what says that the body cannot be had to its end, beside a broken seal and a failing disk. Raises as `send`.
    """
    transport = request.transport
    await response.prepare(request)
    viewer = Outgoing(request, response, progress_seconds_max)
    try:
        yield viewer
        if not response.keep_alive:
            await viewer.taken()
    except ConnectionError:
        abort(transport)
        raise
    except TimeoutError as slow:
        abort(transport)
        raise TooSlow("the viewer took nothing for too long") from slow
    except (*CANNOT_GO_ON, *broken) as cut:
        abort(transport)
        raise CutOff("the response could not be finished") from cut
    except BaseException:
        abort(transport)
        raise


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


async def _send_pieces(viewer: Outgoing, reply: Reply, body: bytes | Body, confirm: Confirm | None) -> None:
    async with contextlib.aclosing(content_pieces(body, reply.content)) as pieces:
        async for piece in pieces:
            if confirm is not None and not await confirm():
                raise _NotConfirmed
            await viewer.write(piece)
    await viewer.end()
    await viewer.taken()


def small_content(body: bytes | Body, content: Content) -> bytes | None:
    """The content as one piece; None where it is too large for that, or is not in memory."""
    if not content:
        return b""
    if not isinstance(body, bytes) or content_bytes(content) > PIECE_BYTES_MAX:
        return None
    parts = [part if isinstance(part, bytes) else body[part.start : part.end] for part in content]
    return parts[0] if len(parts) == 1 else b"".join(parts)  # a slice of all of it is no copy


async def content_pieces(body: bytes | Body, content: Content) -> AsyncGenerator[bytes | memoryview, None]:
    """At most PIECE_BYTES_MAX at a time; of a body that is not in memory, only what the content asks for is opened."""
    for part in content:
        if isinstance(part, bytes):
            yield part
        elif isinstance(body, bytes):
            view = memoryview(body)
            for at in range(part.start, part.end, PIECE_BYTES_MAX):
                yield view[at : min(part.end, at + PIECE_BYTES_MAX)]
        else:
            async with contextlib.aclosing(body.pieces(part.start, part.end)) as pieces:
                async for piece in pieces:
                    yield piece
