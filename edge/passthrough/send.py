"""A message to its viewer, byte for byte: fields keep their order, case and repetitions, and nothing is added but framing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import HttpVersion11, web

from domicile.service.http1 import Broken, Head, Unreachable
from edge.cache.fields import without
from edge.cache.forward import CONSUMED, end_to_end
from edge.outgoing import abort
from edge.passthrough.fill import Incomplete
from edge.passthrough.reply import BODILESS, Message
from edge.ranges import Span
from edge.send import Answer, CutOff, Outgoing, TooSlow
from edge.store.port import PIECE_BYTES_MAX

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class RawAnswer(Answer):
    """A response whose head is written as it is: the HTTP library would sort it into a mapping, and encode it anew."""

    def __init__(self, message: Message) -> None:
        super().__init__(status=message.status, reason="")
        self._message = message
        self._framing = ""

    async def _prepare_headers(self) -> None:
        request, writer, message = self._req, self._payload_writer, self._message
        assert request is not None
        assert writer is not None
        if self._keep_alive is None:
            self._keep_alive = request.keep_alive
        if message.body_bytes is not None:
            self._framing = f"Content-Length: {message.body_bytes}\r\n"
        elif message.status not in BODILESS and request.method != "HEAD":
            if request.version >= HttpVersion11:
                writer.enable_chunking()
                self._framing = "Transfer-Encoding: chunked\r\n"
            else:
                self._keep_alive = False
        if not self._keep_alive:
            self._framing += "Connection: close\r\n"
        elif request.version < HttpVersion11:
            self._framing += "Connection: keep-alive\r\n"

    async def _write_headers(self) -> None:
        writer, message = self._payload_writer, self._message
        assert writer is not None
        lines = [f"HTTP/1.1 {message.status} {message.reason}", *(f"{name}: {value}" for name, value in message.fields)]
        head = "\r\n".join([*lines, self._framing, ""]).encode("latin-1")
        # What the library's own `write_headers` leaves there; it goes out together with the first piece.
        writer._headers_buf = head  # type: ignore[attr-defined]  # noqa: SLF001


async def send_body(
    request: web.BaseRequest, message: Message, body: bytes, *, progress_seconds_max: float
) -> web.StreamResponse:
    """Send a message with the part of a stored body that it says. Raises as `edge.send.send`."""
    span = message.span

    async def small(outgoing: Outgoing) -> None:
        await outgoing.end(b"" if span is None else body[span.start : span.end])

    async def large(outgoing: Outgoing) -> None:
        assert span is not None
        view = memoryview(body)
        for at in range(span.start, span.end, PIECE_BYTES_MAX):
            await outgoing.write(view[at : min(span.end, at + PIECE_BYTES_MAX)])
        await outgoing.end()

    work = small if span is None or span.body_bytes <= PIECE_BYTES_MAX else large
    return await _send(request, message, work, progress_seconds_max)


async def send_pieces(
    request: web.BaseRequest, message: Message, pieces: AsyncIterator[bytes], *, progress_seconds_max: float
) -> web.StreamResponse:
    """Send a message with a body that is still on its way; its head goes out at once. One that breaks off is not ended."""

    async def work(outgoing: Outgoing) -> None:
        if request.method != "HEAD" and message.status not in BODILESS:
            request.writer.send_headers()
            async for piece in pieces:
                await outgoing.write(piece)
        await outgoing.end()

    return await _send(request, message, work, progress_seconds_max)


async def _send(
    request: web.BaseRequest,
    message: Message,
    work: Callable[[Outgoing], Awaitable[None]],
    progress_seconds_max: float,
) -> web.StreamResponse:
    response, transport = RawAnswer(message), request.transport
    await response.prepare(request)
    outgoing = Outgoing(request, response, progress_seconds_max)
    try:
        await work(outgoing)
        if not response.keep_alive:
            await outgoing.taken()
    except ConnectionError:
        abort(transport)
        raise
    except TimeoutError as slow:
        abort(transport)
        raise TooSlow("the viewer took nothing for too long") from slow
    except (Incomplete, Broken, Unreachable, OSError) as cut:
        abort(transport)
        raise CutOff("the response could not be finished") from cut
    except BaseException:
        abort(transport)
        raise
    return response


async def cut(pieces: AsyncIterator[bytes], span: Span | None) -> AsyncIterator[bytes]:
    """The part of a body that is on its way; nothing of it for None."""
    at = 0
    if span is None or span.start == span.end:
        return
    async for piece in pieces:
        part = piece[max(0, span.start - at) : span.end - at]
        at += len(piece)
        if part:
            yield part
        if at >= span.end:
            return


def interim_to(request: web.BaseRequest) -> Callable[[Head], None] | None:
    """What hands interim responses on to a viewer, if it understands them. 100 is for who asked for it: this node."""
    transport = request.transport
    if transport is None or request.version < HttpVersion11:
        return None

    def hand_on(head: Head) -> None:
        if head.status == 100 or transport.is_closing():
            return
        lines = [
            f"HTTP/1.1 {head.status} {head.reason}",
            *(f"{name}: {value}" for name, value in without(end_to_end(head.fields), CONSUMED)),
        ]
        transport.write("\r\n".join([*lines, "", ""]).encode("latin-1"))

    return hand_on
