"""What a start finds and puts right before it serves: an older catalogue, a shorter mirror, half-forgotten aids.

catalogue behind the mirror   it was restored from a backup: missing entries are taken from the mirror, every erase
among them is carried out again, what was put under retention is put there again, what was restricted is hidden again, legal
holds are laid and lifted again, the epoch rises, edges drop everything of that cloud; all of it in one transaction
clouds of the mirror alone    they are younger than the restored catalogue: their entries stay in the mirror, and a cloud that
gets such a name again goes on where they end
mirror behind the catalogue   a crash between commit and mirror: the mirror catches up
neither follows the other     two histories: refuse to start
doomed aids                   key and bytes go now
drafts of a crashed process   key and bytes go now, unless the catalogue was restored: they may have been named since
originals without a version   are kept: only a catalogue that was restored, or is another one, does not know them (`records.crawl` tells)
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec
import structlog
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import Aid
from domicile.media.errors import Overloaded
from domicile.media.journal import GENESIS, Entry, Head, Kind, follows
from domicile.service.settings import BadSetting
from origin.catalogue import tables as t
from origin.catalogue.engine import Database
from origin.catalogue.sql import SqlCatalogue, batches
from origin.journal import chained
from origin.journal_reading import ENTRIES_PER_ANSWER_MAX, read_entries, read_heads
from origin.mirror import Mirror
from origin.mirror_records import Base, Missing
from origin.records import approvals, held, placements, restrictions
from origin.records.backups import drop, keep
from origin.records.core import Core
from origin.records.fetched import shun
from origin.records.placements import Why
from origin.store.port import BlobMissing

ORIGINALS_LOOKED_FOR = 5
"""At start, to see that the bucket is the one they lie in."""

PREDECESSOR_TURNS_MAX = 10

log = structlog.get_logger(__name__)


async def outwait_predecessor(database: Database) -> None:
    """A server may still commit what a process that was killed had sent. Who holds every head, and that of the audit log, has
    nothing before it left.

    Raises Overloaded when somebody keeps one for PREDECESSOR_TURNS_MAX times LOCK_SECONDS.
    """
    for turn in range(1, PREDECESSOR_TURNS_MAX + 1):
        try:
            async with database.write() as connection:
                await connection.execute(select(t.journal_head.c.tenant).order_by("tenant").with_for_update())
                await connection.execute(select(t.audit_log.c.size).with_for_update())
            return
        except Overloaded:
            if turn == PREDECESSOR_TURNS_MAX:
                raise


async def reconcile(database: Database, mirror: Mirror, *, now: float) -> bool:
    """Bring journal and mirror to the same end. Was the catalogue an older one? Raises BadSetting."""
    async with database.read() as connection:
        heads = await read_heads(connection)
    if mirror.ends and not heads:
        raise BadSetting(
            f"origin.records.mirror: {str(mirror.directory)!r} knows clouds and the catalogue none (first:"
            f" {min(mirror.ends)!r}): the catalogue was lost or is another one. Restore it; to start anew with nothing,"
            f" remove all of an installation: its data directory, its keys, and this mirror (rm -rf {mirror.directory})"
        )
    ends = {cloud: mirror.ends.get(cloud, _nothing(head)) for cloud, head in heads.items()}
    behind = {cloud: head.seq for cloud, head in heads.items() if _is_behind(head, ends[cloud])}
    missing = await asyncio.to_thread(mirror.missing, behind) if behind else {}
    for cloud, head in heads.items():
        if cloud in missing:
            await _take_in(database, cloud, head, missing[cloud], now=now)
        await _catch_up(database, mirror, cloud, ends[cloud])
    return bool(missing)


async def forget_erased(core: Core, mirror: Mirror) -> None:
    """What was ever erased has no key: also when the catalogue never knew the asset, or has forgotten its cloud."""
    parked = mirror.ends.keys() - core.tenants.all().keys()
    if parked:
        log.warning("clouds_without_catalogue", clouds=len(parked))
    living = await asyncio.to_thread(
        lambda: [(aid, cloud) for aid, cloud in mirror.erased() if core.keyring.of(aid) is not None]
    )
    if living:
        async with core.database.write() as connection:
            for aid, cloud in living:
                await core.catalogue.doom(connection, aid, cloud, seq=0)


def _nothing(head: Head) -> Head:
    return Head(epoch=head.epoch, seq=0, chain=GENESIS)


def _is_behind(head: Head, end: Head) -> bool:
    """Also a cloud that was made anew after its entries and has not told the edges yet: see `Clouds.create`."""
    return end.seq > head.seq or (end.seq == head.seq and end.epoch < head.epoch)


async def _catch_up(database: Database, mirror: Mirror, cloud: str, end: Head) -> None:
    while True:
        async with database.read() as connection:
            missing = await read_entries(connection, cloud, after=end.seq, limit=ENTRIES_PER_ANSWER_MAX)
            last = await read_entries(connection, cloud, after=end.seq - 1, limit=1) if end.seq else []
        if last and last[0].seq == end.seq and last[0].chain != end.chain:
            raise _two_histories(cloud)
        if not missing:
            return
        first = missing[0]
        if first.seq > end.seq + 1:  # the catalogue keeps no older entries, and the mirror was made anew
            gap = Base(tenant=cloud, head=Head(epoch=first.epoch, seq=first.seq - 1, chain=""))
            await asyncio.to_thread(mirror.append, (gap,))
        await asyncio.to_thread(mirror.append, missing)
        end = mirror.ends[cloud]


def _two_histories(cloud: str) -> BadSetting:
    return BadSetting(f"cloud {cloud!r}: the catalogue and the journal's mirror tell two histories")


async def _take_in(database: Database, cloud: str, head: Head, missing: Missing, *, now: float) -> None:
    """All of a restored catalogue's way back to now, or nothing of it: a crash in between must not look like no restore."""
    log.warning("catalogue_behind_mirror", entries=len(missing.entries), erased=len(missing.erased))
    async with database.write() as connection:
        await _erase_again(connection, cloud, missing.erased, 0, now=now)
        await _keep_again(connection, cloud, missing.restricted, now=now)
        await restrictions.hide_again(connection, cloud, missing.hidden)
        for hold, aids in missing.held:
            await held.hold_again(connection, cloud, hold, aids, now=now)
        head, taken = missing.base or head, set[str]()
        for entry in missing.entries:
            if head.chain and not follows(head, entry):
                raise _two_histories(cloud)
            await _store(connection, entry)
            if entry.kind == Kind.ERASE:
                taken.update(await held.assets_of(connection, cloud, entry.aids))
                await _erase_again(connection, cloud, entry.aids, entry.seq, now=now)
                await shun(connection, cloud, entry.names)  # which of them were fetched, and erased, nobody knows now
            elif entry.kind == Kind.RESTRICT and entry.names:
                await _keep_again(connection, cloud, entry.aids, now=now)
            elif entry.kind == Kind.RESTRICT:
                await restrictions.hide_again(connection, cloud, entry.aids)
            elif entry.kind == Kind.NAME and entry.aids:
                await approvals.cancel_again(connection, cloud, entry.aids, taken=taken)
                await restrictions.show_again(connection, cloud, entry.aids)
            elif entry.kind == Kind.HOLD:
                await held.hold_again(connection, cloud, entry.names[0], entry.aids, now=now)
            elif entry.kind == Kind.RELEASE:
                await held.lift(connection, cloud, entry.names[0])
            head = Head(epoch=entry.epoch, seq=entry.seq, chain=entry.chain)
        # Edges hold copies of what the restored catalogue has never heard of: they drop everything of this cloud.
        told = Entry(tenant=cloud, epoch=head.epoch + 1, seq=head.seq + 1, kind=Kind.ALL)
        told = chained(head.chain, told)
        await _store(connection, told)
        await connection.execute(
            update(t.journal_head)
            .where(t.journal_head.c.tenant == cloud)
            .values(epoch=told.epoch, seq=told.seq, hash=told.chain, purged=0)
        )
        await connection.execute(delete(t.draft))  # drafts of then; some have got their names since


async def _store(connection: AsyncConnection, entry: Entry) -> None:
    packed = msgspec.msgpack.encode(entry)
    await connection.execute(insert(t.journal_entry).values(tenant=entry.tenant, seq=entry.seq, entry=packed))


async def _erase_again(connection: AsyncConnection, cloud: str, aids: Iterable[Aid], seq: int, *, now: float) -> None:
    """Those of the aids that the catalogue knows; for the keys of the others see `forget_erased`."""
    version = t.version
    home = await connection.scalar(select(t.place.c.region)) or ""
    for batch in batches(aids):
        await placements.leave(connection, cloud, batch, region=home, now=now)
        rows = await connection.execute(select(version.c.aid, version.c.asset_id).where(version.c.aid.in_(batch)))
        for aid, asset_id in rows.all():
            await connection.execute(delete(t.name).where(t.name.c.tenant == cloud, t.name.c.aid == aid))
            await connection.execute(delete(version).where(version.c.aid == aid))
            await connection.execute(delete(t.label).where(t.label.c.asset_id == asset_id))
            await SqlCatalogue().forget_renditions(connection, [aid])
            await SqlCatalogue().doom(connection, aid, cloud, seq=seq)
        await placements.doom(connection, batch, Why.ERASED, now=now)
        kept = await connection.execute(select(t.backup.c.aid).where(t.backup.c.aid.in_(batch)))
        dropped = [Aid(row.aid) for row in kept.all()]
        await drop(SqlCatalogue(), connection, dropped, tenant=cloud, seq=seq, why=Why.ERASED, now=now)


async def _keep_again(connection: AsyncConnection, cloud: str, aids: Iterable[Aid], *, now: float) -> None:
    """Versions that the catalogue takes for living, and that were put under retention since: their days begin anew, as
    nothing here tells when that was.
    """
    home = await connection.scalar(select(t.place.c.region)) or ""
    for batch in batches(aids):
        for row in await SqlCatalogue().by_aid(connection, cloud, batch, hidden=True):
            await placements.left(connection, row, region=home, since=None, now=now)
            await keep(connection, row, ended_at=now, body_bytes=0)
            await SqlCatalogue().detach(connection, row)


async def doom_drafts(core: Core) -> None:
    """Uploads that had begun when the process died; each has a row that was written before its key."""
    async with core.database.write() as connection:
        drafts = await core.catalogue.doom_drafts(connection)
    if drafts:
        log.info("drafts_dropped", drafts=drafts)


async def finish_doomed(core: Core) -> None:
    """Forget what earlier calls, or an earlier process, could not."""
    async with core.database.read() as connection:
        doomed = await core.catalogue.doomed(connection)
    if doomed or core.keyring.owes:  # an old root may be left of a move to another store, which dooms nothing
        await core.forget(doomed)


async def check_store(core: Core) -> None:
    """A bucket that has none of some originals is another one, whatever its name. Raises BadSetting."""
    async with core.database.read() as connection:
        query = select(t.version.c.tenant, t.version.c.aid).limit(ORIGINALS_LOOKED_FOR)
        some = (await connection.execute(query)).all()
    for row in some:
        try:
            await core.blobs.size(row.tenant, Aid(row.aid))
        except BlobMissing:
            continue
        return
    if some:
        raise BadSetting(
            "origin.records.s3: the bucket has none of the originals that these records know: it is another one, or was"
            " emptied; allowed: the settings of the one they lie in"
        )
