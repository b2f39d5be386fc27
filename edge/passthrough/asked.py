"""A request of a viewer, as far as it has come, and what can be wrong with it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import web

from edge.cache.fields import Fields
from edge.cache.reuse import Forward
from edge.metrics import Count


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


async def body_of(request: web.BaseRequest, bytes_max: int) -> AsyncIterator[bytes]:
    taken = 0
    async for piece in request.content.iter_any():
        taken += len(piece)
        if taken > bytes_max:
            raise TooLarge
        yield piece
