"""What is held about a person: every version of every asset that says so, those under retention included.

Found in the catalogue itself, by the keyed hashes that an erase by the same person would go by; not in the search index,
which is rebuilt and may be behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, and_, literal, or_, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import Aid, NameHash
from domicile.media.errors import AssetNotFound
from domicile.media.journal import Head
from domicile.media.policy import Activity
from domicile.media.sealed import SealContext
from origin.catalogue import tables as t
from origin.catalogue.port import AssetRow
from origin.catalogue.sql import batches
from origin.journal_reading import read_head
from origin.records import under_retention
from origin.records.bodies import Body
from origin.records.core import Core
from origin.records.lineage import original_key
from origin.records.restores import BACKUPS_SHOWN_MAX
from origin.records.stored_bodies import StoredBody
from origin.records.types import AssetRecord
from origin.records.under_retention import Kept

VERSIONS_MAX = 2000
"""Of one export; what is more has an export of its own, from where this one ended."""
META_BYTES_MAX = 8 * 1024 * 1024
"""Of sealed records of one export: what its manifest is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What was held at one moment, or the next part of it."""

    aids: tuple[Aid, ...]
    """In their own order, which says nothing."""
    body_bytes: int
    head: Head
    next_cursor: Aid | None
    """After which the next part begins; None: this is the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldVersion:
    """One version as it is now: also one that nobody is shown, as it is held all the same."""

    record: AssetRecord
    ended_at: float | None
    """When it was deleted or replaced, if it is under retention."""
    state: str
    """"current", "restricted", "under_retention", or "awaits_erase" of what only a hold keeps."""

    def others(self, subject: str) -> int:
        """How many other persons it is said to be about."""
        return len(set(self.record.subject_ids) - {subject})


class Subjects:
    """Persons, as owners name them; only hashes of those names leave this class."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def pseudonym(self, tenant: str, subject: str) -> NameHash:
        """Raises AssetNotFound for an unknown cloud."""
        return self._core.hash_of(tenant, "subject", subject)

    async def holdings(self, tenant: str, subject: str, *, after: str = "", body_bytes_max: int) -> Holdings:
        """At least one version where there is any, and no more than the limits together allow."""
        core, asked = self._core, _versions(tenant, self.pseudonym(tenant, subject), after)
        async with core.database.read() as connection:
            found = [Aid(row.aid) for row in await connection.execute(asked.limit(VERSIONS_MAX + 1))]
            head = await read_head(connection, tenant)
        taken, body_bytes, meta_bytes = list[Aid](), 0, 0
        for batch in batches(found[:VERSIONS_MAX]):
            async with core.database.read() as connection:
                rows = await self._rows(connection, tenant, batch)
            for aid in batch:
                record = core.open(rows[aid]) if aid in rows else None
                if record is None:
                    continue  # it has just gone
                body_bytes += record.body_bytes
                meta_bytes += len(rows[aid].meta)
                if taken and (body_bytes > body_bytes_max or meta_bytes > META_BYTES_MAX):
                    return Holdings(
                        aids=tuple(taken), body_bytes=body_bytes - record.body_bytes, head=head, next_cursor=taken[-1]
                    )
                taken.append(aid)
        is_cut = len(found) > VERSIONS_MAX
        return Holdings(
            aids=tuple(taken), body_bytes=body_bytes, head=head, next_cursor=found[VERSIONS_MAX - 1] if is_cut else None
        )

    async def version(self, tenant: str, aid: Aid) -> HeldVersion | None:
        """None: it is no more."""
        core = self._core
        async with core.database.read() as connection:
            live = await core.catalogue.by_aid(connection, tenant, [aid], hidden=True)
            kept = [] if live else await under_retention.several(connection, tenant, [aid])
        return next(iter(self._held(live, kept)), None)

    async def of_asset(self, tenant: str, asset_id: str) -> tuple[HeldVersion, ...]:
        """The current one, and those under retention, the newest first."""
        core = self._core
        async with core.database.read() as connection:
            live = await core.catalogue.by_asset_id(connection, tenant, [asset_id], hidden=True)
            kept = await under_retention.of_assets(connection, tenant, [asset_id], limit=BACKUPS_SHOWN_MAX)
        return tuple(self._held(live, kept))

    def original(self, held: HeldVersion) -> Body:
        """The uploaded bytes, to be read piece by piece. Raises AssetNotFound; reading it does, too. OutsideRegion."""
        core, record = self._core, held.record
        tenant, aid = record.name.cloud, record.aid
        data_key = core.keyring.of(aid)
        key = None if data_key is None else original_key(core.keyring, aid, data_key, record.sources)
        if key is None:
            raise AssetNotFound("no such version")
        return StoredBody(
            blobs=core.blobs,
            tenant=tenant,
            aid=aid,
            key=key,
            context=SealContext.original(tenant=tenant, aid=aid, region=core.settings.region),
            body_bytes=record.body_bytes,
            leave=lambda: core.permit(tenant, Activity.STORE),
            is_live=lambda: all(core.keyring.of(one) is not None for one in (aid, *record.sources)),
        )

    def _held(self, live: Sequence[AssetRow], kept: Sequence[Kept]) -> Iterator[HeldVersion]:
        for row in live:
            if (record := self._core.open(row)) is not None:
                yield HeldVersion(record=record, ended_at=None, state="restricted" if row.is_hidden else "current")
        for one in kept:
            if (record := self._core.open(one.row)) is not None:
                state = "awaits_erase" if one.awaits_erase else "under_retention"
                yield HeldVersion(record=record, ended_at=one.ended_at, state=state)

    async def _rows(self, connection: AsyncConnection, tenant: str, aids: list[Aid]) -> dict[Aid, AssetRow]:
        rows = {row.aid: row for row in await self._core.catalogue.by_aid(connection, tenant, aids, hidden=True)}
        rows |= {kept.row.aid: kept.row for kept in await under_retention.several(connection, tenant, aids)}
        return rows


def _versions(tenant: str, hashed: NameHash, after: str) -> Select[tuple[str]]:
    """Living versions of assets that carry the label; and under retention those of the same assets, and those that carried it
    themselves: whoever is on an asset now may be seen in its old bytes as well.
    """
    label, version, backup, kept = t.label.c, t.version.c, t.backup.c, t.backup_label.c
    carrying = select(label.asset_id).where(label.tenant == tenant, label.hash == hashed)
    carried = select(kept.aid).where(kept.tenant == tenant, kept.hash == hashed)
    living = select(version.aid).where(version.tenant == tenant, version.asset_id.in_(carrying))
    ended = select(backup.aid).where(
        and_(backup.tenant == tenant, or_(backup.asset_id.in_(carrying), backup.aid.in_(carried)))
    )
    both = union(living, ended).subquery()
    return select(both.c.aid).where(both.c.aid > literal(after)).order_by(both.c.aid)
