"""What the origin's wire answers, read under strict limits: bodies, errors, blobs.

Every failure is a kind of MediaError: what the origin says by its `WireError.code`, everything else UpstreamUnavailable.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import msgspec

from domicile.media import errors
from domicile.media.wire import CONTENT_TYPE, SEQUENCE_HEADER, WireError

PIECE_BYTES = 64 * 1024
"""Most bytes of a blob handed on at once."""

ERROR_BYTES_MAX = 16 * 1024
"""Largest body of an error that is read."""


class mapped:  # noqa: N801 - reads as a statement: with mapped(): ...
    """Turns what the client library raises into UpstreamUnavailable, in one place."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: object) -> None:
        if isinstance(raised, aiohttp.ClientError | OSError | asyncio.TimeoutError | ValueError):
            raise errors.UpstreamUnavailable("The origin cannot be reached") from raised


@dataclass(slots=True)
class Blob:
    """Sealed bytes of an original, from `start` on; `file_bytes` is the size of the whole sealed file."""

    epoch: int
    sequence: int
    start: int
    body_bytes: int
    file_bytes: int
    _response: aiohttp.ClientResponse

    async def pieces(self) -> AsyncIterator[bytes]:
        """Pieces of at most PIECE_BYTES. UpstreamUnavailable when the origin stops before `body_bytes`."""
        got = 0
        with mapped():
            async for piece in self._response.content.iter_chunked(PIECE_BYTES):
                got += len(piece)
                if got > self.body_bytes:
                    break
                yield piece
        if got != self.body_bytes:
            raise errors.UpstreamUnavailable("The origin sent another number of bytes than it said")

    async def read(self, bytes_max: int) -> bytes:
        """All of it. LimitExceeded before a byte is read when it is larger than `bytes_max`."""
        if self.body_bytes > bytes_max:
            raise errors.LimitExceeded("The original is larger than this edge takes")
        whole = bytearray()
        async for piece in self.pieces():
            whole += piece
        return bytes(whole)


async def read_whole(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    whole = bytearray()
    async for piece in response.content.iter_chunked(PIECE_BYTES):
        whole += piece
        if len(whole) > bytes_max:
            raise errors.UpstreamUnavailable("The origin's answer is too long")
    return bytes(whole)


def _kinds() -> dict[str, type[errors.MediaError]]:
    found = (value for value in vars(errors).values() if isinstance(value, type))
    kinds = [kind for kind in found if issubclass(kind, errors.MediaError)]
    return {re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower(): kind for kind in kinds}


KINDS = _kinds()
"""snake_case name of a MediaError class -> the class: what `WireError.code` means."""


async def refusal(response: aiohttp.ClientResponse) -> errors.MediaError:
    """The error that a non-200 answer stands for. A redirect is never followed, it is a failure."""
    unusable = errors.UpstreamUnavailable("The origin cannot be used now")
    if response.headers.get("Content-Type") != CONTENT_TYPE:
        return unusable
    try:
        said = msgspec.msgpack.decode(await read_whole(response, ERROR_BYTES_MAX), type=WireError)
    except (msgspec.MsgspecError, errors.UpstreamUnavailable):
        return unusable
    kind = KINDS.get(said.code)
    return unusable if kind is None else kind(said.message)


_SEQUENCE = re.compile(r"([0-9]{1,18}):([0-9]{1,18})")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})")


def blob_of(response: aiohttp.ClientResponse, *, start: int, ranged: bool) -> Blob:
    """Check what the origin says about the bytes before one of them is used."""
    stated = _SEQUENCE.fullmatch(response.headers.get(SEQUENCE_HEADER, ""))
    length = response.content_length
    if stated is None or length is None or ranged != (response.status == 206):
        raise errors.UpstreamUnavailable("The origin's answer lacks its sequence, its length or its range")
    whole = length
    if ranged:
        span = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if span is None or int(span[1]) != start or int(span[2]) - start + 1 != length:
            raise errors.UpstreamUnavailable("The origin sent another range")
        whole = int(span[3])
    return Blob(
        epoch=int(stated[1]),
        sequence=int(stated[2]),
        start=start,
        body_bytes=length,
        file_bytes=whole,
        _response=response,
    )
