"""Reading the body of a call: a form with one file streamed in, or plain parameters; every size is limited by name.

    parameters     parsed on the event loop before anybody is authenticated, so they are few and small: all of them
                   together stay below `body_bytes_max`, whatever the body's form
    the file       a part of multipart/form-data, handed on as it arrives, with the parameters that came before it

Anything that is not what it says (broken multipart, wrong encoding) is a BadRequest, and so is what comes too slowly.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, ClientPayloadError, web
from aiohttp.http_exceptions import BadHttpMessage

from domicile.media.errors import BadRequest, LimitExceeded
from origin.api.params import Params, from_json, from_pairs
from origin.records import Body, Held
from origin.settings import UploadSettings

CHUNK_BYTES = 64 * 1024
FILE_NAME_CHARS_MAX = 255

Take = Callable[[AsyncIterator[bytes], Params, bool], Awaitable[Body]]
"""Keeps a file: its pieces, what came before it, and whether it has no file name (then it may be a text that means a file)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadForm:
    """An upload call: its parameters, and the file if there is one."""

    params: Params
    file: Body | None = field(default=None, repr=False)
    """As it came: a file, or the text of a data URI; None: no file was sent."""
    is_text: bool = False
    """`file` had no file name, so it may be a data URI or an address."""
    file_name: str = field(default="", repr=False)
    """As sent, without directories."""


def too_large(limit: int, got: int | None = None, *, hint: str = "") -> LimitExceeded:
    """Cloudinary's wording."""
    size = f" Got {got}." if got is not None else ""
    return LimitExceeded(f"File size too large.{size} Maximum is {limit}.{hint}")


async def read_upload(request: web.Request, limits: UploadSettings, take: Take) -> UploadForm:
    """The form of an upload. BadRequest | LimitExceeded, and what `take` raises."""
    async with _reading(limits) as patience:
        if request.content_type == "multipart/form-data":
            return await _read_multipart(request, limits, take, patience)
        values = dict((await _read_flat(request, limits)).values)
        text = values.pop("file", None)
        if isinstance(text, list):
            raise BadRequest("Invalid value for parameter file")
        return UploadForm(params=Params(values), file=None if text is None else Held(text.encode()), is_text=True)


async def read_params(request: web.Request, limits: UploadSettings) -> Params:
    """Parameters of a call without a file: query and body together (JSON, urlencoded or multipart)."""
    async with _reading(limits) as patience:
        query = parse_qsl(request.query_string, keep_blank_values=True, max_num_fields=limits.fields_max)
        given = from_pairs(query, fields_max=limits.fields_max)
        if not request.can_read_body or request.method == "GET":
            return given
        if request.content_type == "multipart/form-data":
            body = (await _read_multipart(request, limits, None, patience)).params
        else:
            body = await _read_flat(request, limits)
        if request.content_type != "application/json" and any(name in given.values for name in body.names()):
            raise BadRequest("A parameter was given twice")
        return Params({**given.values, **body.values})


class Patience:
    """How long a body may take: `body_seconds_max`, and for a large file as much longer as its bytes take at the slowest pace;
    never that long without a piece of it.
    """

    def __init__(self, timeout: asyncio.Timeout, limits: UploadSettings) -> None:
        self._timeout = timeout
        self._limits = limits
        self._now = asyncio.get_running_loop().time
        self._started = self._now()
        self._got = 0

    def got(self, count: int) -> None:
        """A piece of a file."""
        self._got += count
        seconds, pace = self._limits.body_seconds_max, self._limits.body_bytes_per_second_min
        self._timeout.reschedule(min(self._started + seconds + self._got / pace, self._now() + seconds))


@asynccontextmanager
async def _reading(limits: UploadSettings) -> AsyncIterator[Patience]:
    """A body arrives in time and is what it says, or it is a BadRequest."""
    try:
        async with asyncio.timeout(limits.body_seconds_max) as timeout:
            yield Patience(timeout, limits)
    except TimeoutError as late:
        raise BadRequest("The request body did not arrive in time") from late
    except (ValueError, ClientPayloadError, web.RequestPayloadError, BadHttpMessage, LookupError) as broken:
        raise BadRequest("Malformed request body") from broken


async def _read_multipart(
    request: web.Request, limits: UploadSettings, take: Take | None, patience: Patience
) -> UploadForm:
    """`take` None: a call that takes no file."""
    pairs: list[tuple[str, str]] = []
    file: Body | None = None
    file_name: str | None = None
    left = limits.body_bytes_max
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise BadRequest("Malformed request body")
        if len(pairs) > limits.fields_max:
            raise BadRequest(f"Too many parameters: at most {limits.fields_max}")
        if part.name != "file":
            value = await _read_field(part, limits, left)
            left -= len(value)
            pairs.append((part.name, value.decode()))
        elif take is None:
            raise BadRequest("Unknown parameter - file")
        elif file is not None:
            raise BadRequest("A parameter was given twice")
        else:
            file_name = part.filename
            before = from_pairs(pairs, fields_max=limits.fields_max)
            async with aclosing(_pieces(part, patience)) as pieces:
                file = await take(pieces, before, not file_name)
    return UploadForm(
        params=from_pairs(pairs, fields_max=limits.fields_max),
        file=file,
        is_text=not file_name,
        file_name=(file_name or "").replace("\\", "/").rsplit("/", 1)[-1][:FILE_NAME_CHARS_MAX],
    )


async def _pieces(part: BodyPartReader, patience: Patience) -> AsyncGenerator[bytes, None]:
    while chunk := await part.read_chunk(CHUNK_BYTES):
        patience.got(len(chunk))
        yield chunk


async def _read_field(part: BodyPartReader, limits: UploadSettings, left: int) -> bytes:
    """`left`: what the fields of this call may still hold, all together."""
    gathered = bytearray()
    while chunk := await part.read_chunk(CHUNK_BYTES):
        if len(gathered) + len(chunk) > limits.field_bytes_max:
            raise BadRequest(f"A parameter is too long: at most {limits.field_bytes_max} bytes")
        if len(gathered) + len(chunk) > left:
            raise _too_much(limits)
        gathered += chunk
    return bytes(gathered)


async def read_body(request: web.Request, limits: UploadSettings) -> bytes:
    """A body as it comes, below `body_bytes_max`."""
    async with _reading(limits):
        return await _read_whole(request, limits)


async def _read_whole(request: web.Request, limits: UploadSettings) -> bytes:
    gathered = bytearray()
    async for chunk in request.content.iter_chunked(CHUNK_BYTES):
        if len(gathered) + len(chunk) > limits.body_bytes_max:
            raise _too_much(limits)
        gathered += chunk
    return bytes(gathered)


async def _read_flat(request: web.Request, limits: UploadSettings) -> Params:
    gathered = await _read_whole(request, limits)
    if request.content_type == "application/json":
        return from_json(gathered)
    pairs = parse_qsl(gathered.decode(), keep_blank_values=True, max_num_fields=limits.fields_max)
    return from_pairs(pairs, fields_max=limits.fields_max)


def _too_much(limits: UploadSettings) -> LimitExceeded:
    return LimitExceeded(
        f"Parameters are too large. Maximum is {limits.body_bytes_max} bytes; send a file as multipart/form-data."
    )
