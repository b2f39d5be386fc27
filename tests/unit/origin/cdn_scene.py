"""An origin whose erasures are purged at a stand-in for a CDN and asked after there, and a clock that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from domicile.media.asset import Aid
from domicile.media.outward_tags import month_of, tag, tag_key
from domicile.service.gate.cdn import CdnClient
from domicile.service.gate.probe import ProbeClient
from origin import probe_worker
from origin.catalogue.cdn_tables import cdn_purge as table
from origin.cdn_accounts import Account
from origin.cdn_worker import Line, round_of, tend
from origin.journal import Change
from origin.keys import Origin
from origin.records import PurgeTargets, Records
from origin.records.cdn_purges import CdnPurges
from tests.infra.cache_api import CacheApi
from tests.infra.origin import origin_over
from tests.infra.records import CLOUD, name, opened, upload

JANE = PurgeTargets(public_ids=("jane",))
IN_FLIGHT, LIFETIME = 90.0, 300.0
SHORT = "[lifetimes]\nshared_seconds_max = 10\nbrowser_seconds_max = 10\n"


@dataclass
class Scene:
    records: Records
    origin: Origin
    there: CacheApi
    client: CdnClient
    prober: ProbeClient
    line: Line

    @property
    def now(self) -> float:
        return self.records._core.now()

    def pass_time(self, seconds: float) -> None:
        now = self.now + seconds
        object.__setattr__(self.records._core, "now", lambda: now)
        self.origin.now = lambda: now

    def no_waiting(self) -> None:
        """Calls tell how it stands at once."""
        core = self.records._core
        object.__setattr__(core, "settings", replace(core.settings, ack_seconds_max=0.0))

    def tag_of(self, kind: str, said: str, at: float | None = None) -> str:
        tenant = self.records.tenant(CLOUD)
        assert tenant is not None
        return tag(tag_key(tenant.name_key, cdn="fastly", month=month_of(at or self.now)), kind, said)

    def keep(self, copy: str, aid: Aid) -> None:
        self.there.copies[copy] = {self.tag_of("aid", aid)}

    async def turn(self) -> bool:
        await tend(self.origin)
        return await round_of(self.origin, self.client, self.line)

    async def close(self) -> None:
        """As the upkeep does every minute, and who probes all the time."""
        await self.records._endings.close_over()
        for account in self.records.cdn_purges.accounts.values():
            while await probe_worker.round_of(self.origin, self.prober, account):
                pass

    def age(self) -> None:
        """Copies that were not purged are too old to be in use."""
        self.there.copies.clear()

    async def outcome_of(self, erasure_id: str) -> str:
        await self.close()
        return str((await self.records.erasure(CLOUD, erasure_id)).body["outcome"])

    async def set_policy(self, directory: Path, text: str) -> None:
        (directory / "data" / "policies" / f"{CLOUD}.toml").write_text(f'tenant = "{CLOUD}"\n{text}')
        await self.records.reload_policies()

    async def stages(self) -> list[str]:
        async with self.records._core.database.read() as connection:
            return sorted((await connection.scalars(select(table.c.stage))).all())


def use(records: Records, accounts: Sequence[Account]) -> None:
    """As if the file had these."""
    purges = CdnPurges(records._core, accounts)
    records.cdn_purges = purges
    follow(records, *([purges.written] if accounts else []))


def follow(records: Records, *followers: Callable[[Change], Awaitable[None]]) -> None:
    """Beside the index."""
    records._core.journal.followers[:] = [*followers, records._core.search.follow]


@asynccontextmanager
async def scene_in(directory: Path, there: CacheApi, now: float | None = None) -> AsyncIterator[Scene]:
    async with opened(directory) as records, CdnClient.open() as client, ProbeClient.open() as prober:
        use(records, [there.account()])
        scene = Scene(records, origin_over(records), there, client, prober, Line(there.account()))
        scene.pass_time(0 if now is None else now - scene.now)
        yield scene


async def uploaded(scene: Scene, public_id: str = "jane") -> Aid:
    """Kept by the CDN; and the purges of the upload itself are over."""
    aid = (await upload(scene.records, name(public_id))).record.aid
    async with scene.records._core.database.write() as connection:
        await connection.execute(table.delete())
    scene.keep(public_id, aid)
    return aid


def place_of(body: dict[str, Any]) -> dict[str, Any]:
    (place,) = [one for one in body["places"] if one["place"] == "cdn shop"]
    return dict(place)
