"""From one worker to another of the same node: ask the owner of an object for it, over its UNIX socket (mode 0600).

The caller reads the answer; here are only the connection, its limits and the one error that matters: the owner is gone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from domicile.media.policy import Activity, Permit

PATH = "/_peer/v1/object"
PIECE_BYTES = 256 * 1024
CONNECT_SECONDS_MAX = 0.5
CONNECTIONS_MAX = 256
KEEPALIVE_SECONDS = 10.0


class PeerGone(Exception):
    """The owner does not answer, or stopped in the middle: who asked fetches by himself."""


class PeerClient:
    """This worker's connections to the others."""

    def __init__(self, socket_of: Callable[[int], Path], *, answer_seconds_max: float) -> None:
        self._socket_of = socket_of
        self._timeout = aiohttp.ClientTimeout(
            total=answer_seconds_max, sock_connect=CONNECT_SECONDS_MAX, sock_read=answer_seconds_max
        )
        self._clients: dict[int, aiohttp.ClientSession] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, socket_of: Callable[[int], Path], *, answer_seconds_max: float) -> AsyncIterator[PeerClient]:
        client = cls(socket_of, answer_seconds_max=answer_seconds_max)
        try:
            yield client
        finally:
            for session in client._clients.values():
                await session.close()

    async def ask(
        self, permit: Permit, tenant: str, slot: int, question: bytes, *, bytes_max: int
    ) -> tuple[int, bytes]:
        """Status and body of the owner's answer. Raises PeerGone, also for an answer above `bytes_max`."""
        permit.require(Activity.DELIVER, tenant)
        try:
            async with self._client(slot).post(
                f"http://worker-{slot}{PATH}", data=question, allow_redirects=False
            ) as response:
                length = response.content_length
                if length is None or length > bytes_max:
                    raise PeerGone("an answer without a length, or too long")
                whole = bytearray()
                async for piece in response.content.iter_chunked(PIECE_BYTES):
                    whole += piece
                if len(whole) != length:
                    raise PeerGone("the answer ended early")
                return response.status, bytes(whole)
        except (TimeoutError, aiohttp.ClientError, OSError) as gone:
            raise PeerGone(type(gone).__name__) from gone

    def _client(self, slot: int) -> aiohttp.ClientSession:
        client = self._clients.get(slot)
        if client is None:
            connector = aiohttp.UnixConnector(
                path=str(self._socket_of(slot)), limit=CONNECTIONS_MAX, keepalive_timeout=KEEPALIVE_SECONDS
            )
            client = self._clients[slot] = aiohttp.ClientSession(
                connector=connector,
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return client
