"""What one process of an edge asks another, in the body of a POST: read within a limit, or refused."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from aiohttp import web

from domicile.media.errors import BadRequest

QUESTION_BYTES_MAX = 16 * 1024

Q = TypeVar("Q", bound=msgspec.Struct)


async def read_question(request: web.BaseRequest, path: str, kind: type[Q]) -> Q:
    """`path`: the only one there is. Raises BadRequest."""
    if request.method != "POST" or request.raw_path != path:
        raise BadRequest("Not a question that is answered here")
    body = b""
    while len(body) <= QUESTION_BYTES_MAX and (piece := await request.content.readany()):
        body += piece
    if len(body) > QUESTION_BYTES_MAX:
        raise BadRequest("Too long a question")
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except msgspec.MsgspecError as odd:
        raise BadRequest("Not a question that can be read") from odd
