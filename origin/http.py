"""The rim of aiohttp: no Server header, no access log, no tracebacks about what strangers send, errors as JSON.

aiohttp writes a line with the peer's address and a traceback for each malformed request, and names itself in every
answer; both are turned off here, in the one place that knows how.
"""

from __future__ import annotations

import json
import logging

from aiohttp import hdrs, web
from aiohttp.web_protocol import RequestHandler

KEEPALIVE_SECONDS = 30.0
HEADER_BYTES_MAX = 16 * 1024
LINGER_SECONDS = 10.0
"""How long a refused body is read on, so that the caller sees the answer and not a reset connection."""

_SILENT = logging.getLogger("domicile.origin.http")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


class NamelessResponse(web.Response):
    """A response for requests that never reached the application."""

    async def _write_headers(self) -> None:
        self.headers.popall(hdrs.SERVER, None)
        await super()._write_headers()


class QuietHandler(RequestHandler):
    """Answers a request that cannot be parsed without telling anybody's address to a log."""

    __slots__ = ()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("the response has begun")
        status = status if status in {400, 500} else 400
        text = "Malformed request" if status == 400 else "Internal error"
        response = NamelessResponse(
            status=status, text=json.dumps({"error": {"message": text}}), content_type="application/json"
        )
        response.force_close()
        return response


class QuietServer(web.Server):
    """A server whose connections are QuietHandlers."""

    def __call__(self) -> RequestHandler:
        return QuietHandler(self, loop=self._loop, **self._kwargs)


class QuietRunner(web.AppRunner):
    """An AppRunner whose server is a QuietServer."""

    def __init__(self, app: web.Application, *, drain_seconds_max: float) -> None:
        super().__init__(
            app,
            access_log=None,
            logger=_SILENT,
            keepalive_timeout=KEEPALIVE_SECONDS,
            lingering_time=LINGER_SECONDS,
            max_field_size=HEADER_BYTES_MAX,
            max_line_size=HEADER_BYTES_MAX,
            shutdown_timeout=drain_seconds_max,
            handler_cancellation=False,
        )

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = QuietServer
        return server


async def drop_server_header(_: web.BaseRequest, response: web.StreamResponse) -> None:
    """For `on_response_prepare`: tell nobody what runs here."""
    response.headers.popall(hdrs.SERVER, None)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
