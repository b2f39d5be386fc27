"""Sealed bytes of an original on their way to an edge: all of them or a range, and never less that looks like all."""

from __future__ import annotations

import re

from aiohttp import hdrs, web

from domicile.media.errors import AssetNotFound, BadRequest, UpstreamUnavailable
from domicile.media.wire import SEQUENCE_HEADER
from domicile.service import logging
from origin.records import SealedBlob
from origin.store.port import BlobMissing

CHUNK_BYTES = 64 * 1024

_RANGE = re.compile(r"bytes=([0-9]{1,15})-([0-9]{1,15})?")

log = logging.get()


def span_of(header: str | None) -> tuple[int, int | None] | None:
    """Half-open (start, end); None without a Range. Raises BadRequest."""
    if header is None:
        return None
    match = _RANGE.fullmatch(header)
    if match is None:
        raise BadRequest("Range is bytes=START-[END]")
    start = int(match[1])
    end = None if match[2] is None else int(match[2]) + 1
    if end is not None and end <= start:
        raise BadRequest("Range is empty")
    return start, end


async def send_blob(request: web.Request, sealed: SealedBlob, *, is_part: bool) -> web.StreamResponse:
    """Raises AssetNotFound before anything is sent; what ends early is cut off."""
    first = await _first_piece(sealed)
    response = web.StreamResponse(
        status=206 if is_part else 200,
        headers={
            SEQUENCE_HEADER: f"{sealed.epoch}:{sealed.sequence}",
            hdrs.CONTENT_TYPE: "application/octet-stream",
            hdrs.CONTENT_LENGTH: str(sealed.end - sealed.start),
        },
    )
    if is_part:
        response.headers[hdrs.CONTENT_RANGE] = f"bytes {sealed.start}-{sealed.end - 1}/{sealed.total_bytes}"
    await response.prepare(request)
    try:
        left = sealed.end - sealed.start - len(first)
        await _write_piece(response, first)
        async for piece in sealed.pieces:
            left -= len(piece)
            await _write_piece(response, piece)
        if left:
            raise UpstreamUnavailable("the store ended early")
    except Exception as failed:  # noqa: BLE001 - the head is gone: what is cut off must not look whole
        log.warning("original_cut_off", error=type(failed).__name__)
        if request.transport is not None:
            request.transport.abort()
        return response
    await response.write_eof()
    return response


async def _first_piece(sealed: SealedBlob) -> bytes:
    """What a store has to say against an original it says here, before the head of the answer has gone."""
    try:
        return await anext(sealed.pieces, b"")
    except BlobMissing as missing:
        raise AssetNotFound("no such asset") from missing


async def _write_piece(response: web.StreamResponse, piece: bytes) -> None:
    for start in range(0, len(piece), CHUNK_BYTES):
        await response.write(piece[start : start + CHUNK_BYTES])
