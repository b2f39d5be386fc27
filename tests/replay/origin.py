"""The origin of a world: real records on a scratch directory, real handlers of the wire, on clocks of the test."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from domicile.media.cdn_calls import Call, CdnAccount
from domicile.media.policy import Permit
from domicile.service.gate.cdn import CdnClient
from domicile.service.tasks import Background
from origin.cdn_accounts import Account
from origin.cdn_worker import Line, round_of, tend
from origin.fetched import Fetched
from origin.keys import Origin
from origin.records import PurgeTargets, Records, RecordsSettings
from origin.records.cdn_places import cdn_places
from origin.records.cdn_purges import CdnPurges
from origin.records.opening import Clocks as OriginClocks
from origin.records.types import Fencing
from origin.wire_app import wire_app
from tests.infra.origin import origin_over
from tests.infra.records import CLOUD, name, upload
from tests.replay.clocks import Clocks

IN_FLIGHT_SECONDS = 10.0
ANSWER_SECONDS_MAX = 5.0
"""D and T of this world's CDN: together one tick of the model."""
ROUNDS_MAX = 20
TREES = ("data", "data.keys", "data.mirror")


class PlayedCdn(CdnClient):
    """Keeps what it is given, by the tags beside it, and purges when it is told to."""

    def __init__(self) -> None:
        self.copies: dict[str, frozenset[str]] = {}
        self.bodies: dict[str, bytes] = {}
        self.calls = 0

    def store(self, name: str, tags: frozenset[str], body: bytes) -> None:
        self.copies[name], self.bodies[name] = tags, body

    async def call(self, permit: Permit, tenant: str, call: Call) -> tuple[int, Mapping[str, str], bytes]:
        self.calls += 1
        tags = json.loads(call.body)["surrogate_keys"]
        self.copies = {name: bears for name, bears in self.copies.items() if not bears & set(tags)}
        return 200, {}, json.dumps(dict.fromkeys(tags, f"{self.calls}-1")).encode()


ACCOUNT = Account(
    name="shop",
    cdn=CdnAccount(kind="fastly", base="https://cdn.example", zone="z", credentials={"token": "t"}),
    answer_seconds_max=ANSWER_SECONDS_MAX,
)


@dataclass(slots=True)
class PlayedOrigin:
    directory: Path
    clocks: Clocks
    cdn: PlayedCdn = field(default_factory=PlayedCdn)
    records: Records = field(init=False)
    origin: Origin = field(init=False)
    _server: Any = None
    _stack: AsyncExitStack | None = None

    # --- start and stop -------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        await self.clocks.loop.through(self._start())

    async def _start(self) -> None:
        async with AsyncExitStack() as stack:
            clocks = OriginClocks(wall=self.clocks.wall, monotonic=self.clocks.monotonic)
            settings = RecordsSettings(
                data=self.directory / "data", ack_seconds_max=0, cdn_in_flight_seconds=IN_FLIGHT_SECONDS
            )
            self.records = await stack.enter_async_context(Records.open(settings, clocks))
            if self.records.tenant(CLOUD) is None:
                await self.records.create_tenant(CLOUD)
            self.records.cdn_purges = CdnPurges(self.records._core, [ACCOUNT])
            self.records._core.journal.followers.insert(0, self.records.cdn_purges.written)
            await self.records.cdn_purges.catch_up()
            self.origin = origin_over(self.records)
            self.origin.now = self.clocks.wall
            background = await stack.enter_async_context(Background(structlog.get_logger()))
            self.origin.fetched = Fetched(self.origin, background, clock=self.clocks.monotonic)
            runner = web.AppRunner(wire_app(self.origin))
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            self._server = runner.server
            self._stack = stack.pop_all()

    async def stop(self) -> None:
        self._server = None
        if self._stack is not None:
            stack, self._stack = self._stack, None
            self.origin.draining = True
            await self.clocks.loop.through(stack.aclose())

    @property
    def is_up(self) -> bool:
        return self._server is not None

    def answers(self) -> Any:
        """A protocol for the next connection. Raises OSError while it is down."""
        if self._server is None:
            raise ConnectionRefusedError("the origin is down")
        return self._server()

    # --- backups --------------------------------------------------------------------------------------------------------

    def back_up(self) -> None:
        self.copy_to(self.directory / "backup")

    def copy_to(self, directory: Path) -> None:
        """While nothing is being written."""
        shutil.rmtree(directory, ignore_errors=True)
        for tree in TREES:
            shutil.copytree(self.directory / tree, directory / tree)

    async def restore(self, *trees: str) -> None:
        """An operator puts these of the backup back, beside the others of now."""
        await self.stop()
        for tree in trees:
            shutil.rmtree(self.directory / tree)
            shutil.copytree(self.directory / "backup" / tree, self.directory / tree)
        await self.start()

    # --- what persons ask for -------------------------------------------------------------------------------------------

    async def upload(self, public_id: str, body: bytes) -> str:
        return (await self.clocks.loop.through(upload(self.records, name(public_id), body))).record.aid

    async def erase(self, *public_ids: str) -> tuple[str, int]:
        """(its id, its number in the journal)"""
        erasing = self.records.erase(CLOUD, PurgeTargets(public_ids=public_ids))
        said = (
            await self.clocks.loop.through(erasing)
        ).body  # keys are destroyed together with those of others: it waits
        return str(said["erasure_id"]), int(said["journal"]["seq"])

    def is_fenced(self, seq: int) -> bool:
        return self.records._core.leases.state(CLOUD, seq).state is Fencing.FENCED

    async def is_verified(self, seq: int) -> bool:
        """As far as fence and CDNs decide it; that each edge has looked, too, is shown elsewhere."""
        core = self.records._core
        async with core.database.read() as connection:
            places = await cdn_places(connection, CLOUD, [seq], now=core.now())
        return self.is_fenced(seq) and bool(places) and all(place.is_over for place in places)

    async def purge_cdns(self) -> None:
        """What the two loops for CDNs do, as far as it is due."""
        line = Line(ACCOUNT)
        await tend(self.origin)
        for _ in range(ROUNDS_MAX):
            if not await round_of(self.origin, self.cdn, line):
                return
        raise AssertionError("purges without an end")


@asynccontextmanager
async def running(origin: PlayedOrigin) -> AsyncIterator[PlayedOrigin]:
    await origin.start()
    try:
        yield origin
    finally:
        await origin.stop()
