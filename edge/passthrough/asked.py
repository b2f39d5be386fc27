"""A request of a viewer, as far as it has come, and what can be wrong with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import web

from edge.cache.fields import Fields
from edge.cache.reuse import Forward
from edge.metrics import Count
from edge.passthrough.settings import PassthroughSettings


class BadRequest(Exception):
    """Its target is no path."""


class TooLarge(Exception):
    """The request's body is longer than allowed."""


@dataclass(slots=True)
class Asked:
    """A request, and what becomes of it."""

    http: web.BaseRequest
    key: str
    target: str
    fields: Fields
    started: float = field(default_factory=time.perf_counter)
    forward: Forward | None = None
    result: Count = Count.PASSTHROUGH_ERROR
    status: int = 500
    sent_bytes: int = 0

    @property
    def method(self) -> str:
        return self.http.method


class BodyTooSlow(Exception):
    """The request's body does not come, or not in time."""


async def body_of(request: web.BaseRequest, settings: PassthroughSettings) -> AsyncIterator[bytes]:
    """Its pieces. A connection to the origin is held meanwhile, so there is a time for each and one for all."""
    loop = asyncio.get_running_loop()
    taken, until = 0, loop.time() + settings.request_body_seconds_max
    while True:
        try:
            async with asyncio.timeout_at(min(until, loop.time() + settings.read_seconds_max)):
                piece = await request.content.readany()
        except TimeoutError as slow:
            raise BodyTooSlow from slow
        if not piece:
            return
        taken += len(piece)
        if taken > settings.request_body_bytes_max:
            raise TooLarge
        yield piece
