"""One worker of a node holds what is stored of a URL: the others hand requests for it over, and answers back as they come.

    viewer -> any worker -> the URL's owner (UNIX socket) -> store, or one fetch for the whole node

So a change that goes through one worker is known to all at once, and as many misses as there are workers are still one fetch.
An owner that cannot be connected to holds nothing any more: whoever notices asks the origin itself and stores nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog
from aiohttp import web

from domicile.service.gate.assets import AssetClient, AssetRequest, Busy
from domicile.service.http1 import Broken, NotConnected, Unreachable
from edge.cache.fields import Fields, without
from edge.cache.forward import end_to_end, stated_length
from edge.passthrough.app import Passthrough
from edge.passthrough.asked import BodyTooSlow, TooLarge, body_of
from edge.passthrough.failures import failure_of
from edge.passthrough.fetch import Fetcher
from edge.passthrough.reply import BODILESS, Message, refused
from edge.passthrough.send import continue_if_expected, interim_to, send_body, send_pieces
from edge.rendezvous import owner_of

DROP = "PURGE"
"""Method by which workers tell each other what is no longer true. From a viewer it goes to the origin, never to a worker."""

TOLD_AT_ONCE_MAX = 16
"""Changes that this worker tells others of at a time; the next wait their turn."""
TELL_SECONDS_MAX = 5.0
"""Longest wait until another worker of this machine has taken a change, its turn included."""

log = structlog.get_logger("edge.passthrough")

_FRAMING = frozenset({"content-length", "expect"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The workers of a node, as one of them sees them, for one route. `clients`: of every slot but `own`.

    `tellers`: the same again, for what is no longer true, so that requests that are handed over cannot be in its way; each
    may open TOLD_AT_ONCE_MAX connections.
    """

    name: str
    own: int
    clients: Mapping[int, AssetClient]
    tellers: Mapping[int, AssetClient]
    fetcher: Fetcher
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(TOLD_AT_ONCE_MAX))

    def owner(self, target: str) -> int:
        return owner_of(f"{self.name} {target}", (self.own, *self.clients))

    async def drop(self, targets: tuple[str, ...]) -> None:
        """Everywhere. A worker that cannot be reached has nothing; one that does not answer in time is told of in the log.

        The origin has made the change, so nothing here may turn its answer into an error.
        """
        for target in targets:
            slot = self.owner(target)
            if slot == self.own:
                self.drop_here(target)
                continue
            try:
                async with asyncio.timeout(TELL_SECONDS_MAX), self.turns:
                    await self._tell(slot, target)
            except NotConnected:
                continue
            except (Unreachable, Broken, Busy, TimeoutError) as failed:
                log.warning("neighbour_not_told", slot=slot, reason=type(failed).__name__)

    async def _tell(self, slot: int, target: str) -> None:
        request = AssetRequest(method=DROP, target=target, fields=())
        async with self.tellers[slot].exchange(self.fetcher.permit(), request) as answer:
            async for _ in answer.pieces():
                pass

    def drop_here(self, target: str) -> None:
        key = f"{self.name} {target}"
        self.fetcher.store.drop(key)
        self.fetcher.fills.close_all(key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What answers viewers, and what answers neighbours."""

    app: Passthrough
    neighbours: Neighbours

    async def from_viewer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Here, or by the owner of the URL."""
        slot = self.neighbours.owner(request.raw_path)
        if slot == self.neighbours.own or not request.raw_path.startswith("/"):
            return await self.app.handle(request)
        if request.method == DROP:
            return await self.app.handle(request, may_store=False)
        try:
            return await self._hand_over(request, self.neighbours.clients[slot])
        except NotConnected:
            return await self.app.handle(request, may_store=False)

    async def from_neighbour(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == DROP:
            self.neighbours.drop_here(request.raw_path)
            message = Message(status=204, reason="No Content", fields=(), body_bytes=None)
            return await send_body(request, message, b"", progress_seconds_max=self.app.progress_seconds_max)
        return await self.app.handle(request)

    async def _hand_over(self, request: web.BaseRequest, client: AssetClient) -> web.StreamResponse:
        """Raises NotConnected when nothing was sent; every other failure is the answer."""
        seconds_max, settings = self.app.progress_seconds_max, self.neighbours.fetcher.settings
        fields: Fields = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers)
        continue_if_expected(request)
        handed = AssetRequest(
            method=request.method,
            target=request.raw_path,
            fields=without(end_to_end(fields), _FRAMING),
            body=body_of(request, settings) if request.can_read_body else None,
            body_bytes=request.content_length,
            on_interim=interim_to(request),
        )
        try:
            async with client.exchange(self.neighbours.fetcher.permit(), handed) as answer:
                head = answer.head
                bodiless = request.method == "HEAD" or head.status in BODILESS
                message = Message(
                    status=head.status,
                    reason=head.reason,
                    fields=without(end_to_end(head.fields), _FRAMING),
                    body_bytes=stated_length(head.fields) if bodiless else answer.body_bytes,
                )
                return await send_pieces(request, message, answer.pieces(), progress_seconds_max=seconds_max)
        except NotConnected:
            raise
        except (Unreachable, Broken, Busy, TooLarge, BodyTooSlow) as failed:
            # Before its head: what comes later cuts the connection.
            failure = failure_of(failed)
            message = refused(failure.code, failure.reason, None, now=self.neighbours.fetcher.clock())
            return await send_body(request, message, b"", progress_seconds_max=seconds_max)
