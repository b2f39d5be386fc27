"""From one worker to another of the same node: ask the owner of an object for it, over its UNIX socket (mode 0600).

    answer = headers with Content-Length and HEAD_HEADER, how much of the content is the head | head | body

The caller reads the answer; here are the connection, its limits, and what can go wrong: the owner is gone (whoever asked
goes on by himself), it is late (nobody may begin what it may still finish), or too much is on its way already.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from domicile.media.policy import Activity, Permit
from domicile.service.gate.sessions import new_session

PATH = "/_peer/v1/object"
LOOK_PATH = "/_peer/v1/look"
HEAD_HEADER = "Domicile-Head-Bytes"
HEAD_BYTES_MAX = 64 * 1024
TRANSFER_BYTES_MAX = 128 * 1024 * 1024
"""Bytes of answers that one worker takes in at the same time; large objects go by the disk, where there is one."""

CONNECT_SECONDS_MAX = 0.5
CONNECTIONS_MAX = 256
KEEPALIVE_SECONDS = 10.0


class PeerGone(Exception):
    """The owner does not answer, or stopped in the middle: who asked fetches by himself."""


class PeerLate(Exception):
    """The owner has the question, and has not answered in time."""


class PeersBusy(Exception):
    """More is on its way from other workers than this one holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerReply:
    status: int
    head: bytes
    body: bytes


class PeerClient:
    """This worker's connections to the others."""

    def __init__(self, socket_of: Callable[[int], Path], *, answer_seconds_max: float) -> None:
        self._socket_of = socket_of
        self._timeout = aiohttp.ClientTimeout(
            total=answer_seconds_max, sock_connect=CONNECT_SECONDS_MAX, sock_read=answer_seconds_max
        )
        self._clients: dict[int, aiohttp.ClientSession] = {}
        self._on_the_way = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, socket_of: Callable[[int], Path], *, answer_seconds_max: float) -> AsyncIterator[PeerClient]:
        client = cls(socket_of, answer_seconds_max=answer_seconds_max)
        try:
            yield client
        finally:
            for session in client._clients.values():
                await session.close()

    async def ask(self, permit: Permit, tenant: str, slot: int, question: bytes) -> PeerReply:
        """The owner's answer. Raises PeerGone (also for an answer that no worker takes), PeerLate, PeersBusy."""
        permit.require(Activity.DELIVER, tenant)
        return await self._asked(slot, PATH, question)

    async def look(self, permit: Permit, tenant: str, slot: int, question: bytes) -> PeerReply:
        """What a worker still has of erased versions, counted. `permit`: of whatever this node may do with the tenant's bytes.
        Raises as `ask`.
        """
        permit.require(permit.activity, tenant)
        return await self._asked(slot, LOOK_PATH, question)

    async def _asked(self, slot: int, path: str, question: bytes) -> PeerReply:
        try:
            async with self._client(slot).post(
                f"http://worker-{slot}{path}", data=question, allow_redirects=False
            ) as response:
                return await self._taken_in(response)
        except aiohttp.ConnectionTimeoutError as gone:
            raise PeerGone(type(gone).__name__) from gone
        except TimeoutError as late:
            raise PeerLate(type(late).__name__) from late
        except (aiohttp.ClientError, asyncio.IncompleteReadError, OSError) as gone:
            raise PeerGone(type(gone).__name__) from gone

    async def _taken_in(self, response: aiohttp.ClientResponse) -> PeerReply:
        length, stated = response.content_length, response.headers.get(HEAD_HEADER, "")
        head_bytes = int(stated) if stated.isdecimal() and len(stated) < 10 else HEAD_BYTES_MAX + 1
        if length is None or length > TRANSFER_BYTES_MAX or head_bytes > min(length, HEAD_BYTES_MAX):
            raise PeerGone("an answer without a length, or too long")
        if self._on_the_way + length > TRANSFER_BYTES_MAX:
            raise PeersBusy
        self._on_the_way += length
        try:
            head = await response.content.readexactly(head_bytes)
            body = await response.content.readexactly(length - head_bytes)
        finally:
            self._on_the_way -= length
        return PeerReply(status=response.status, head=head, body=body)

    def _client(self, slot: int) -> aiohttp.ClientSession:
        client = self._clients.get(slot)
        if client is None:
            connector = aiohttp.UnixConnector(
                path=str(self._socket_of(slot)), limit=CONNECTIONS_MAX, keepalive_timeout=KEEPALIVE_SECONDS
            )
            client = self._clients[slot] = new_session(connector, self._timeout)
        return client
