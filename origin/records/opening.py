"""Start and stop of the storage core: what is opened in which order, and what runs beside the calls."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass

import structlog
from sqlalchemy import exists, insert, select, update

from domicile.media.policy import PolicyError, zones_of
from domicile.service.leftovers import drop_leftovers
from domicile.service.settings import BadSetting, blamed
from origin import lock
from origin.catalogue import tables as t
from origin.catalogue.engine import Database
from origin.catalogue.search import MemoryIndex
from origin.catalogue.search_port import SearchIndex
from origin.catalogue.search_server import ServerIndex
from origin.catalogue.sql import SqlCatalogue
from origin.fenced import Leases
from origin.journal import Journal
from origin.keyring import Keyring
from origin.mirror import Mirror, MirrorBroken
from origin.policy import Policies
from origin.records import backups, cases, chunks, drafts, exports, lineage, polled, recovery, retention, tasks
from origin.records.api_keys import load_keys
from origin.records.audit import AUDIT_FILE, AuditFile, AuditForked, AuditLog, make_log_key
from origin.records.clouds import Clouds
from origin.records.core import Core
from origin.records.crawl import Crawler
from origin.records.database import opened_database
from origin.records.edges import longest_lease_seconds
from origin.records.endings import Endings
from origin.records.erasures import Erasures
from origin.records.named import load_named
from origin.records.search_build import SearchBuild
from origin.records.settings import RecordsSettings
from origin.records.statement_key import make_signing_key
from origin.roots.opening import blamed_root, opened_roots, place_of
from origin.roots.port import KeyringBroken
from origin.shield import Shield
from origin.store.guard import GuardedStore
from origin.store.opening import name_of, opened_store
from origin.store.port import BlobStore
from origin.tenants import Tenants

MAINTENANCE_SECONDS = 60.0
"""How often leftovers are looked after: aids that could not be forgotten, and a past that has grown too long."""
LEFTOVERS_SECONDS = 5.0

log = structlog.get_logger(__name__)


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
        await _bind(database, settings.region, name_of(settings.s3))
        store = await _open_store(settings, clocks, stack)  # it closes after what the shield still waits for
        search: SearchIndex = (
            MemoryIndex() if database.is_sqlite else await ServerIndex.opened(database)
        )  # so does this
        stack.push_async_callback(search.close)
        shield = await stack.enter_async_context(Shield())
        keyring = await _open_keyring(settings, shield)
        mirror = _open_mirror(settings)
        stack.callback(mirror.close)
        await recovery.outwait_predecessor(database)
        is_restored = await recovery.reconcile(database, mirror, now=clocks.wall())
        audit = await _open_audit(settings, database, keyring, stack)
        leases = Leases(monotonic=clocks.monotonic)
        upkeep, put_back = Upkeep(), asyncio.Event()
        core = Core(
            settings=settings,
            database=database,
            journal=Journal(
                database,
                mirror=mirror,
                on_commit=leases.committed,
                on_unfinished=upkeep.hurry,
                on_put_back=put_back.set,
            ),
            catalogue=SqlCatalogue(),
            search=search,
            keyring=keyring,
            tenants=Tenants(keyring),
            policies=Policies(settings.data / "policies", home=settings.region, keys=place_of(settings.root)),
            blobs=store,
            leases=leases,
            shield=shield,
            audit=audit,
            now=clocks.wall,
            put_back=put_back,
        )
        core.journal.followers.append(search.follow)
        await _fill(core, mirror)
        if is_restored:
            leases.expect_strangers(longest_lease_seconds(core))
            await Crawler(core).begin_anew()
        await core.search.begin(core.tenants.all())
        stack.enter_context(upkeep.of(core, mirror))
        stack.enter_context(SearchBuild(core).running())
        yield core


async def _open_store(settings: RecordsSettings, clocks: Clocks, stack: contextlib.AsyncExitStack) -> BlobStore:
    opening = opened_store(
        settings.s3,
        directory=settings.data / "originals",
        keys=settings.keys_directory,
        region=settings.region,
        now=clocks.wall,
    )
    return GuardedStore(await stack.enter_async_context(opening), region=settings.region, now=clocks.wall)


async def _open_keyring(settings: RecordsSettings, shield: Shield) -> Keyring:
    try:
        with (
            blamed("origin.records.keys", settings.keys_directory, "a directory that can be made and written to"),
            blamed_root(),
        ):
            keyring = await Keyring.open(
                settings.keys_directory,
                data=settings.data,
                shield=shield,
                roots=lambda directory: opened_roots(settings.root, directory, region=settings.region),
            )
    except KeyringBroken as broken:
        raise BadSetting(f"origin.records.keys: {str(settings.keys_directory)!r} cannot be read ({broken})") from broken
    await make_signing_key(keyring)
    await make_log_key(keyring)
    return keyring


async def _open_audit(
    settings: RecordsSettings, database: Database, keyring: Keyring, stack: contextlib.AsyncExitStack
) -> AuditLog:
    path = settings.mirror_directory / AUDIT_FILE
    with blamed("origin.records.mirror", path.parent, "a directory that can be made and written to"):
        file = AuditFile(path)
    stack.callback(file.close)
    audit = AuditLog(database, keyring, file)
    try:
        await audit.reconcile()
    except AuditForked as forked:
        raise BadSetting(
            f"origin.records.mirror: {forked}. Put an intact copy of the file, or the catalogue that belongs to it, back"
        ) from forked
    return audit


def _open_mirror(settings: RecordsSettings) -> Mirror:
    directory = settings.mirror_directory
    try:
        with blamed("origin.records.mirror", directory, "a directory that can be made and written to"):
            return Mirror(directory)
    except MirrorBroken as broken:
        raise BadSetting(
            f"origin.records.mirror: {broken}. Put an intact copy of the file back. Without one: if the data directory was"
            " not restored from a backup, move the file away, and it is written anew; if it was, erasures since that backup"
            " cannot be carried out again in the catalogue (their keys stay destroyed)"
        ) from broken


async def _bind(database: Database, region: str, store: str) -> None:
    """Records belong to one region, and as long as they have originals to one store."""
    async with database.write() as connection:
        bound = (await connection.execute(select(t.place.c.region, t.place.c.store))).one_or_none()
        if bound is None:
            await connection.execute(insert(t.place).values(id=1, region=region, store=store))
            return
        if bound.region != region:
            raise BadSetting(f"origin.records.region: {region!r}, and these records are bound to {bound.region!r}")
        if bound.store != store:
            holders = (t.version, t.backup, t.chunk, t.draft, t.doomed)
            if any([await connection.scalar(select(exists(select(table.c.aid)))) for table in holders]):
                raise BadSetting(
                    f"origin.records.s3: these settings mean the store {store!r}, and the originals of these records lie in"
                    f" {bound.store!r}; allowed: the settings of that one (nothing is moved from one store to another)"
                )
            await connection.execute(update(t.place).values(store=store))


async def _fill(core: Core, mirror: Mirror) -> None:
    """Load what lives in memory but the search index, then finish what a crash or a restore left."""
    async with core.database.read() as connection:
        try:
            await core.tenants.load(connection)
        except KeyError as missing:
            raise BadSetting(f"origin.records.keys: {missing.args[0]}") from missing
        await load_keys(core, connection)
        await load_named(core, connection)
        await core.leases.load(connection)
    core.leases.know_heads(await core.journal.heads())
    try:
        await Clouds(core).reload()
    except PolicyError as bad:
        raise BadSetting(str(bad)) from bad
    await recovery.doom_drafts(core)
    await recovery.forget_erased(core, mirror)
    await chunks.drop_old(core)
    await recovery.finish_doomed(core)
    if core.settings.s3.is_on:
        await recovery.check_store(core)


class Upkeep:
    """Looks after leftovers, every MAINTENANCE_SECONDS or as soon as somebody is in a hurry. Nothing ends it but `of`."""

    def __init__(self) -> None:
        self._hurry = asyncio.Event()
        self._stopping = asyncio.Event()

    def hurry(self) -> None:
        """Something was committed and not followed up."""
        self._hurry.set()

    @contextlib.contextmanager
    def of(self, core: Core, mirror: Mirror) -> Iterator[None]:
        core.shield.spawn(self._run(core, mirror))
        core.shield.spawn(self._scrub(core))
        core.shield.spawn(self._drop_leftovers(core))
        try:
            yield
        finally:
            self._stopping.set()
            self._hurry.set()

    async def _scrub(self, core: Core) -> None:
        """By itself, so that nothing of what is removed waits for all the rest."""
        while not await self._stops_within(core.search.scrub_seconds):
            await _tried(core.search.scrub(self._stopping.is_set))

    async def _drop_leftovers(self, core: Core) -> None:
        """Whenever keys were destroyed; by then those who asked for it have their answer, as a rule."""
        root = core.keyring.root_number
        while not await self._stops_within(LEFTOVERS_SECONDS):
            if root != core.keyring.root_number:
                root = core.keyring.root_number
                core.database.forget_questions()
                await _tried(drop_leftovers())

    async def _stops_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        return self._stopping.is_set()

    async def _run(self, core: Core, mirror: Mirror) -> None:
        while True:
            await _tried(Crawler(core).round(is_over=lambda: self._stopping.is_set() or self._hurry.is_set()))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(MAINTENANCE_SECONDS):
                    await self._hurry.wait()
            if self._stopping.is_set():
                return
            self._hurry.clear()
            await _tried(core.journal.settle())
            await _tried(drafts.drop_left(core))
            await _tried(recovery.finish_doomed(core))
            await _tried(Erasures(core).resume())
            await _tried(Endings(core).close_over())
            await _tried(lineage.sweep(core))
            await _tried(retention.trim(core))
            await _tried(backups.drop_old(core))
            await _tried(chunks.drop_old(core))
            await _tried(tasks.drop_old(core))
            await _tried(polled.drop_surplus(core))
            await _tried(exports.drop_old(core))
            await _tried(cases.drop_old(core))
            await _tried(retention.compact(core, mirror))


async def _tried(work: Coroutine[None, None, None]) -> None:
    try:
        await work
    except Exception as failed:  # noqa: BLE001 - a busy or broken database must not end the process: next round
        log.warning("upkeep_failed", error=type(failed).__name__)
