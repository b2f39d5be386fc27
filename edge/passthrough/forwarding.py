"""Requests that a cache does not answer: sent on as they are, once, and answered as the answer comes.

What may have changed something makes stored responses invalid before the viewer hears of it; what a HEAD says brings a stored
response up to date; and an answer to POST that says it is the resource itself is stored.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from domicile.service.gate.assets import AssetRequest
from edge.cache.fields import values
from edge.cache.forward import to_origin
from edge.cache.invalidate import invalidated
from edge.cache.status import CacheStatus
from edge.cache.storable import is_for_oneself, may_be_kept
from edge.cache.stored import Received, Stored, keep, renewed
from edge.cache.validate import is_about, updated
from edge.metrics import Count
from edge.passthrough.asked import Asked, TooLarge, body_of
from edge.passthrough.fetch import Fetcher, Wanted
from edge.passthrough.memory import Held
from edge.passthrough.reply import Message, from_origin
from edge.passthrough.send import continue_if_expected, interim_to
from edge.passthrough.store import Ticket

Drop = Callable[[tuple[str, ...]], Awaitable[None]]
"""Makes what is stored of these targets invalid, whichever worker holds it."""

SendStream = Callable[[Asked, Message, AsyncIterator[bytes]], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarding:
    """Of one route."""

    fetcher: Fetcher
    drop: Drop

    async def pass_on(
        self, asked: Asked, stored: Stored | None, send_stream: SendStream, *, may_store: bool = True
    ) -> web.StreamResponse:
        """`stored`: what a HEAD may bring up to date."""
        fetcher, http = self.fetcher, asked.http
        asked.result = Count.PASSTHROUGH_FORWARDED
        settings = fetcher.settings
        if http.content_length is not None and http.content_length > settings.request_body_bytes_max:
            raise TooLarge
        continue_if_expected(http)
        request = AssetRequest(
            method=asked.method,
            target=asked.target,
            fields=to_origin(asked.fields),
            body=body_of(http, settings) if http.can_read_body else None,
            body_bytes=http.content_length,
            on_interim=interim_to(http),
        )
        requested = fetcher.clock()
        with fetcher.store.ticket(asked.key) as ticket, Held(fetcher.fills.memory) as held:
            async with fetcher.time_for_an_answer(), fetcher.client.exchange(fetcher.permit(), request) as answer:
                got = fetcher.received(answer, requested)
                await self._invalidate(asked, got)
                if asked.method == "HEAD" and stored is not None:
                    self._learn_from_head(asked, stored, got, ticket)
                status = CacheStatus(forward=asked.forward, forward_status=got.status)
                message = from_origin(got, asked.method, status, body_bytes=answer.body_bytes)
                wanted = Wanted(key=asked.key, target=asked.target, request=asked.fields)
                pieces = answer.pieces()
                if may_store and asked.method == "POST" and fetcher.is_storable("POST", wanted, got, answer.body_bytes):
                    ticket.is_void = False  # this very answer is what the change made
                    pieces = self._kept(pieces, wanted, got, ticket, held)
                return await send_stream(asked, message, pieces)

    async def _kept(
        self, pieces: AsyncIterator[bytes], wanted: Wanted, got: Received, ticket: Ticket, held: Held
    ) -> AsyncIterator[bytes]:
        """The same pieces, stored as one response when they are complete."""
        store, settings = self.fetcher.store, self.fetcher.settings
        async for piece in pieces:
            held.add(piece, bytes_max=settings.object_bytes_max)
            yield piece
        if held.data is not None:
            stored = keep(got, bytes(held.data), wanted.request, heuristic_fraction=settings.heuristic_fraction)
            store.put(wanted.key, stored, ticket)

    async def _invalidate(self, asked: Asked, got: Received) -> None:
        authority = self.fetcher.client.authority.lower()
        own = {host.lower() for host in values(asked.fields, "host")}
        targets = invalidated(asked.method, asked.target, got.status, got.fields, authorities={authority, *own})
        if targets:
            await self.drop(targets)

    def _learn_from_head(self, asked: Asked, stored: Stored, got: Received, ticket: Ticket) -> None:
        store = self.fetcher.store
        if got.status != 200 or not is_about(stored, got.fields):
            if got.status < 500 and not ticket.is_void and not is_for_oneself(asked.fields):
                store.remove(asked.key, stored)
            return
        fields = updated(stored.fields, got.fields)
        fraction = self.fetcher.settings.heuristic_fraction
        again = renewed(stored, got, fields, asked.fields, heuristic_fraction=fraction)
        if again is None or not may_be_kept(again.rules, stored.status, ()):
            store.remove(asked.key, stored)
        elif may_be_kept(again.rules, stored.status, asked.fields):
            store.put(asked.key, again, ticket, instead_of=stored)
