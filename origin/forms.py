"""Reading the body of a call: a form with one file streamed in, or plain parameters; every size is limited by name.

A file never touches the disk: it is gathered in memory, inside a budget that all running uploads share. Anything that
is not what it says (broken multipart, bad base64, wrong encoding) is a BadRequest.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote_to_bytes

from aiohttp import BodyPartReader, ClientPayloadError, StreamReader, web
from aiohttp.http_exceptions import BadHttpMessage

from domicile.media.errors import BadRequest, LimitExceeded, Overloaded
from origin.params import Params, from_json, from_pairs
from origin.settings import UploadSettings

CHUNK_BYTES = 64 * 1024
DATA_URI_HEAD_CHARS_MAX = 512
FILE_NAME_CHARS_MAX = 255

_DATA_URI = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w.+-]+=[^;,]*)*)(;base64)?,", re.ASCII)
_REMOTE = re.compile(r"(?:https?|ftp|s3|gs):", re.IGNORECASE)


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
    body: bytes | None = field(repr=False)
    """None: no file was sent."""
    file_name: str = field(default="", repr=False)
    """As sent, without directories."""


def too_large(limit: int, got: int | None = None) -> LimitExceeded:
    """Cloudinary's wording."""
    size = f" Got {got}." if got is not None else ""
    return LimitExceeded(f"File size too large.{size} Maximum is {limit}.")


async def read_upload(request: web.Request, limits: UploadSettings, account: Account) -> UploadForm:
    """The form of an upload. BadRequest | LimitExceeded | Overloaded."""
    try:
        async with asyncio.timeout(limits.body_seconds_max):
            if request.content_type == "multipart/form-data":
                return await _read_multipart(request, limits, account)
            return await _read_flat(request, limits, account)
    except TimeoutError as late:
        raise BadRequest("The request body did not arrive in time") from late
    except (ValueError, ClientPayloadError, BadHttpMessage, LookupError) as broken:
        raise BadRequest("Malformed request body") from broken


async def read_params(request: web.Request, limits: UploadSettings) -> Params:
    """Parameters of a call without a file: query and body together (JSON, urlencoded or multipart)."""
    query = parse_qsl(request.query_string, keep_blank_values=True, max_num_fields=limits.fields_max)
    if not request.can_read_body or request.method == "GET":
        return from_pairs(query, fields_max=limits.fields_max)
    if request.content_type == "multipart/form-data":
        with Budget(limits.body_bytes_max).account() as account:
            form = await read_upload(request, limits, account)
        if form.body is not None:
            raise BadRequest("Unknown parameter - file")
        return form.params
    try:
        async with asyncio.timeout(limits.body_seconds_max):
            body = await _gather(request.content, limits.body_bytes_max)
    except TimeoutError as late:
        raise BadRequest("The request body did not arrive in time") from late
    except ClientPayloadError as broken:
        raise BadRequest("Malformed request body") from broken
    if request.content_type == "application/json":
        given = from_json(body)
        return Params({**from_pairs(query, fields_max=limits.fields_max).values, **given.values})
    return from_pairs([*query, *_pairs(body, limits)], fields_max=limits.fields_max)


async def _read_multipart(request: web.Request, limits: UploadSettings, account: Account) -> UploadForm:
    pairs: list[tuple[str, str]] = []
    body: bytes | None = None
    file_name = ""
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise BadRequest("Malformed request body")
        if len(pairs) > limits.fields_max:
            raise BadRequest(f"Too many parameters: at most {limits.fields_max}")
        if part.name == "file":
            if body is not None:
                raise BadRequest("A parameter was given twice")
            raw = await _read_file(part, limits, account)
            body, file_name = _file_of(raw, part.filename, limits)
        else:
            pairs.append((part.name, (await _read_field(part, limits)).decode()))
    return UploadForm(params=from_pairs(pairs, fields_max=limits.fields_max), body=body, file_name=file_name)


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


async def _read_field(part: BodyPartReader, limits: UploadSettings) -> bytes:
    gathered = bytearray()
    while chunk := await part.read_chunk(CHUNK_BYTES):
        if len(gathered) + len(chunk) > limits.field_bytes_max:
            raise BadRequest(f"A parameter is too long: at most {limits.field_bytes_max} bytes")
        gathered += chunk
    return bytes(gathered)


async def _read_flat(request: web.Request, limits: UploadSettings, account: Account) -> UploadForm:
    most = limits.upload_bytes_max * 4 // 3 * 3 if request.can_read_body else 0  # base64's + and / may come as %2B, %2F
    raw = await _gather(request.content, most, account)
    params = (
        from_json(raw)
        if request.content_type == "application/json"
        else from_pairs(_pairs(raw, limits), fields_max=limits.fields_max)
    )
    values = dict(params.values)
    text = values.pop("file", None)
    if isinstance(text, list):
        raise BadRequest("Invalid value for parameter file")
    if text is None:
        return UploadForm(params=Params(values), body=None)
    body, file_name = _file_of(text.encode(), None, limits)
    return UploadForm(params=Params(values), body=body, file_name=file_name)


async def _gather(content: StreamReader, bytes_max: int, account: Account | None = None) -> bytes:
    gathered = bytearray()
    async for chunk in content.iter_chunked(CHUNK_BYTES):
        if len(gathered) + len(chunk) > bytes_max:
            raise LimitExceeded(f"Request body too large. Maximum is {bytes_max}.")
        if account is not None:
            account.take(len(chunk))
        gathered += chunk
    return bytes(gathered)


def _pairs(body: bytes, limits: UploadSettings) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=limits.fields_max)
    except (ValueError, UnicodeDecodeError) as bad:
        raise BadRequest("Malformed request body") from bad


def _file_of(raw: bytes, file_name: str | None, limits: UploadSettings) -> tuple[bytes, str]:
    """(bytes of the file, its name) of a `file` part: a real file, or a text that is a data URI or an address."""
    if file_name is not None:
        return raw, file_name.replace("\\", "/").rsplit("/", 1)[-1][:FILE_NAME_CHARS_MAX]
    head = raw[:DATA_URI_HEAD_CHARS_MAX].decode("ascii", "replace")
    match = _DATA_URI.match(head)
    if match is not None:
        body = _decode_data_uri(raw[match.end() :], is_base64=match[3] is not None)
        if len(body) > limits.upload_bytes_max:
            raise too_large(limits.upload_bytes_max, len(body))
        return body, ""
    if _REMOTE.match(head):
        raise BadRequest("Uploading from a remote URL is not supported yet: send the file itself")
    return raw, ""


def _decode_data_uri(text: bytes, *, is_base64: bool) -> bytes:
    if not is_base64:
        return unquote_to_bytes(text)
    try:
        plain = unquote_to_bytes(text) if b"%" in text else text
        return base64.b64decode(plain.translate(None, b" \t\r\n"), validate=True)
    except binascii.Error as bad:
        raise BadRequest("Invalid data URI: not base64") from bad
