"""Which answers are on their way in: one fetch for as many requests as it can serve, and no waiting where it can serve none."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Container
from hashlib import blake2b

from domicile.media.errors import Overloaded
from domicile.service.tasks import Background
from edge.cache.fields import Fields
from edge.cache.reuse import chosen
from edge.cache.stored import Stored
from edge.cache.vary import selection
from edge.passthrough.fill import Confirmed, Fill, Landed, Own, Shared, StandIn
from edge.passthrough.memory import Memory

UNSHARED_MAX = 10_000
"""URLs remembered as not to be waited for."""

Work = Callable[[Fill], Awaitable[None]]
"""Fetches; lands and finishes the fill. What it raises is the fill's failure."""


class Fills:
    """Of one route of one worker."""

    def __init__(
        self,
        background: Background,
        *,
        memory: Memory,
        fills_max: int,
        unshared_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.memory = memory
        self._background = background
        self._fills_max = fills_max
        self._unshared_seconds = unshared_seconds
        self._clock = clock
        self._open: dict[str, list[Fill]] = {}
        self._running: set[Fill] = set()
        self._unshared: OrderedDict[bytes, float] = OrderedDict()
        """By a digest: URLs may be long, and there may be many."""

    def __len__(self) -> int:
        return len(self._running)

    def find(self, key: str, request: Fields, *, besides: Container[Fill]) -> Fill | None:
        """An answer on its way that may be for this request, too."""
        return next((one for one in self._open.get(key, ()) if one not in besides and _may_serve(one, request)), None)

    def is_under_way(self, key: str, stored: Stored) -> bool:
        """Does one fetch what takes the place of this stored response? Whether it may be waited for is another question."""
        return any(selection(stored.varies_by, one.request) == stored.selection for one in self._open.get(key, ()))

    def start(self, key: str, request: Fields, work: Work, *, alone: bool = False) -> Fill:
        """Fetch. `alone`: nobody else is to wait for it. Overloaded when too many are under way."""
        if len(self._running) >= self._fills_max:
            raise Overloaded("Too many requests are waiting for their origin; try again")
        fill = Fill(key, request, self.memory)
        self._running.add(fill)
        if not alone:
            self._open.setdefault(key, []).append(fill)
        if not self._background.once("passthrough_fill", lambda: self._run(fill, work)):
            self._end(fill)
            raise Overloaded("Too many requests are waiting for their origin; try again")
        return fill

    async def _run(self, fill: Fill, work: Work) -> None:
        try:
            await work(fill)
        except Exception as error:  # noqa: BLE001 - those who wait for the fill tell of it
            fill.fail(error)
        except BaseException:
            fill.fail(ConnectionAbortedError("the worker is stopping"))
            raise
        finally:
            self._end(fill)

    def close(self, fill: Fill) -> None:
        """Nobody new may wait for it."""
        found = self._open.get(fill.key, [])
        if fill in found:
            found.remove(fill)
            if not found:
                del self._open[fill.key]

    def close_all(self, key: str) -> None:
        """The URL has changed: what is on its way is for those who wait already."""
        self._open.pop(key, None)

    def is_unshared(self, key: str) -> bool:
        short = _digest(key)
        until = self._unshared.get(short)
        if until is not None and until <= self._clock():
            del self._unshared[short]
            until = None
        return until is not None

    def mark(self, key: str, *, shared: bool) -> None:
        """Remember for a while that answers for this URL are not for others, or forget it."""
        short = _digest(key)
        self._unshared.pop(short, None)
        if not shared and self._unshared_seconds > 0:
            self._unshared[short] = self._clock() + self._unshared_seconds
            if len(self._unshared) > UNSHARED_MAX:
                self._unshared.popitem(last=False)

    def _end(self, fill: Fill) -> None:
        self._running.discard(fill)
        self.close(fill)
        fill.leave_memory()


def _digest(key: str) -> bytes:
    return blake2b(key.encode("utf-8", "surrogateescape"), digest_size=16).digest()


def may_have(landed: Landed, request: Fields, *, now: float) -> bool:
    """May who waited have the answer that another asked for?"""
    match landed:
        case Shared():
            return landed.for_all and chosen([landed.head], request) is not None
        case Confirmed(is_kept=False):
            return False
        case Confirmed():
            return landed.stored.is_fresh(now) and chosen([landed.stored], request) is not None
        case StandIn():  # stale as it is: whoever waited would be given the same after asking in vain himself
            return chosen([landed.stored], request) is not None
        case Own():
            return False


def _may_serve(fill: Fill, request: Fields) -> bool:
    if not fill.landed.done():
        return True
    if fill.error is not None:
        return False
    landed = fill.landed.result()
    if not isinstance(landed, Shared) or not landed.for_all:
        return False
    return landed.head.selection == selection(landed.head.varies_by, request)
