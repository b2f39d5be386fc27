"""The file of an upload, from whatever the call has in its place: bytes that are streamed in, a data URI, an address elsewhere.

What comes before it tells how large it may be: up to what its resource type may have where the caller is proved by then, up to
what a picture may have where not.
"""

from __future__ import annotations

import asyncio
import binascii
import re
from collections.abc import AsyncIterator
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from aiohttp import web

from domicile.media.errors import BadRequest, LimitExceeded
from domicile.media.remote import ADDRESS_CHARS_MAX
from origin.api.budget import Account
from origin.api.call import is_proved
from origin.api.forms import UploadForm, too_large
from origin.api.intake import STRANGERS_SHARE, Intake, intake
from origin.api.params import Params
from origin.keys import Origin
from origin.records import Body, Held, span_of, whole
from origin.remote import fetch, file_name_at

DATA_URI_HEAD_CHARS_MAX = 512
_DATA_URI = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w.+-]+=[^;,]*)*)(;base64)?,", re.ASCII)
_ESCAPED = ((b"%2B", b"+"), (b"%2b", b"+"), (b"%2F", b"/"), (b"%2f", b"/"), (b"%3D", b"="), (b"%3d", b"="))
"""What base64 looks like in a URI that was percent-encoded."""
_QUAD = 4
_REMOTE = re.compile(rb"https?://", re.IGNORECASE)
_REMOTE_ELSEWHERE = re.compile(r"(?:ftp|s3|gs):", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Of one call. What it takes in goes when `opened` is closed."""

    origin: Origin
    request: web.Request
    cloud: str
    resource_type: str
    account: Account
    opened: ExitStack

    async def take(self, pieces: AsyncIterator[bytes], before: Params, is_text: bool) -> Body:  # noqa: FBT001 - `forms.Take`
        """See `forms.Take`. Raises LimitExceeded; and as `Intake.write`."""
        limits = self.origin.settings.upload
        most, share, hint = limits.file_bytes_max(self.resource_type), 1, ""
        if not is_proved(self.request, self.origin, self.cloud, before):
            share = STRANGERS_SHARE
            if most > limits.upload_bytes_max:
                most, hint = (
                    limits.upload_bytes_max,
                    " A larger file comes behind the parameters that prove who sends it.",
                )
        room = (
            most * 4 // 3 + DATA_URI_HEAD_CHARS_MAX if is_text else most
        )  # a data URI is a third longer than its file
        file = self._begin(share)
        async for piece in pieces:
            if file.body_bytes + len(piece) > room:
                raise too_large(most, hint=hint)
            await file.write(piece)
        return await file.end()

    async def file_of(self, form: UploadForm) -> tuple[Body, str]:
        """The file, and what it is called. For callers who are known.

        BadRequest | LimitExceeded; RemoteFailed | RemoteGone; and as `Intake.write`.
        """
        if form.file is None:
            raise BadRequest("Missing required parameter - file")
        body, name = form.file, form.file_name
        if form.is_text:
            start = await span_of(body, 0, max(ADDRESS_CHARS_MAX * 4, DATA_URI_HEAD_CHARS_MAX))
            if _REMOTE.match(start) is not None:
                body, name = await self._fetched(start)
            else:
                body = await self._meant(body, start[:DATA_URI_HEAD_CHARS_MAX].decode("ascii", "replace"))
        if not body.body_bytes:
            raise BadRequest("Empty file")
        most = self.origin.settings.upload.file_bytes_max(self.resource_type)
        if body.body_bytes > most:
            raise too_large(most, body.body_bytes)
        return body, name

    def _begin(self, share: int = 1) -> Intake:
        return self.opened.enter_context(intake(self.origin.records.spool, self.cloud, self.account, share=share))

    async def _fetched(self, start: bytes) -> tuple[Body, str]:
        try:
            text = start[: ADDRESS_CHARS_MAX * 4].decode().strip()  # longer ones are refused by who reads it
        except UnicodeDecodeError as bad:
            raise BadRequest("Invalid URL - not UTF-8") from bad
        file, most = self._begin(), self.origin.settings.upload.file_bytes_max(self.resource_type)
        address = await fetch(self.origin, self.cloud, text, file.write, bytes_max=most)
        return await file.end(), file_name_at(address)

    async def _meant(self, text: Body, head: str) -> Body:
        """What a text means: what its data URI holds, or itself."""
        match = _DATA_URI.match(head)
        if match is None:
            if _REMOTE_ELSEWHERE.match(head):
                raise BadRequest("Uploading from ftp, s3 or gs is not supported yet: send the file itself")
            return text
        if match[3] is not None:
            return await self._decoded(text, match.end())
        limits = self.origin.settings.upload
        if text.body_bytes - match.end() > limits.body_bytes_max:  # decoding percent signs takes 30 times their length
            raise LimitExceeded(f"A data URI without base64 has at most {limits.body_bytes_max} bytes")
        return Held(unquote_to_bytes((await whole(text))[match.end() :]))

    async def _decoded(self, text: Body, start: int) -> Body:
        file, left = self._begin(), b""
        try:
            async with aclosing(text.pieces(start)) as pieces:
                async for piece in pieces:
                    plain, left = await asyncio.to_thread(from_base64, left + piece)
                    await file.write(plain)
            plain, _ = from_base64(left, is_last=True)
        except binascii.Error as bad:
            raise BadRequest("Invalid data URI: not base64") from bad
        await file.write(plain)
        return await file.end()


def from_base64(text: bytes, *, is_last: bool = False) -> tuple[bytes, bytes]:
    """What the beginning of a text holds, and the rest, which is to be put in front of what follows. Raises binascii.Error.

    >>> from_base64(b"aGVsbG8gd29ybG")
    (b'hello ', b'd29ybG')
    >>> from_base64(b"d29ybG" + b"Q%3D", is_last=True)
    (b'world', b'')
    """
    torn = b""
    if not is_last and (at := text.rfind(b"%", max(0, len(text) - 2))) >= 0:
        text, torn = text[:at], text[at:]
    for escaped, plain in _ESCAPED:
        text = text.replace(escaped, plain)
    text = text.translate(None, b" \t\r\n")
    if is_last:
        if text.find(b"=", 0, -2) >= 0:
            raise binascii.Error("padding inside")
        return binascii.a2b_base64(text, strict_mode=True), b""
    cut = max(0, len(text) // _QUAD - 1) * _QUAD  # padding may be in the last one
    if text.find(b"=", 0, cut) >= 0:
        raise binascii.Error("padding inside")
    return binascii.a2b_base64(text[:cut], strict_mode=True), text[cut:] + torn
