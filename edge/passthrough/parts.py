"""A part of what is not stored whole: the origin gives it, once, and what may be kept of it is.

206, and it may be kept            passed on as it comes; complete, it joins the pieces that are held
304                                the held pieces, brought up to date
anything that tells of a change    passed on; the held pieces go
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from domicile.service.gate.assets import AssetRequest
from edge.cache.fields import values
from edge.cache.forward import to_origin
from edge.cache.partial import Part, decide_part, is_outdated, piece_of, received_part, revalidating
from edge.cache.ranges import is_from_the_start
from edge.cache.reuse import Decision, Use, chosen
from edge.cache.status import CacheStatus
from edge.cache.storable import is_for_oneself
from edge.cache.stored import Received, Stored, keep
from edge.metrics import Count
from edge.passthrough.asked import Asked
from edge.passthrough.fetch import Fetcher, Wanted
from edge.passthrough.fill import Confirmed
from edge.passthrough.forwarding import SendStream
from edge.passthrough.memory import Held
from edge.passthrough.reply import Message, from_origin
from edge.passthrough.send import interim_to
from edge.passthrough.store import Ticket

SendConfirmed = Callable[[Asked, Confirmed], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Of one route."""

    fetcher: Fetcher

    def incomplete(self, asked: Asked) -> Stored | None:
        """Of which pieces are held for this request."""
        return chosen(self.fetcher.store.incomplete(asked.key), asked.fields)

    def decide(self, asked: Asked, otherwise: Decision) -> Decision:
        """For what no whole response answers. `otherwise`: what that came to."""
        if asked.method != "GET" or otherwise.use not in {Use.MISS, Use.ONLY_CACHED}:
            return otherwise
        fetcher = self.fetcher
        return decide_part(
            asked.fields,
            fetcher.store.incomplete(asked.key),
            otherwise=otherwise,
            now=fetcher.clock(),
            heeds_request=fetcher.settings.heeds_requests,
        )

    def is_origins_to_cut(self, asked: Asked) -> bool:
        """A part of what is not shared, or that nobody should wait for until all before it has come in.

        Players and readers of documents begin at the start.
        """
        parts = values(asked.fields, "range")
        later = any(not is_from_the_start(value) for value in parts)
        return later or (bool(parts) and self.fetcher.fills.is_unshared(asked.key))

    async def fetch(
        self, asked: Asked, held: Stored | None, send_stream: SendStream, send_confirmed: SendConfirmed
    ) -> web.StreamResponse:
        """`held`: pieces with all that is asked for, to be confirmed."""
        fetcher = self.fetcher
        asked.result = Count.PASSTHROUGH_FORWARDED
        request = AssetRequest(
            method="GET",
            target=asked.target,
            fields=to_origin(asked.fields if held is None else revalidating(asked.fields, held)),
            on_interim=interim_to(asked.http),
        )
        requested = fetcher.clock()
        with fetcher.store.ticket(asked.key) as ticket, Held(fetcher.fills.memory) as coming:
            async with fetcher.time_for_an_answer(), fetcher.client.exchange(fetcher.permit(), request) as answer:
                got = fetcher.received(answer, requested)
                if held is None or got.status != 304:
                    message = self._message(asked, got, answer.body_bytes)
                    part = self._heed(asked, got, answer.body_bytes, ticket)
                    pieces = answer.pieces()
                    if part is not None:
                        pieces = self._kept(pieces, asked, part, ticket, coming)
                    return await send_stream(asked, message, pieces)
                wanted = Wanted(key=asked.key, target=asked.target, request=asked.fields, stored=held)
                confirmed = fetcher.confirm(wanted, held, got, ticket)
        return await send_confirmed(asked, confirmed)

    def _message(self, asked: Asked, got: Received, body_bytes: int | None) -> Message:
        status = CacheStatus(forward=asked.forward, forward_status=got.status)
        return from_origin(got, asked.method, status, body_bytes=body_bytes)

    def _heed(self, asked: Asked, got: Received, body_bytes: int | None, ticket: Ticket) -> Part | None:
        """What may be kept of an answer; held pieces go if it tells of a change."""
        fetcher, held = self.fetcher, self.incomplete(asked)
        is_told = held is not None and not ticket.is_void and not is_for_oneself(asked.fields)
        if held is not None and is_told and is_outdated(held, got):
            fetcher.store.remove(asked.key, held)
        part = received_part(asked.fields, got, body_bytes=body_bytes)
        if part is None or not fetcher.store.takes(part.span.body_bytes):
            return None
        wanted = Wanted(key=asked.key, target=asked.target, request=asked.fields)
        return part if fetcher.is_storable("GET", wanted, part.got, part.span.body_bytes) else None

    async def _kept(
        self, pieces: AsyncIterator[bytes], asked: Asked, part: Part, ticket: Ticket, coming: Held
    ) -> AsyncIterator[bytes]:
        """The same pieces, kept with what is held when they are complete."""
        async for piece in pieces:
            coming.add(piece, bytes_max=part.span.body_bytes)
            yield piece
        body = None if coming.data is None else piece_of(part, bytes(coming.data))
        if body is not None:
            fraction = self.fetcher.settings.heuristic_fraction
            stored = keep(part.got, body, asked.fields, heuristic_fraction=fraction)
            self.fetcher.store.put(asked.key, stored, ticket)
