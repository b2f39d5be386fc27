"""An origin that fetches, over a server elsewhere, with clocks that stand still."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

from domicile.media.analysis import NOTHING
from domicile.media.wire import ResolveAnswer, ResolveRequest
from origin.keys import Origin
from origin.records import Records
from tests.infra.elsewhere import Elsewhere
from tests.infra.origin import NOW
from tests.infra.records import CLOUD, facts, name

REFRESH_SECONDS = 1000
POLICY = """
tenant = "acme"
[zones]
ingress_fetch = ["eu-de"]
[remote]
hosts = ["127.0.0.1:{port}"]
delivery = "{delivery}"
refresh_seconds = 1000
"""


class Decoders:
    """Finds everything good, when it is let."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.go.set()
        self.reached = asyncio.Event()

    async def probe(self, body: bytes, *_: object, **__: object) -> SimpleNamespace:
        self.reached.set()
        await self.go.wait()
        return SimpleNamespace(done=SimpleNamespace(source=facts(body), analysis=NOTHING))

    async def probe_film(self, parts: bytes, *_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(source=msgspec.structs.replace(facts(parts), format="mp4", md5=""))

    def retire(self, tenant: str | None = None) -> None:
        pass


class World:
    """An origin, a server elsewhere, and a clock for both."""

    def __init__(self, origin: Origin, decoders: Decoders, there: Elsewhere, directory: Path) -> None:
        self.origin = origin
        self.decoders = decoders
        self.there = there
        self.directory = directory
        self.now = NOW
        self.monotonic = 0.0

    @property
    def records(self) -> Records:
        return self.origin.records

    async def allow(self, delivery: str) -> None:
        file = self.directory / "data" / "policies" / "acme.toml"
        file.write_text(POLICY.format(port=self.there.port, delivery=delivery))
        await self.records.reload_policies()

    async def resolve(self, address: str, **changes: Any) -> ResolveAnswer:
        asked = ResolveRequest(
            **{
                "cloud": CLOUD,
                "resource_type": "image",
                "delivery_type": "fetch",
                "public_ids": (address,),
                "transformed": True,
                "region": "eu-de",
                "judges": True,
                **changes,
            }
        )
        return await self.origin.fetched.resolve(asked)

    async def md5(self, address: str) -> str | None:
        record = await self.records.get(name(address, delivery_type="fetch"))
        return None if record is None else record.facts.md5

    async def idle(self) -> None:
        """Until nothing is fetched any more."""
        async with asyncio.timeout(5):
            while self.origin.fetched._running:
                await asyncio.gather(*self.origin.fetched._running.values(), return_exceptions=True)
                await asyncio.sleep(0)
