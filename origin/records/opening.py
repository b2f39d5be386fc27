"""Start and stop of the storage core: what is opened in which order, and what runs beside the calls."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import insert, select

from domicile.media.errors import Overloaded
from domicile.media.policy import PolicyError, zones_of
from domicile.service.settings import BadSetting, blamed
from origin import lock
from origin.catalogue import tables as t
from origin.catalogue.engine import Database
from origin.catalogue.search import SearchIndex
from origin.catalogue.sql import SqlCatalogue
from origin.fenced import Leases
from origin.journal import Journal
from origin.keypages import KeyringBroken
from origin.keyring import Keyring
from origin.mirror import Mirror
from origin.policy import Policies
from origin.records import recovery
from origin.records.clouds import Clouds
from origin.records.core import Core
from origin.records.database import opened_database
from origin.records.erasures import SIGNING_KEY, make_signing_key
from origin.records.settings import RecordsSettings
from origin.shield import Shield
from origin.store.guard import GuardedStore
from origin.store.local import LocalStore
from origin.tenants import Tenants, secret_ids

MAINTENANCE_SECONDS = 60.0
"""How often leftovers are looked after: aids that could not be forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """Where the time comes from; tests bring their own."""

    wall: Callable[[], float]
    monotonic: Callable[[], float]


SYSTEM_CLOCKS = Clocks(wall=time.time, monotonic=time.monotonic)


@contextlib.asynccontextmanager
async def opened(settings: RecordsSettings, clocks: Clocks) -> AsyncIterator[Core]:
    """A core that is ready to serve. Raises BadSetting."""
    if not zones_of(settings.region):
        raise BadSetting(f"origin.records.region: {settings.region!r} is not a known region such as eu-de")
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(lock.hold(settings.data))
        database = await stack.enter_async_context(opened_database(settings))
        await _bind_region(database, settings.region)
        shield = await stack.enter_async_context(Shield())
        keyring = await _open_keyring(settings, shield)
        behind: frozenset[str] = frozenset()
        mirror = None
        if database.is_sqlite:
            with blamed(
                "origin.records.mirror", settings.mirror_directory, "a directory that can be made and written to"
            ):
                mirror = Mirror(settings.mirror_directory)
            stack.callback(mirror.close)
            behind = await recovery.reconcile(database, mirror)
        leases = Leases(monotonic=clocks.monotonic)
        core = Core(
            settings=settings,
            database=database,
            journal=Journal(database, mirror=mirror, on_commit=leases.committed),
            catalogue=SqlCatalogue(),
            search=SearchIndex(),
            keyring=keyring,
            tenants=Tenants(keyring),
            policies=Policies(settings.data / "policies", home=settings.region),
            blobs=GuardedStore(LocalStore(settings.data / "originals"), region=settings.region, now=clocks.wall),
            leases=leases,
            shield=shield,
            now=clocks.wall,
        )
        stack.callback(core.search.close)
        await _fill(core, behind)
        stack.enter_context(_maintained(core))
        yield core


async def _open_keyring(settings: RecordsSettings, shield: Shield) -> Keyring:
    try:
        with blamed("origin.records.keys", settings.keys_directory, "a directory that can be made and written to"):
            keyring = await Keyring.open(settings.keys_directory, data=settings.data, shield=shield)
    except KeyringBroken as broken:
        raise BadSetting(f"origin.records.keys: {str(settings.keys_directory)!r} cannot be read ({broken})") from broken
    await make_signing_key(keyring)
    return keyring


async def _bind_region(database: Database, region: str) -> None:
    async with database.write() as connection:
        bound = await connection.scalar(select(t.place.c.region))
        if bound is None:
            await connection.execute(insert(t.place).values(id=1, region=region))
        elif bound != region:
            raise BadSetting(f"origin.records.region: {region!r}, and these records are bound to {bound!r}")


async def _fill(core: Core, behind: frozenset[str]) -> None:
    """Load what lives in memory, then finish what a crash or a restore left."""
    async with core.database.read() as connection:
        try:
            await core.tenants.load(connection)
        except KeyError as missing:
            raise BadSetting(f"origin.records.keys: {missing.args[0]}") from missing
        await core.leases.load(connection)
    core.leases.know_heads(await core.journal.heads())
    try:
        await Clouds(core).reload()
    except PolicyError as bad:
        raise BadSetting(str(bad)) from bad
    await recovery.announce(core, behind)
    await recovery.finish_doomed(core)
    if not behind:
        purposes = {SIGNING_KEY, *(key_id for cloud in core.tenants.all() for key_id in secret_ids(cloud))}
        await recovery.drop_orphans(core, kept_ids=frozenset(purposes))
    await recovery.fill_search(core)


@contextlib.contextmanager
def _maintained(core: Core) -> Iterator[None]:
    stopping = asyncio.Event()
    core.shield.spawn(_maintain(core, stopping))
    try:
        yield
    finally:
        stopping.set()


async def _maintain(core: Core, stopping: asyncio.Event) -> None:
    while True:
        try:
            async with asyncio.timeout(MAINTENANCE_SECONDS):
                await stopping.wait()
            return
        except TimeoutError:
            with contextlib.suppress(Overloaded):  # the next round tries again
                await recovery.finish_doomed(core)
