"""The way to the APIs of CDNs: opaque tags go out, and what the CDN says of its purge comes back.

No redirects (a CDN's API does not move, and a POST that is repeated elsewhere tells somebody else), TLS verified, no cookies, no
proxies, bounded in time and in what is read of an answer.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp

from domicile.media.cdn_calls import Call
from domicile.media.cdn_calls.port import ANSWER_BYTES_MAX
from domicile.media.errors import UpstreamUnavailable
from domicile.media.policy import Activity, Permit
from domicile.service.gate.sessions import HEADERS_OUTSIDE_MAX, USER_AGENT, new_session

CONNECT_SECONDS_MAX = 5.0
CALL_SECONDS_MAX = 30.0
CONNECTIONS_MAX = 8
"""To all CDNs together; a call waits for one within its time."""


class CdnClient:
    """Calls of one process."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        """For `open`."""
        self._session = session

    @classmethod
    @asynccontextmanager
    async def open(cls, authorities: ssl.SSLContext | None = None) -> AsyncIterator[CdnClient]:
        connector = aiohttp.TCPConnector(
            limit=CONNECTIONS_MAX, ssl=authorities or ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
        )
        timeout = aiohttp.ClientTimeout(total=CALL_SECONDS_MAX, sock_connect=CONNECT_SECONDS_MAX)
        async with new_session(connector, timeout, USER_AGENT, headers_max=HEADERS_OUTSIDE_MAX) as session:
            yield cls(session)

    async def call(self, permit: Permit, tenant: str, call: Call) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers by lower-case names, and at most ANSWER_BYTES_MAX + 1 bytes. UpstreamUnavailable.

        `permit`: Activity.METADATA here; what goes out are tags that tell of nobody.
        """
        permit.require(Activity.METADATA, tenant)
        try:
            async with self._session.request(
                call.method,
                call.url,
                data=call.body or None,
                headers=call.headers,
                allow_redirects=False,
            ) as answer:
                body = bytearray()
                while len(body) <= ANSWER_BYTES_MAX and (piece := await answer.content.read(_room(body))):
                    body += piece
                return answer.status, {name.lower(): value for name, value in answer.headers.items()}, bytes(body)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as failed:
            raise UpstreamUnavailable("the CDN cannot be reached") from failed


def _room(body: bytearray) -> int:
    return ANSWER_BYTES_MAX + 1 - len(body)
