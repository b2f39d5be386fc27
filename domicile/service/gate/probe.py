"""Asking an address, as a viewer would, whether it still gives away what was erased: a CDN's, or a node's own.

No redirects (elsewhere is not the place that is asked about), no cookies, no proxies; bounded in time and in what is read. Nothing of what
came is kept but its status, its validator and a digest. It says that it is a browser: a firewall that answers programs 404, and nobody
else, would have it that all is gone.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from yarl import URL

from domicile.media.cdn_calls.port import retry_seconds
from domicile.media.policy import Activity, Permit
from domicile.media.probe import ACCEPTS, BODY_BYTES_MAX, TOO_OFTEN, Answered
from domicile.service.gate.sessions import HEADERS_OUTSIDE_MAX, new_session

CONNECT_SECONDS_MAX = 5.0
ANSWER_SECONDS_MAX = 10.0
CONNECTIONS_MAX = 8
VIEWER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"


class ProbeClient:
    """Questions of one process."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        """For `open`."""
        self._session = session

    @classmethod
    @asynccontextmanager
    async def open(cls, tls: ssl.SSLContext | None = None) -> AsyncIterator[ProbeClient]:
        """`tls`: whom to believe; the usual authorities otherwise."""
        connector = aiohttp.TCPConnector(
            limit=CONNECTIONS_MAX, ssl=tls or ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
        )
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS_MAX, sock_connect=CONNECT_SECONDS_MAX)
        headers = {"User-Agent": VIEWER, "Accept": ACCEPTS[0]}
        async with new_session(connector, timeout, headers, headers_max=HEADERS_OUTSIDE_MAX) as session:
            yield cls(session)

    async def ask(
        self, permit: Permit, tenant: str, base: str, target: str, headers: Mapping[str, str]
    ) -> Answered | None:
        """What `base` (scheme and authority) answers to a GET of `target`; None when it does not.

        `permit`: Activity.DELIVER; what goes out is what viewers ask.
        """
        permit.require(Activity.DELIVER, tenant)
        try:
            async with self._session.get(
                URL(base + target, encoded=True), headers=headers, allow_redirects=False
            ) as answer:
                digest, left = hashlib.md5(usedforsecurity=False), BODY_BYTES_MAX
                while left and (piece := await answer.content.read(left)):
                    digest.update(piece)
                    left -= len(piece)
                md5 = digest.hexdigest() if left else ""
                etag, wait = answer.headers.get("ETag", ""), answer.headers.get("Retry-After", "")
                wait_seconds = retry_seconds(wait) if answer.status == TOO_OFTEN else 0.0
                return Answered(status=answer.status, etag=etag, md5=md5, wait_seconds=wait_seconds)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None
