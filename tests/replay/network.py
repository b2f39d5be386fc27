"""What is under way between one edge and whoever it asks. A test holds kinds of calls, and moves each on by itself:

sent ──let──> there, and what answers has answered ──let──> back          lose: at either end, and the caller hears of a failure
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp

from domicile.media.asset import Aid
from domicile.media.errors import UpstreamUnavailable
from domicile.media.policy import Permit
from domicile.media.wire import PREFIX, REGION_HEADER, WIRE_HEADER, WIRE_VERSION, JournalAnswer
from domicile.service.gate.tier import ParentGone, TierClient, TierReply
from domicile.service.gate.wire import WireClient, WireLimits
from domicile.service.gate.wire_answers import Blob
from tests.replay.pipe import Connector

T = TypeVar("T")

SENT, ANSWERED, OVER = "sent", "answered", "over"


class Lost(UpstreamUnavailable):
    """By the network."""


@dataclass(eq=False, slots=True)
class Message:
    what: str
    at: str = SENT
    _waits: asyncio.Future[None] | None = None

    async def held(self) -> None:
        self._waits = asyncio.get_running_loop().create_future()
        await self._waits

    def let(self) -> None:
        if self._waits is not None and not self._waits.done():
            self._waits.set_result(None)

    def lose(self) -> None:
        if self._waits is not None and not self._waits.done():
            self._waits.set_exception(Lost("lost on the way"))


@dataclass(slots=True)
class Line:
    """Of one edge."""

    holds: set[str] = field(default_factory=set)
    """Kinds of calls that wait at both ends."""
    is_cut: bool = False
    under_way: list[Message] = field(default_factory=list)
    journals: list[JournalAnswer] = field(default_factory=list)
    """What it was told of the journal, to be said again."""

    @asynccontextmanager
    async def call(self, what: str) -> AsyncIterator[Callable[[], Any]]:
        message = Message(what)
        self.under_way.append(message)

        async def passed(at: str) -> None:
            message.at = at
            if self.is_cut:
                raise Lost("cut")
            if what in self.holds:
                await message.held()
            if self.is_cut:
                raise Lost("cut")

        try:
            await passed(SENT)
            yield lambda: passed(ANSWERED)
        finally:
            message.at = OVER
            self.under_way.remove(message)

    def find(self, what: str, at: str = SENT) -> Message | None:
        """The oldest."""
        return next((message for message in self.under_way if (message.what, message.at) == (what, at)), None)

    def cut(self) -> None:
        """Nothing arrives any more; whoever waits hears of it."""
        self.is_cut = True
        for message in tuple(self.under_way):
            message.lose()


class HeldWire(WireClient):
    """The real client, over connections in memory, on a line that a test holds."""

    def __init__(self, http: aiohttp.ClientSession, line: Line) -> None:
        super().__init__(http, f"http://origin{PREFIX}", limits=WireLimits())
        self._line = line

    async def _call(self, method: str, path: str, kind: type[T], **how: Any) -> T:
        async with self._line.call(path) as back:
            answer = await super()._call(method, path, kind, **how)
            await back()
            if isinstance(answer, JournalAnswer):
                self._line.journals.append(answer)
            return answer

    @asynccontextmanager
    async def blob(self, permit: Permit, aid: Aid, *, start: int = 0, end: int | None = None) -> AsyncIterator[Blob]:
        async with self._line.call("blob") as back, super().blob(permit, aid, start=start, end=end) as blob:
            await back()  # all of it has left the origin
            yield blob


@asynccontextmanager
async def held_wire(line: Line, answers: Callable[[], Any], region: str) -> AsyncIterator[HeldWire]:
    headers: Mapping[str, str] = {
        WIRE_HEADER: WIRE_VERSION,
        REGION_HEADER: region,
        "Accept-Encoding": "identity",
    }
    async with aiohttp.ClientSession(
        connector=Connector(answers), headers=headers, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    ) as http:
        yield HeldWire(http, line)


class HeldTier(TierClient):
    """The real client of a parent, likewise."""

    def __init__(self, http: aiohttp.ClientSession, line: Line) -> None:
        super().__init__(http, "http://parent")
        self._line = line

    async def ask(self, permit: Permit, tenant: str, question: bytes) -> TierReply:
        try:
            async with self._line.call("tier") as back:
                reply = await super().ask(permit, tenant, question)
                await back()
                return reply
        except Lost as lost:
            raise ParentGone("lost") from lost


@asynccontextmanager
async def held_tier(line: Line, answers: Callable[[], Any], region: str) -> AsyncIterator[HeldTier]:
    certificate = {"subjectAltName": (("URI", f"domicile:zone:{region}"),)}
    async with aiohttp.ClientSession(
        connector=Connector(answers, certificate=certificate), headers={REGION_HEADER: region}, auto_decompress=False
    ) as http:
        yield HeldTier(http, line)
