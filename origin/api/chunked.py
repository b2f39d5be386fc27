"""Uploads in chunks: `Content-Range: bytes 0-5242999/20000000` (or `/-1`: not known yet) and `X-Unique-Upload-Id`.

The file is whole when its chunks make up the total that one of them told, in whatever order they came; the call that brings
the last one uploads it, with that call's parameters. What comes to nothing is forgotten; what may be tried again is kept.
Source: cloudinary-compat 4, the SDK's `upload_large`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import hdrs, web

from domicile.media.errors import BadRequest, MediaError, Overloaded, UpstreamUnavailable
from domicile.media.policy import Activity
from origin.api.admission import Admitted
from origin.api.forms import too_large
from origin.api.intake import STRANGERS_SHARE
from origin.keys import Origin
from origin.records import Body, Piece

UPLOAD_ID_HEADER = "X-Unique-Upload-Id"

_RANGE = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15}|-1)", re.ASCII)
_UPLOAD_ID = re.compile(r"[!-~]{1,128}", re.ASCII)
_MAY_BE_TRIED_AGAIN = (Overloaded, UpstreamUnavailable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A chunk of an upload that others belong to as well."""

    upload: str = field(repr=False)
    """Its id, as the caller made it up."""
    piece: Piece


def part_of(request: web.Request, body_bytes: int) -> Part | None:
    """None for a file that comes in one piece. Raises BadRequest."""
    text = request.headers.get(hdrs.CONTENT_RANGE)
    if text is None:
        return None
    match = _RANGE.fullmatch(text)
    if match is None:
        raise BadRequest("Invalid Content-Range")
    start, end = int(match[1]), int(match[2]) + 1
    total = None if match[3] == "-1" else int(match[3])
    if end - start != body_bytes or (total is not None and end > total):
        raise BadRequest("Content-Range does not say what was sent")
    if start == 0 and end == total:
        return None
    upload = request.headers.get(UPLOAD_ID_HEADER, "")
    if not _UPLOAD_ID.fullmatch(upload):
        raise BadRequest(f"{UPLOAD_ID_HEADER} is missing or malformed")
    return Part(upload=upload, piece=Piece(start=start, end=end, total=total))


@asynccontextmanager
async def gathered(
    origin: Origin, who: Admitted, part: Part | None, body: Body, bytes_max: int
) -> AsyncIterator[Body | None]:
    """The file, as soon as it is whole; None: more has to come. What is left of its chunks goes when it was dealt with.

    `bytes_max`: of the whole.
    """
    if part is None:
        yield body
        return
    cloud, piece = who.caller.tenant.cloud, part.piece
    size = max(piece.end, piece.total or 0)
    if size > bytes_max:
        raise too_large(bytes_max, size)
    upload = f"{who.identity}\x00{part.upload}"
    permit = origin.records.permit(cloud, Activity.STORE)
    share = STRANGERS_SHARE if who.is_unsigned else 1
    if not await origin.records.chunks.put(cloud, upload, piece, body, permit, share=share):
        yield None
        return
    try:
        yield await origin.records.chunks.whole(cloud, upload)
    except _MAY_BE_TRIED_AGAIN:
        raise
    except MediaError:
        await origin.records.chunks.forget(cloud, upload)
        raise
    await origin.records.chunks.forget(cloud, upload)
