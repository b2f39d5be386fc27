"""From one edge to another, its parent: ask for a rendition that it may have, sealed under the key that the origin gave both.

    POST /_tier/v1/rendition    question -> 200 and a sealed file, anything else and a refusal

TLS 1.3 with zone certificates at both ends; the parent's must be of the region that the question is meant for, and is looked at
before anything is sent. The caller reads the answer; here are the connection and its limits.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.connector import Connection

from domicile.media.policy import Activity, Permit
from domicile.media.wire import CONTENT_TYPE, REGION_HEADER
from domicile.service.gate.sessions import new_session
from domicile.service.tls import NO_PASSWORD
from domicile.service.zones import zone_of

PATH = "/_tier/v1/rendition"
ANSWER_BYTES_MAX = 64 * 1024 * 1024
TRANSFER_BYTES_MAX = 128 * 1024 * 1024
"""Bytes of answers that one worker takes in at the same time."""
KEEPALIVE_SECONDS = 30.0


class ParentGone(Exception):
    """The parent does not answer, not in time, or with something that cannot be used."""

    def __init__(self, reason: str, *, is_unreachable: bool = False) -> None:
        """`is_unreachable`: there is no connection to it, whatever it is asked."""
        super().__init__(reason)
        self.is_unreachable = is_unreachable


@dataclass(frozen=True, slots=True, kw_only=True)
class TierReply:
    status: int
    body: bytes


class _Connector(aiohttp.TCPConnector):
    """Hands out connections to one region alone: a question holds names, which go nowhere else."""

    def __init__(self, parent_region: str, **how: Any) -> None:
        super().__init__(**how)
        self._parent_region = parent_region

    async def connect(self, *asked: Any, **how: Any) -> Connection:
        connection = await super().connect(*asked, **how)
        transport = connection.transport
        certificate = None if transport is None else transport.get_extra_info("peercert")
        if not certificate or zone_of(certificate) != self._parent_region:
            connection.close()
            raise ParentGone("a certificate of another region", is_unreachable=True)
        return connection


class TierClient:
    """One worker's connections to its parent."""

    def __init__(self, http: aiohttp.ClientSession, base: str) -> None:
        self._http = http
        self._url = base + PATH
        self._on_the_way = 0

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        base: str,
        *,
        region: str,
        parent_region: str,
        tls: ssl.SSLContext,
        connect_seconds_max: float,
        answer_seconds_max: float,
        connections_max: int,
    ) -> AsyncIterator[TierClient]:
        """`base`: https://HOST[:PORT]. `region`: of this node, as its certificate has it."""
        timeout = aiohttp.ClientTimeout(
            total=answer_seconds_max, sock_connect=connect_seconds_max, sock_read=answer_seconds_max
        )
        connector = _Connector(parent_region, limit=connections_max, keepalive_timeout=KEEPALIVE_SECONDS, ssl=tls)
        async with new_session(connector, timeout, {REGION_HEADER: region, "Content-Type": CONTENT_TYPE}) as http:
            yield cls(http, base)

    async def ask(self, permit: Permit, tenant: str, question: bytes) -> TierReply:
        """`permit`: Activity.METADATA of the tenant in the parent's region, for names go there. Raises ParentGone."""
        permit.require(Activity.METADATA, tenant)
        try:
            async with self._http.post(self._url, data=question, allow_redirects=False) as response:
                return await self._taken_in(response)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as gone:
            raise ParentGone(type(gone).__name__, is_unreachable=True) from gone
        except (aiohttp.ClientError, asyncio.IncompleteReadError, TimeoutError, OSError, ValueError) as gone:
            raise ParentGone(type(gone).__name__) from gone

    async def _taken_in(self, response: aiohttp.ClientResponse) -> TierReply:
        length = response.content_length
        if length is None or length > ANSWER_BYTES_MAX or self._on_the_way + length > TRANSFER_BYTES_MAX:
            raise ParentGone("an answer without a length, or too much at a time")
        self._on_the_way += length
        try:
            return TierReply(status=response.status, body=await response.content.readexactly(length))
        finally:
            self._on_the_way -= length


def client_tls(*, ca_file: str, certificate_file: str, key_file: str | None) -> ssl.SSLContext:
    """What a child shows, and whom it believes. Raises OSError (ssl.SSLError is one)."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate_file, key_file, NO_PASSWORD)
    return context
