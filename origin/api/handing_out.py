"""Files on their way to whoever has a signed URL: piece by piece, cut off where they cannot be finished or are not taken, and
where what is in them is erased meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from aiohttp import hdrs, web

from domicile.media.errors import AssetNotFound
from domicile.service import logging

WRITE_BYTES = 256 * 1024
WRITE_SECONDS_MAX = 60.0
"""How long a reader may take for so many; then he is cut off, as he keeps others from theirs."""

log = logging.get()


async def hand_out(
    request: web.Request,
    response: web.StreamResponse,
    pieces: AsyncGenerator[bytes, None],
    *,
    is_live: Callable[[], bool] | None,
) -> web.StreamResponse:
    """What goes wrong before the first piece is there is raised; once the head is out, an error can only be told by an end that
    looks like none.

    `is_live`: asked before each WRITE_BYTES; None where pieces end by themselves when what is in them has gone.
    """
    async with aclosing(pieces):
        first = await anext(pieces, b"")
        _check(is_live)
        await response.prepare(request)
        return await _handed(request, response, first, pieces, is_live)


async def _handed(
    request: web.Request,
    response: web.StreamResponse,
    first: bytes,
    pieces: AsyncGenerator[bytes, None],
    is_live: Callable[[], bool] | None,
) -> web.StreamResponse:
    try:
        await _write(response, first, is_live)
        async for piece in pieces:
            await _write(response, piece, is_live)
    except Exception as failed:  # noqa: BLE001 - the head is gone: a stream that is cut off looks like no file
        log.warning("hand_out_cut_off", error=type(failed).__name__)
        if request.transport is not None:
            request.transport.abort()
        return response
    await response.write_eof()
    return response


async def _write(response: web.StreamResponse, piece: bytes, is_live: Callable[[], bool] | None) -> None:
    for at in range(0, len(piece), WRITE_BYTES):
        _check(is_live)
        async with asyncio.timeout(WRITE_SECONDS_MAX):
            await response.write(piece[at : at + WRITE_BYTES])


def _check(is_live: Callable[[], bool] | None) -> None:
    if is_live is not None and not is_live():
        raise AssetNotFound("it has just been deleted")


def download_headers(content_type: str, file_name: str) -> dict[str, str]:
    """Of what the API hands out to whoever has a signed URL: kept by nobody, opened by no browser."""
    return {
        hdrs.CONTENT_TYPE: content_type,
        hdrs.CONTENT_DISPOSITION: f'attachment; filename="{file_name}"',
        hdrs.CACHE_CONTROL: "private, no-store",
        hdrs.X_CONTENT_TYPE_OPTIONS: "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
