"""An operator's way to an account of the API, here or at Cloudinary: assets are listed, originals come and go.

    async with AccountClient.open(account, Activity.STORE, "demo", connections_max=4) as client:
        page = await client.ask(permit, "GET", "/resources/image/upload", query)
        with await client.download(permit, asset) as original: ...
        await client.upload(permit, "image", fields, original)

What may pass (too many calls, a server that fails, a connection that breaks) is tried again, a bounded number of times; what
remains is Refused, in the server's words. No redirects, no cookies, no proxies. Originals lie in anonymous files meanwhile.
"""

from __future__ import annotations

import asyncio
import email.utils
import hashlib
import json
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Self

from domicile.media.account import Account
from domicile.media.policy import Activity, Permit
from domicile.media.signature import sign_parameters

if TYPE_CHECKING:
    import aiohttp  # where it is used: a quarter of what every command loads, and most have no account to ask

ANSWER_BYTES_MAX = 32 * 1024 * 1024
FILE_BYTES_MAX = 20 * 1024 * 1024 * 1024
PIECE_BYTES = 256 * 1024
CHUNK_BYTES = 20 * 1024 * 1024
"""Larger files are sent in chunks of this size."""
CONNECT_SECONDS_MAX = 10.0
READ_SECONDS_MAX = 120.0
"""Without a byte."""
CALL_SECONDS_MAX = 3600.0
ATTEMPTS_MAX = 6
CONNECT_ATTEMPTS_MAX = 3
"""Where nobody listens: more would only keep an operator waiting who has mistyped a port."""
BACK_OFF_SECONDS = 1.0
BACK_OFF_SECONDS_MAX = 60.0
RATE_WAIT_SECONDS_MAX = 3700.0
"""Longest wait for an account that says when it takes calls again: Cloudinary counts by the hour."""
PASSING = frozenset({420, 429, 500, 502, 503, 504})

Query = Iterable[tuple[str, str]]


class Refused(Exception):
    """The other side does not do it, in its own words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class Original:
    """A file that has come; it is gone when it is closed."""

    file: IO[bytes]
    body_bytes: int = 0
    md5: str = ""
    sha256: str = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def read(self, count: int) -> bytes:
        return self.file.read(count)


@dataclass(slots=True)
class _Taking:
    """An original that is coming."""

    file: IO[bytes] = field(default_factory=tempfile.TemporaryFile)
    md5: Any = field(default_factory=lambda: hashlib.md5(usedforsecurity=False))
    sha256: Any = field(default_factory=hashlib.sha256)
    body_bytes: int = 0

    def write(self, piece: bytes) -> None:
        self.body_bytes += len(piece)
        if self.body_bytes > FILE_BYTES_MAX:
            raise Refused(0, f"the file is larger than {FILE_BYTES_MAX} bytes")
        self.md5.update(piece)
        self.sha256.update(piece)
        self.file.write(piece)

    def done(self) -> Original:
        self.file.seek(0)
        return Original(self.file, self.body_bytes, self.md5.hexdigest(), self.sha256.hexdigest())


async def taken(permit: Permit, pieces: AsyncIterator[bytes]) -> Original:
    """A file of this machine, or of a bucket, as an original. `permit`: Activity.STORE, or INGRESS_FETCH."""
    if permit.activity is not Activity.INGRESS_FETCH:
        permit.require(Activity.STORE, permit.tenant)
    taking = _Taking()
    try:
        async for piece in pieces:
            await asyncio.to_thread(taking.write, piece)
    except BaseException:
        taking.file.close()
        raise
    return taking.done()


class AccountClient:
    """Of one account, for one activity of one cloud's policy."""

    def __init__(self, account: Account, activity: Activity, tenant: str, http: aiohttp.ClientSession) -> None:
        self.account = account
        self._activity = activity
        self._tenant = tenant
        self._http = http

    @classmethod
    @asynccontextmanager
    async def open(
        cls, account: Account, activity: Activity, tenant: str, *, connections_max: int
    ) -> AsyncIterator[AccountClient]:
        import aiohttp

        from domicile.service.gate.sessions import HEADERS_OUTSIDE_MAX, USER_AGENT, new_session

        timeout = aiohttp.ClientTimeout(
            total=CALL_SECONDS_MAX, sock_connect=CONNECT_SECONDS_MAX, sock_read=READ_SECONDS_MAX
        )
        connector = aiohttp.TCPConnector(limit=connections_max)
        async with new_session(
            connector, timeout, USER_AGENT, headers_max=HEADERS_OUTSIDE_MAX, decompresses=True
        ) as http:
            yield cls(account, activity, tenant, http)

    async def ask(
        self, permit: Permit, method: str, path: str, query: Query = (), *, body: object = None
    ) -> dict[str, Any]:
        """One call of the Admin API. Raises Refused."""
        permit.require(self._activity, self._tenant)
        answer: dict[str, Any] = await self._tried(lambda: self._ask(method, path, query, body))
        return answer

    async def download(self, permit: Permit, asset: Mapping[str, Any]) -> Original:
        """The original of an asset, whatever its type. Raises Refused."""
        permit.require(self._activity, self._tenant)
        original: Original = await self._tried(lambda: self._download(asset))
        return original

    async def fetch_once(self, permit: Permit, path: str, query: Query) -> Original:
        """What lies behind a link that works once, so that nothing is tried again. Raises Refused."""
        import aiohttp

        permit.require(self._activity, self._tenant)
        url, values = self.account.base + path, list(query)
        try:
            async with self._http.get(url, params=values, headers=self._basic, allow_redirects=False) as response:
                return await _received(response)
        except (_TryAgain, aiohttp.ClientError, TimeoutError) as failed:
            raise Refused(0, str(failed) or type(failed).__name__) from failed

    async def upload(
        self, permit: Permit, resource_type: str, fields: Mapping[str, str], original: Original
    ) -> dict[str, Any]:
        """An asset made of it; an existing one is replaced. Raises Refused."""
        permit.require(self._activity, self._tenant)
        upload_id, size = secrets.token_hex(8), original.body_bytes
        answer: dict[str, Any] = {}
        for start in range(0, max(size, 1), CHUNK_BYTES):
            end = min(start + CHUNK_BYTES, size)
            headers = {}
            if size > CHUNK_BYTES:
                headers = {"X-Unique-Upload-Id": upload_id, "Content-Range": f"bytes {start}-{end - 1}/{size}"}
            await asyncio.to_thread(original.file.seek, start)
            piece = await asyncio.to_thread(original.read, end - start)
            answer = await self._tried(partial(self._post, resource_type, fields, piece, headers))
        return answer

    async def _tried(self, attempt: Any) -> Any:
        """The result, or Refused once nothing more is to be hoped for."""
        import aiohttp

        for number in range(1, ATTEMPTS_MAX + 1):
            try:
                return await attempt()
            except (_TryAgain, aiohttp.ClientConnectionError, TimeoutError, aiohttp.ClientPayloadError) as passing:
                most = CONNECT_ATTEMPTS_MAX if isinstance(passing, aiohttp.ClientConnectorError) else ATTEMPTS_MAX
                if number >= most:
                    status = passing.status if isinstance(passing, _TryAgain) else 0
                    raise Refused(status, f"{str(passing) or type(passing).__name__} ({number} attempts)") from passing
                usual = min(BACK_OFF_SECONDS * 2 ** (number - 1), BACK_OFF_SECONDS_MAX)
                said = passing.seconds if isinstance(passing, _TryAgain) else 0.0
                await asyncio.sleep(max(usual, said))
        raise AssertionError("unreachable")

    async def _ask(self, method: str, path: str, query: Query, body: object) -> dict[str, Any]:
        async with self._http.request(
            method,
            self.account.base + path,
            params=list(query),
            json=body,
            headers=self._basic,
            allow_redirects=False,
        ) as response:
            return await _answer(response)

    async def _download(self, asset: Mapping[str, Any]) -> Original:
        """By the signed URL that SDKs make for it: whoever delivers would strip it, or want a signature of its own."""
        values = {"public_id": str(asset["public_id"]), "type": str(asset["type"]), "timestamp": str(int(time.time()))}
        if asset.get("format"):
            values["format"] = str(asset["format"])
        values["signature"] = sign_parameters(values, self.account.api_secret)
        values["api_key"] = self.account.api_key
        url = f"{self.account.base}/{asset['resource_type']}/download"
        async with self._http.get(url, params=values, allow_redirects=False) as response:
            return await _received(response)

    async def _post(
        self, resource_type: str, fields: Mapping[str, str], piece: bytes, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        import aiohttp

        form = aiohttp.FormData(dict(fields))
        name = fields["public_id"].rpartition("/")[2]
        form.add_field("file", piece, filename=name, content_type="application/octet-stream")
        url = f"{self.account.base}/{resource_type}/upload"
        async with self._http.post(
            url, data=form, headers={**self._basic, **headers}, allow_redirects=False
        ) as response:
            return await _answer(response)

    @property
    def _basic(self) -> dict[str, str]:
        import aiohttp

        return {"Authorization": aiohttp.encode_basic_auth(self.account.api_key, self.account.api_secret)}


class _TryAgain(Exception):
    def __init__(self, status: int, message: str, seconds: float) -> None:
        super().__init__(message)
        self.status = status
        self.seconds = seconds


async def _received(response: aiohttp.ClientResponse) -> Original:
    """A file. Raises Refused, _TryAgain."""
    if response.status != 200:
        await _answer(response)
    taking = _Taking()
    try:
        async for piece in response.content.iter_chunked(PIECE_BYTES):
            await asyncio.to_thread(taking.write, piece)
    except BaseException:
        taking.file.close()
        raise
    return taking.done()


async def _answer(response: aiohttp.ClientResponse) -> dict[str, Any]:
    """The JSON object. Raises Refused, _TryAgain."""
    raw = bytearray()
    async for piece in response.content.iter_chunked(PIECE_BYTES):
        raw += piece
        if len(raw) > ANSWER_BYTES_MAX:
            raise Refused(response.status, "the answer is larger than this command reads")
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):  # objects in objects, thousands deep
        said = {}
    said = said if isinstance(said, dict) else {}
    if response.status == 200:
        return said
    error = said.get("error")
    message = str(error.get("message", "")) if isinstance(error, dict) else ""
    shown = message or f"status {response.status}"
    if response.status in PASSING and not message.startswith("Quota exceeded"):
        raise _TryAgain(response.status, shown, _wait_of(response))
    raise Refused(response.status, shown)


def _wait_of(response: aiohttp.ClientResponse) -> float:
    """How long the other side says that nothing will change."""
    if response.status not in {420, 429}:
        return 0.0
    reset = _time_of(response.headers.get("X-FeatureRateLimit-Reset", ""))
    if reset is not None and response.headers.get("X-FeatureRateLimit-Remaining") in {None, "0"}:
        return min(max(reset - time.time(), 0.0) + 1.0, RATE_WAIT_SECONDS_MAX)
    after = response.headers.get("Retry-After", "")
    return min(float(after), RATE_WAIT_SECONDS_MAX) if after.isdecimal() and after.isascii() else 0.0


def _time_of(text: str) -> float | None:
    """In Unix seconds; None for what is no time."""
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
