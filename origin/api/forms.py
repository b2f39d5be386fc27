"""Reading the body of a call: a form with one file streamed in, or plain parameters; every size is limited by name.

    parameters     parsed on the event loop before anybody is authenticated, so they are few and small: all of them
                   together stay below `body_bytes_max`, whatever the body's form
    the file       a part of multipart/form-data, gathered in memory inside a budget that all running uploads share;
                   a data URI stays a text until its sender is known (`file_bytes`)

A file never touches the disk. Anything that is not what it says (broken multipart, bad base64, wrong encoding) is a
BadRequest.
"""

from __future__ import annotations

import asyncio
import binascii
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote_to_bytes

from aiohttp import BodyPartReader, ClientPayloadError, web
from aiohttp.http_exceptions import BadHttpMessage

from domicile.media.errors import BadRequest, LimitExceeded, Overloaded
from domicile.media.remote import ADDRESS_CHARS_MAX
from origin.api.params import Params, from_json, from_pairs
from origin.settings import UploadSettings

CHUNK_BYTES = 64 * 1024
BASE64_STEP_CHARS = 4 * 64 * 1024
"""Decoded at a time, a multiple of 4: between steps other threads run."""
DATA_URI_HEAD_CHARS_MAX = 512
FILE_NAME_CHARS_MAX = 255

_DATA_URI = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w.+-]+=[^;,]*)*)(;base64)?,", re.ASCII)
_ESCAPED = ((b"%2B", b"+"), (b"%2b", b"+"), (b"%2F", b"/"), (b"%2f", b"/"), (b"%3D", b"="), (b"%3d", b"="))
"""What base64 looks like in a URI that was percent-encoded."""
_REMOTE = re.compile(rb"https?://", re.IGNORECASE)
_REMOTE_ELSEWHERE = re.compile(r"(?:ftp|s3|gs):", re.IGNORECASE)


@dataclass(slots=True)
class Budget:
    """Bytes of uploads in memory now, over all requests of this process."""

    bytes_max: int
    used: int = 0

    @contextmanager
    def account(self) -> Iterator[Account]:
        account = Account(budget=self)
        try:
            yield account
        finally:
            self.used -= account.taken


@dataclass(slots=True)
class Account:
    """What one upload has taken out of the budget."""

    budget: Budget
    taken: int = 0

    def take(self, count: int) -> None:
        if self.budget.used + count > self.budget.bytes_max:
            raise Overloaded("Too many uploads at once, try again")
        self.budget.used += count
        self.taken += count


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadForm:
    """An upload call: its parameters, and the file if there is one."""

    params: Params
    raw: bytes | None = field(default=None, repr=False)
    """The `file` as it came: bytes, or the text of a data URI; None: no file was sent."""
    is_text: bool = False
    """`raw` had no file name, so it may be a data URI or an address."""
    file_name: str = field(default="", repr=False)
    """As sent, without directories."""


def too_large(limit: int, got: int | None = None) -> LimitExceeded:
    """Cloudinary's wording."""
    size = f" Got {got}." if got is not None else ""
    return LimitExceeded(f"File size too large.{size} Maximum is {limit}.")


async def read_upload(request: web.Request, limits: UploadSettings, account: Account) -> UploadForm:
    """The form of an upload. BadRequest | LimitExceeded | Overloaded."""
    async with _reading(limits):
        if request.content_type == "multipart/form-data":
            return await _read_multipart(request, limits, account)
        values = dict((await _read_flat(request, limits)).values)
        text = values.pop("file", None)
        if isinstance(text, list):
            raise BadRequest("Invalid value for parameter file")
        return UploadForm(params=Params(values), raw=text.encode() if text is not None else None, is_text=True)


async def read_params(request: web.Request, limits: UploadSettings) -> Params:
    """Parameters of a call without a file: query and body together (JSON, urlencoded or multipart)."""
    async with _reading(limits):
        query = parse_qsl(request.query_string, keep_blank_values=True, max_num_fields=limits.fields_max)
        given = from_pairs(query, fields_max=limits.fields_max)
        if not request.can_read_body or request.method == "GET":
            return given
        if request.content_type == "multipart/form-data":
            body = (await _read_multipart(request, limits, None)).params
        else:
            body = await _read_flat(request, limits)
        if request.content_type != "application/json" and any(name in given.values for name in body.names()):
            raise BadRequest("A parameter was given twice")
        return Params({**given.values, **body.values})


@asynccontextmanager
async def _reading(limits: UploadSettings) -> AsyncIterator[None]:
    """A body arrives in time and is what it says, or it is a BadRequest."""
    try:
        async with asyncio.timeout(limits.body_seconds_max):
            yield
    except TimeoutError as late:
        raise BadRequest("The request body did not arrive in time") from late
    except (ValueError, ClientPayloadError, web.RequestPayloadError, BadHttpMessage, LookupError) as broken:
        raise BadRequest("Malformed request body") from broken


async def _read_multipart(request: web.Request, limits: UploadSettings, account: Account | None) -> UploadForm:
    """`account` None: a call that takes no file."""
    pairs: list[tuple[str, str]] = []
    raw: bytes | None = None
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
        elif account is None:
            raise BadRequest("Unknown parameter - file")
        elif raw is not None:
            raise BadRequest("A parameter was given twice")
        else:
            raw, file_name = await _read_file(part, limits, account), part.filename
    return UploadForm(
        params=from_pairs(pairs, fields_max=limits.fields_max),
        raw=raw,
        is_text=not file_name,
        file_name=(file_name or "").replace("\\", "/").rsplit("/", 1)[-1][:FILE_NAME_CHARS_MAX],
    )


async def _read_file(part: BodyPartReader, limits: UploadSettings, account: Account) -> bytes:
    # A data URI is a third longer than its file.
    most = limits.upload_bytes_max if part.filename else limits.upload_bytes_max * 4 // 3 + DATA_URI_HEAD_CHARS_MAX
    gathered = bytearray()
    while chunk := await part.read_chunk(CHUNK_BYTES):
        if len(gathered) + len(chunk) > most:
            raise too_large(limits.upload_bytes_max)
        account.take(len(chunk))
        gathered += chunk
    return bytes(gathered)


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


def remote_address(form: UploadForm) -> str | None:
    """The address that a form has in the place of a file. BadRequest for one that is no text."""
    if form.raw is None or not form.is_text or _REMOTE.match(form.raw) is None:
        return None
    try:
        return form.raw[: ADDRESS_CHARS_MAX * 4].decode().strip()  # longer ones are refused by who reads it
    except UnicodeDecodeError as bad:
        raise BadRequest("Invalid URL - not UTF-8") from bad


def file_bytes(form: UploadForm, limits: UploadSettings) -> bytes:
    """The file that a form carries; slow for a large data URI, so call it in a thread, for callers who are known.

    Raises BadRequest | LimitExceeded.
    """
    if form.raw is None:
        raise BadRequest("Missing required parameter - file")
    head = form.raw[:DATA_URI_HEAD_CHARS_MAX].decode("ascii", "replace") if form.is_text else ""
    body = form.raw
    if (match := _DATA_URI.match(head)) is not None:
        body = _decode_data_uri(body[match.end() :], limits, is_base64=match[3] is not None)
    elif _REMOTE_ELSEWHERE.match(head):
        raise BadRequest("Uploading from ftp, s3 or gs is not supported yet: send the file itself")
    if not body:
        raise BadRequest("Empty file")
    if len(body) > limits.upload_bytes_max:
        raise too_large(limits.upload_bytes_max, len(body))
    return body


def _decode_data_uri(text: bytes, limits: UploadSettings, *, is_base64: bool) -> bytes:
    if not is_base64:
        if len(text) > limits.body_bytes_max:  # decoding percent signs takes 30 times their length
            raise LimitExceeded(f"A data URI without base64 has at most {limits.body_bytes_max} bytes")
        return unquote_to_bytes(text)
    for escaped, plain in _ESCAPED:
        text = text.replace(escaped, plain)
    text = text.translate(None, b" \t\r\n")
    steps = range(0, len(text), BASE64_STEP_CHARS)
    try:
        if text.find(b"=", 0, -2) >= 0:
            raise binascii.Error("padding inside")
        return b"".join(binascii.a2b_base64(text[at : at + BASE64_STEP_CHARS], strict_mode=True) for at in steps)
    except binascii.Error as bad:
        raise BadRequest("Invalid data URI: not base64") from bad
