"""What may be asked of versions under retention: what there is, the bytes of one, bring one back, forget some."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from domicile.media.asset import Aid, AssetName
from domicile.media.errors import AssetNotFound
from domicile.media.journal import Kind
from domicile.media.keys import subkey
from domicile.media.policy import Activity
from domicile.media.sealed import SealContext
from origin.records import backups, under_retention
from origin.records.bodies import Body
from origin.records.core import Core
from origin.records.held import held_among
from origin.records.placements import Why
from origin.records.stored_bodies import StoredBody
from origin.records.types import AssetRecord, Committed, NewAsset
from origin.records.under_retention import Kept
from origin.records.uploads import Uploads

BACKUPS_SHOWN_MAX = 1000
"""Of one asset, the newest ones, where they are listed; each of them can be named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """One version under retention."""

    record: AssetRecord
    """As it was when it ended."""
    ended_at: float


class Backups:
    """See `origin.records.backups` for how they are kept."""

    def __init__(self, core: Core, uploads: Uploads) -> None:
        self._core = core
        self._uploads = uploads

    async def of_asset(self, tenant: str, asset_id: str) -> tuple[Backup, ...]:
        """The newest first; also of an asset that is no more."""
        return await self._of(tenant, (asset_id,), ())

    async def of_name(self, name: AssetName) -> tuple[Backup, ...]:
        """Of the asset that has the name, or else of whatever had it when it ended; the newest first."""
        core, tenant = self._core, name.cloud
        async with core.database.read() as connection:
            living = await core.catalogue.named(connection, tenant, [core.hash_name(name)])
        if living:
            return await self._of(tenant, [row.asset_id for row in living], ())
        return await self._of(tenant, (), [name])

    async def of_versions(self, tenant: str, asset_id: str, aids: Iterable[Aid]) -> tuple[Backup, ...]:
        """Those of these versions that are kept of one asset, however many newer ones there are; the newest first."""
        async with self._core.database.read() as connection:
            found = await under_retention.of_asset(connection, tenant, asset_id, aids)
        return self._opened(found)

    async def _of(self, tenant: str, asset_ids: Iterable[str], names: Iterable[AssetName]) -> tuple[Backup, ...]:
        core = self._core
        hashes = [core.hash_name(name) for name in names]
        async with core.database.read() as connection:
            found = await under_retention.of_assets(
                connection, tenant, asset_ids, hashes, limit=BACKUPS_SHOWN_MAX, shown=True
            )
        return self._opened(found)

    def _opened(self, found: Iterable[Kept]) -> tuple[Backup, ...]:
        opened = [(self._core.open(kept.row), kept.ended_at) for kept in found]
        return tuple(Backup(record=record, ended_at=ended_at) for record, ended_at in opened if record is not None)

    async def totals(self, tenant: str) -> tuple[int, int]:
        """How many versions are under retention, and how many bytes their originals have."""
        async with self._core.database.read() as connection:
            return await under_retention.totals(connection, tenant)

    async def original(self, backup: Backup) -> Body:
        """The uploaded bytes, to be read piece by piece. Raises AssetNotFound; reading it does, too. OutsideRegion."""
        core, record = self._core, backup.record
        tenant, aid = record.name.cloud, record.aid
        data_key = core.keyring.of(aid)
        if data_key is None:
            raise AssetNotFound("no such version")
        core.permit(tenant, Activity.STORE)
        return StoredBody(
            blobs=core.blobs,
            tenant=tenant,
            aid=aid,
            key=subkey(data_key, "original"),
            context=SealContext.original(tenant=tenant, aid=aid, region=core.settings.region),
            body_bytes=record.body_bytes,
            leave=lambda: core.permit(tenant, Activity.STORE),
            is_live=lambda: core.keyring.of(aid) is not None,
        )

    async def restore(self, backup: Backup) -> Committed:
        """A new version over the same bytes, under a new aid and key: of its asset if that is there, under the name that it has
        now, or else under the name that it had. The version under retention stays.

        AssetNotFound: it has gone meanwhile. AssetExists: another asset has its name. OutsideRegion.
        """
        core, record = self._core, backup.record
        tenant = record.name.cloud
        permit = core.permit(tenant, Activity.STORE)
        body = await self.original(backup)
        async with core.database.read() as connection:
            rows = await core.catalogue.by_asset_id(connection, tenant, [record.asset_id])
        living = core.open(rows[0]) if rows else None
        draft = await self._uploads.mint(tenant)
        try:
            await self._uploads.put_original(draft, body, permit)
            return await self._uploads.commit(draft, _restored(record, living, now=core.now()))
        except BaseException:
            await self._uploads.discard(draft)
            raise

    async def forget(self, tenant: str, asset_id: str, aids: Iterable[Aid]) -> tuple[Aid, ...]:
        """Erase those of these versions that are under retention, at once or when the hold on them ends. Returns which."""
        return await self._core.shield.run(self._forget(tenant, asset_id, frozenset(aids)))

    async def _forget(self, tenant: str, asset_id: str, aids: frozenset[Aid]) -> tuple[Aid, ...]:
        core = self._core
        async with core.journal.change(tenant) as change:
            kept = await under_retention.of_asset(change.connection, tenant, asset_id, aids)
            asked = tuple(one.row.aid for one in kept)
            if await held_among(change.connection, tenant, [asset_id]):
                gone: tuple[Aid, ...] = ()
                await backups.await_erase(change.connection, asked)
            else:
                gone = asked
                await backups.drop(
                    core.catalogue,
                    change.connection,
                    gone,
                    tenant=tenant,
                    seq=change.seq,
                    why=Why.DELETED,
                    now=core.now(),
                )
            if gone:
                change.record(Kind.ERASE, aids=gone)
            elif asked:
                change.record(Kind.NAME)
        if gone:
            await core.forget_and_wait(tenant, change.seq, gone)
        return asked


def _restored(record: AssetRecord, living: AssetRecord | None, *, now: float) -> NewAsset:
    """All that was said of it; access is the asset's, and looked up under the lock."""
    return NewAsset(
        name=living.name if living else record.name,
        facts=record.facts,
        tags=record.tags,
        context=record.context,
        folder=record.folder,
        display_name=record.display_name,
        original_filename=record.original_filename,
        coordinates=record.coordinates,
        analysis=record.analysis,
        metadata=record.metadata,
        subject_ids=record.subject_ids,
        moderation=record.moderation,
        related=record.related,
        backup=record.backup,
        restores=record.aid,
        created_at=now,
    )
