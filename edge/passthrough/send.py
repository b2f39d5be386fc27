"""A message to its viewer, byte for byte: fields keep their order, case and repetitions, and nothing is added but framing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from aiohttp import HttpVersion11, web

from domicile.service.http1 import Broken, Head, Unreachable
from edge.cache.fields import without
from edge.cache.forward import CONSUMED, end_to_end
from edge.passthrough.fill import Incomplete
from edge.passthrough.reply import BODILESS, Message
from edge.send import Answer, content_pieces, outgoing, small_content
from edge.store.port import Body

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
    request: web.BaseRequest, message: Message, body: bytes | Body, *, progress_seconds_max: float
) -> web.StreamResponse:
    """Send a message with what it says of a stored body. Raises as `edge.send.send`."""
    at_once = small_content(body, message.content)
    if at_once is None:
        pieces = content_pieces(body, message.content)
        return await send_pieces(request, message, pieces, progress_seconds_max=progress_seconds_max)
    response = RawAnswer(message)
    async with outgoing(request, response, progress_seconds_max=progress_seconds_max) as viewer:
        await viewer.end(at_once)
    return response


async def send_pieces(
    request: web.BaseRequest,
    message: Message,
    pieces: AsyncIterator[bytes | memoryview],
    *,
    progress_seconds_max: float,
) -> web.StreamResponse:
    """Send a message with a body that is still on its way; its head goes out at once. One that breaks off is not ended."""
    response = RawAnswer(message)
    async with outgoing(
        request, response, progress_seconds_max=progress_seconds_max, broken=(Incomplete, Broken, Unreachable)
    ) as viewer:
        if request.method != "HEAD" and message.status not in BODILESS:
            request.writer.send_headers()
            async for piece in pieces:
                await viewer.write(piece)
        await viewer.end()
    return response


async def first_bytes(pieces: AsyncIterator[bytes], size: int | None) -> AsyncIterator[bytes]:
    """So many of them; all for None."""
    left = size
    async for piece in pieces:
        part = piece if left is None else piece[:left]
        yield part
        if left is not None and not (left := left - len(part)):
            return


def continue_if_expected(request: web.BaseRequest) -> None:
    """Have a viewer send its body who waits to be told. One of HTTP/1.0 would take that for the answer (RFC 9110 section 10.1.1)."""
    is_expected = request.can_read_body and request.headers.get("Expect", "").lower() == "100-continue"
    if is_expected and request.version >= HttpVersion11 and request.transport is not None:
        request.transport.write(CONTINUE)


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
