"""The origin's way elsewhere, to addresses that were checked: pictures are fetched with GET, and nothing of ours goes along;
notifications are sent with POST.

    fetched = await client.fetch(permit, address, hosts=policy.remote.hosts, bytes_max=..., taken=account.take)
    status = await client.post(permit, address, hosts=policy.notifications.hosts, body=..., headers=...)

A name is resolved once for each request and all of its addresses are judged (media/addresses.py); the connection goes to
one of those very addresses, and the socket is judged again when it is made: nothing is looked up in between. TLS is
verified for the name. Redirects of a GET are followed here, each judged like the first address; those of a POST are not. No cookies, credentials, referrers
or proxies; no decompression: an answer in another encoding is refused. Whatever fails is RemoteFailed (RemoteGone when it is not there), in the words that
Cloudinary's clients know.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from domicile.media.addresses import may_connect
from domicile.media.errors import BadRequest, LimitExceeded, Overloaded, RemoteFailed, RemoteGone
from domicile.media.policy import Activity, Permit
from domicile.media.remote import RemoteAddress, is_listed, redirected
from domicile.service.gate.sessions import USER_AGENT, new_session

PIECE_BYTES = 64 * 1024
ADDRESSES_MAX = 32
"""Of one name; more is no answer that a picture's host gives."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})
GONE = frozenset({404, 410})
_HEADERS = {"Accept": "image/*"}

Resolve = Callable[[str, int], Awaitable[list[tuple[int, str]]]]
"""Host and port to (family, address): everything that the name means now. Raises OSError."""


async def system_resolve(host: str, port: int) -> list[tuple[int, str]]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, str(at[0])) for family, _, _, _, at in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteLimits:
    """Time-outs and counts of one client."""

    connect_seconds_max: float = 5.0
    read_seconds_max: float = 10.0
    """Without a byte."""
    seconds_max: float = 30.0
    """Of one fetch, redirects included."""
    redirects_max: int = 3
    fetches_max: int = 16
    """Fetched and sent at a time; the next is Overloaded."""


Into = Callable[[bytes], Awaitable[None]]
"""Takes what comes, piece by piece, and may raise."""


class Unlisted(RemoteFailed):
    """A host that the policy does not list."""


class _Refused(OSError):
    """An address that may not be connected to. An OSError, so that the client library treats it as no connection."""


class RemoteClient:
    """Fetches of one process, or what it sends."""

    def __init__(
        self,
        limits: RemoteLimits,
        *,
        private_hosts: Iterable[str] = (),
        authorities: ssl.SSLContext | None = None,
        resolve: Resolve = system_resolve,
    ) -> None:
        """`private_hosts`: names that may lie on this machine or in a private network."""
        self._limits = limits
        self._private = frozenset(private_hosts)
        self._tls = authorities or ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
        self._resolve = resolve
        self._running = 0

    async def fetch(
        self,
        permit: Permit,
        address: RemoteAddress,
        *,
        hosts: tuple[str, ...],
        bytes_max: int,
        into: Into,
    ) -> RemoteAddress:
        """The bytes at an address, and where they were in the end. `hosts`: what the policy lists.

        `permit`: Activity.INGRESS_FETCH. RemoteFailed; RemoteGone; LimitExceeded; Overloaded.
        """
        permit.require(Activity.INGRESS_FETCH, permit.tenant)
        with self._turn(address):
            async with asyncio.timeout(self._limits.seconds_max):
                return await self._follow(address, hosts, bytes_max, into)

    async def post(
        self,
        permit: Permit,
        address: RemoteAddress,
        *,
        hosts: tuple[str, ...],
        body: bytes,
        headers: Mapping[str, str],
    ) -> int:
        """Send a body once, and answer the status. What is answered beside it is not read, no redirect is followed.

        `permit`: Activity.EGRESS_WEBHOOK. Unlisted; RemoteFailed: there is no answer; Overloaded.
        """
        permit.require(Activity.EGRESS_WEBHOOK, permit.tenant)
        if not is_listed(address, hosts):
            raise Unlisted(failed(address, "the host is not in this cloud's list").message)
        with self._turn(address):
            async with (
                asyncio.timeout(self._limits.seconds_max),
                self._session(address) as http,
                http.post(address.url, data=body, headers=headers, allow_redirects=False, max_redirects=0) as response,
            ):
                return response.status

    @contextmanager
    def _turn(self, address: RemoteAddress) -> Iterator[None]:
        """One of those that may be under way, with our words for what goes wrong."""
        if self._running >= self._limits.fetches_max:
            raise Overloaded("Too many fetches at once, try again")
        self._running += 1
        try:
            yield
        except TimeoutError as late:
            raise failed(address, "timed out") from late
        except aiohttp.ClientConnectorCertificateError as bad:
            raise failed(address, "the certificate is not valid for this host") from bad
        except ssl.SSLError as bad:
            raise failed(address, "TLS failed") from bad
        except (aiohttp.ClientConnectorError, aiohttp.ServerDisconnectedError) as bad:
            blocked = isinstance(bad.__cause__, _Refused) or isinstance(getattr(bad, "os_error", None), _Refused)
            raise failed(address, "the address is not public" if blocked else "couldn't connect to server") from bad
        except (aiohttp.ClientError, OSError, ValueError) as bad:
            raise failed(address, "the answer cannot be read") from bad
        finally:
            self._running -= 1

    async def _follow(
        self, address: RemoteAddress, hosts: tuple[str, ...], bytes_max: int, into: Into
    ) -> RemoteAddress:
        target = address
        for _ in range(self._limits.redirects_max + 1):
            if not is_listed(target, hosts):
                raise failed(address, "the host is not in this cloud's list")
            elsewhere = await self._once(target, bytes_max, into, asked=address)
            if elsewhere is None:
                return target
            try:
                target = redirected(target, elsewhere)
            except BadRequest as bad:
                raise failed(address, "a redirect that is not followed") from bad
        raise failed(address, "too many redirects")

    async def _once(self, target: RemoteAddress, bytes_max: int, into: Into, *, asked: RemoteAddress) -> str | None:
        """None: they came; or where they are to be looked for."""
        async with (
            self._session(target) as http,
            http.get(target.url, headers=_HEADERS, allow_redirects=False, max_redirects=0) as response,
        ):
            if response.status in REDIRECTS:
                return response.headers.get("Location", "")
            if response.status in GONE:
                raise RemoteGone(failed(asked, _phrase(response.status)).message)
            if response.status != 200:
                raise failed(asked, _phrase(response.status))
            if response.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
                raise failed(asked, "the answer is compressed")
            if response.content_length is not None and response.content_length > bytes_max:
                raise _too_large(bytes_max, response.content_length)
            came = 0
            async for piece in response.content.iter_chunked(PIECE_BYTES):
                came += len(piece)
                if came > bytes_max:
                    raise _too_large(bytes_max)
                await into(piece)
        if not came:
            raise failed(asked, "the answer is empty")
        return None

    @asynccontextmanager
    async def _session(self, target: RemoteAddress) -> AsyncIterator[aiohttp.ClientSession]:
        """For one request: no connection is kept, so none is taken over by another name."""
        private = target.host in self._private
        limits = self._limits

        def _socket(info: tuple[Any, ...]) -> socket.socket:
            family, kind, protocol, _, at = info
            if not may_connect(str(at[0]), private=private):
                raise _Refused("not a public address")
            return socket.socket(family, kind, protocol)

        connector = aiohttp.TCPConnector(
            resolver=_Judging(self._resolve, private=private),
            socket_factory=_socket,
            use_dns_cache=False,
            force_close=True,
            ssl=self._tls,
            limit=1,
        )
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=limits.connect_seconds_max, sock_read=limits.read_seconds_max
        )
        async with new_session(connector, timeout, USER_AGENT) as http:
            yield http


class _Judging(AbstractResolver):
    """Resolves once and lets pass all addresses of a name or none: one that is not public among others is no accident."""

    def __init__(self, resolve: Resolve, *, private: bool) -> None:
        self._resolve = resolve
        self._private = private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = list(dict.fromkeys(await self._resolve(host, port)))
        if not found or len(found) > ADDRESSES_MAX:
            raise OSError("no address")
        if not all(may_connect(address, private=self._private) for _, address in found):
            raise _Refused("not a public address")
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for kind, address in found
        ]

    async def close(self) -> None:
        """Nothing is open."""


def failed(address: RemoteAddress, why: str) -> RemoteFailed:
    """Cloudinary's wording, with the address as it was asked for."""
    return RemoteFailed(f"Error in loading {address.url} - {why}")


def authorities(file: Path | None) -> ssl.SSLContext:
    """Whose certificates are believed: the system's, or those of a file alone. Raises OSError, ssl.SSLError."""
    return ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=file)


def _phrase(status: int) -> str:
    """Never the other side's own words."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _too_large(limit: int, got: int | None = None) -> LimitExceeded:
    size = f" Got {got}." if got is not None else ""
    return LimitExceeded(f"File size too large.{size} Maximum is {limit}.")
