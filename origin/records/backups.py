"""Versions that were deleted or replaced and are kept under retention, because their uploads asked for it (decisions B.2).

Such a version has left `version` and `name`, in one transaction with an entry RESTRICT: nobody is served it any more and no
key of it is released, while its own key and its sealed file stay where they are. It ends as an erase, with an entry of its
own: when its days are over, when its cloud has too many, when somebody says so, or with its asset.

Selected by its asset, by the name and the labels that it had in the end, and by those that later versions of its asset had
when they ended: an erase finds it by whatever it would have found its asset by, also when the asset is no more (ADR 0043).

A version under a legal hold is kept in the same way whether its upload asked for it or not; then nobody is shown it, it cannot
be restored, and it is erased when the hold ends (`awaits_erase`). Nothing that is held or restricted ends by its age.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import and_, delete, func, insert, or_, select, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import Aid
from domicile.media.journal import ENTRY_TARGETS_MAX, Kind
from domicile.media.policy import Activity, Permit, decide
from origin.catalogue.port import AssetRow
from origin.catalogue.sql import IN_MAX, SqlCatalogue, add_selected_if_absent, batches
from origin.catalogue.tables import backup as table
from origin.catalogue.tables import backup_label as labels
from origin.catalogue.tables import label as live_labels
from origin.catalogue.tables import name as names
from origin.journal import Change
from origin.records import placements
from origin.records.core import Core
from origin.records.held import held_among, is_held
from origin.records.placements import Why
from origin.records.sealing import seal_record
from origin.records.types import AssetRecord
from origin.records.under_retention import is_withheld, kept_of, totals

DAY_SECONDS = 86_400.0
SWEPT_MAX = ENTRY_TARGETS_MAX // 2
"""Versions whose time is over that go with one entry."""
RECORDS_TOLD_MAX = 1000
"""Records of one asset that are written anew when whom it is about has become known; labels reach all of them."""
SWEEPS_MAX = 1000
"""Entries of one round, of one cloud."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What became of a version that was deleted or replaced."""

    kept: bool
    awaits_erase: bool = False
    """Kept by a hold alone: for its owner it is gone."""
    renditions: int
    """Those that edges had reported."""

    @property
    def kind(self) -> Kind:
        """Of the entry that says so."""
        return Kind.RESTRICT if self.kept else Kind.ERASE


def days_of(core: Core, cloud: str) -> int:
    """How long versions of a cloud are kept; 0: not at all."""
    standing = core.tenants.all().get(cloud)
    policy = standing.policy if standing else None
    return min(policy.backups.days if policy else 0, core.settings.backup_days_max)


def is_kept(core: Core, record: AssetRecord | None) -> bool:
    """Is this version to be kept when it ends now? What holds bytes of others can be made of them again, and is not."""
    if record is None or not record.backup or record.sources or days_of(core, record.name.cloud) == 0:
        return False
    policy = core.tenants.standing(record.name.cloud).policy
    return isinstance(decide(policy, Activity.BACKUP, core.place, at=core.now()), Permit)


async def end(core: Core, change: Change, row: AssetRow, record: AssetRecord | None, *, kept: bool, why: Why) -> Ended:
    """A version ends, in the transaction that says so: it is kept, or doomed. `record`: the row, opened; `kept`: what
    `is_kept` said of it, once, since the entry has to say the same. What is held is kept whatever that said.
    """
    since = record.created_at if record is not None else None
    if record is not None and record.subject_ids:
        await _say_whom(core, change, row.asset_id, record.subject_ids)
    awaits = not kept and bool(await held_among(change.connection, row.tenant, [row.asset_id]))
    if record is None or not (kept or awaits):
        await hand_on(change.connection, row.tenant, [row])
        await placements.left(change.connection, row, region=core.settings.region, since=since, now=core.now())
        gone = await core.catalogue.remove(change.connection, row, seq=change.seq)
        await placements.doom(change.connection, [row.aid], why, now=core.now())
        return Ended(kept=False, renditions=gone)
    await placements.left(change.connection, row, region=core.settings.region, since=since, now=core.now())
    await keep(change.connection, row, ended_at=core.now(), body_bytes=record.body_bytes, awaits_erase=awaits)
    gone = await core.catalogue.detach(change.connection, row)
    return Ended(kept=True, awaits_erase=awaits, renditions=gone)


async def keep(
    connection: AsyncConnection, row: AssetRow, *, ended_at: float, body_bytes: int, awaits_erase: bool = False
) -> None:
    """Before the version is detached: its labels are taken along."""
    values = {"aid": row.aid, "tenant": row.tenant, "asset_id": row.asset_id, "name_hash": row.name, "meta": row.meta}
    how = {"ended_at": ended_at, "body_bytes": body_bytes, "awaits_erase": awaits_erase}
    await connection.execute(insert(table).values(**how, **values))
    await hand_on(connection, row.tenant, [row])


async def hand_on(connection: AsyncConnection, tenant: str, rows: Iterable[AssetRow]) -> None:
    """Before versions of these assets are detached: what each asset is called and carries now becomes a label of all that is
    kept of it, beside those that it has.
    """
    kept, living, name = table.c, live_labels.c, names.c
    for batch in batches(rows):
        asset_ids = [row.asset_id for row in batch]
        labelled = select(kept.aid, living.hash, kept.tenant).join_from(
            table, live_labels, and_(living.tenant == kept.tenant, living.asset_id == kept.asset_id)
        )
        named = select(kept.aid, name.hash, kept.tenant).join_from(
            table, names, and_(name.tenant == kept.tenant, name.asset_id == kept.asset_id)
        )
        mine = (kept.tenant == tenant, kept.asset_id.in_(asset_ids))
        called = name.hash.in_([row.name for row in batch])
        await add_selected_if_absent(connection, labels, union(labelled.where(*mine), named.where(*mine, called)))


async def _say_whom(core: Core, change: Change, asset_id: str, subject_ids: Sequence[str]) -> None:
    """Whom an asset is said to be about when a version ends may be seen in its older ones as well: the records of those that
    are kept say so from then on, to whoever restores or exports them. Before `hand_on`, whose labels tell who has been told.
    """
    hashes = {core.hash_of(change.tenant, "subject", subject) for subject in subject_ids}
    known = select(func.count()).where(labels.c.aid == table.c.aid, labels.c.hash.in_(hashes)).scalar_subquery()
    untold = select(table).where(table.c.tenant == change.tenant, table.c.asset_id == asset_id, known < len(hashes))
    newest = untold.order_by(table.c.ended_at.desc()).limit(RECORDS_TOLD_MAX)
    for kept in map(kept_of, (await change.connection.execute(newest)).all()):
        data_key, record = core.keyring.of(kept.row.aid), core.open(kept.row)
        if data_key is not None and record is not None:
            about = replace(record, subject_ids=tuple(dict.fromkeys((*record.subject_ids, *subject_ids))))
            meta = seal_record(about, data_key, region=core.settings.region)
            await change.connection.execute(update(table).where(table.c.aid == kept.row.aid).values(meta=meta))


async def follow(core: Core, change: Change, record: AssetRecord) -> None:
    """The asset's versions under retention are as open as it is from now on: what was closed is not opened by a delete and a
    restore of an older version.
    """
    after = ""
    mine = select(table).where(table.c.tenant == change.tenant, table.c.asset_id == record.asset_id)
    while rows := (
        await change.connection.execute(mine.where(table.c.aid > after).order_by(table.c.aid).limit(IN_MAX))
    ).all():  # no more than `backups_max`
        for kept in map(kept_of, rows):
            old, data_key = core.open(kept.row), core.keyring.of(kept.row.aid)
            if old is None or data_key is None or old.openness == record.openness:
                continue
            name = replace(old.name, delivery_type=record.name.delivery_type)
            ruled = replace(old, name=name, access_control=record.access_control)
            meta = seal_record(ruled, data_key, region=core.settings.region)
            await change.connection.execute(update(table).where(table.c.aid == kept.row.aid).values(meta=meta))
        after = rows[-1].aid


async def drop(
    catalogue: SqlCatalogue,
    connection: AsyncConnection,
    aids: Iterable[Aid],
    *,
    tenant: str,
    seq: int,
    why: Why,
    now: float,
) -> None:
    """They are doomed; the caller records the entry, and forgets them after the commit."""
    dropped = list(aids)
    for batch in batches(dropped):
        await connection.execute(delete(labels).where(labels.c.aid.in_(batch)))
        await connection.execute(delete(table).where(table.c.aid.in_(batch)))
        await catalogue.doom_all(connection, batch, tenant, seq=seq)
    await placements.doom(connection, dropped, why, now=now)


async def await_erase(connection: AsyncConnection, aids: Iterable[Aid]) -> None:
    """Somebody has deleted them for good, and a hold keeps them."""
    for batch in batches(aids):
        await connection.execute(update(table).where(table.c.aid.in_(batch)).values(awaits_erase=True))


async def drop_old(core: Core) -> None:
    """Those whose days are over, and the oldest of a cloud that has too many, are erased."""
    for cloud in core.tenants.all():
        await drop_old_of(core, cloud)


async def drop_old_of(core: Core, cloud: str) -> None:
    """Those of one cloud, and those that waited for a hold to end."""
    for _ in range(SWEEPS_MAX):
        async with core.database.read() as connection:
            over = await _over(core, connection, cloud)
        if not over:
            break
        await core.shield.run(_erase_old(core, cloud))


async def _erase_old(core: Core, cloud: str) -> None:
    async with core.journal.change(cloud) as change:  # once more under the lock: somebody may have been quicker
        over = await _over(core, change.connection, cloud)
        await drop(
            core.catalogue, change.connection, over, tenant=cloud, seq=change.seq, why=Why.EXPIRED, now=core.now()
        )
        if over:
            change.record(Kind.ERASE, aids=tuple(over))
    if over:
        await core.forget([(aid, cloud) for aid in over])


async def _over(core: Core, connection: AsyncConnection, cloud: str) -> list[Aid]:
    until = core.now() - days_of(core, cloud) * DAY_SECONDS
    is_free = and_(~is_held(table.c.asset_id, cloud), ~is_withheld(cloud))
    mine = select(table.c.aid).where(table.c.tenant == cloud, is_free)
    oldest = mine.order_by(table.c.ended_at, table.c.aid)
    is_over = or_(table.c.ended_at <= until, table.c.awaits_erase)
    rows = (await connection.execute(oldest.where(is_over).limit(SWEPT_MAX))).all()
    if not rows:
        count, _ = await totals(connection, cloud)
        surplus = min(count - core.settings.backups_max, SWEPT_MAX)
        rows = (await connection.execute(oldest.limit(surplus))).all() if surplus > 0 else []
    return [Aid(row.aid) for row in rows]
