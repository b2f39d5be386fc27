"""Deleting renditions and keeping the originals: the API's `derived[]` forgets them, and edges drop their copies.

Renditions live in caches alone, and edges know copies by the version that is in them: whatever is deleted of an asset, all
its copies go, and those that were not meant are made again when somebody asks for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import delete, func, select

from domicile.media.asset import IMAGE_EXTENSIONS, Aid, AssetName, NameHash
from domicile.media.errors import BadRequest
from domicile.media.journal import Head
from origin.catalogue.port import AssetRow
from origin.catalogue.tables import rendition as table
from origin.catalogue.tables import rendition_layer as layer_table
from origin.journal import Change
from origin.records.core import Core
from origin.records.deletes import DELETE_ASSETS_MAX, DELETE_NAMED_MAX, Asked, Deletes
from origin.records.purges import purge_entry
from origin.records.renditions import rendition_hash
from origin.records.types import AssetRecord, FencedState

TRANSFORMATIONS_MAX = 20
"""Told apart in one call."""
FORMATS = tuple(dict.fromkeys(IMAGE_EXTENSIONS.values()))

DerivedId = tuple[Aid, NameHash]
"""A version, and the key of one of its renditions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedAsked:
    """Of which assets; the union of all fields, at most one of which a call uses."""

    names: tuple[AssetName, ...] = ()
    asset_ids: tuple[str, ...] = ()
    transformations: tuple[tuple[str, str | None], ...] | None = None
    """Texts as URLs have them, each in one format or in all; None: whatever was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedRemoved:
    """What was deleted."""

    counts: tuple[tuple[AssetRecord, int], ...] = ()
    """Each asset that was meant, and how many renditions were listed of it."""
    missing: tuple[AssetName, ...] = ()
    ids: frozenset[DerivedId] = frozenset()
    """Those of the renditions that were asked for by id and were there."""
    head: Head | None = None
    fenced: FencedState | None = None
    """Of the last entry; None: nothing matched."""


class Derived:
    """What is meant is selected under the head lock."""

    def __init__(self, core: Core, deletes: Deletes) -> None:
        self._core = core
        self._deletes = deletes

    async def delete(self, tenant: str, asked: DerivedAsked) -> DerivedRemoved:
        """Raises BadRequest for too many names or transformations."""
        if len(asked.names) + len(asked.asset_ids) > DELETE_ASSETS_MAX:
            raise BadRequest(f"Too many assets in one call: at most {DELETE_ASSETS_MAX}")
        if asked.transformations is not None and len(asked.transformations) > TRANSFORMATIONS_MAX:
            raise BadRequest(f"Too many transformations in one call: at most {TRANSFORMATIONS_MAX}")
        return await self._core.shield.run(self._delete(tenant, asked))

    async def delete_ids(self, tenant: str, ids: Iterable[DerivedId]) -> DerivedRemoved:
        """Raises BadRequest for too many."""
        asked = frozenset(ids)
        if len(asked) > DELETE_NAMED_MAX or len({aid for aid, _ in asked}) > DELETE_ASSETS_MAX:
            raise BadRequest(f"Too many renditions in one call: at most {DELETE_ASSETS_MAX} assets'")
        return await self._core.shield.run(self._delete_ids(tenant, asked))

    async def count(self, tenant: str) -> int:
        """Renditions that are listed of all assets of a cloud."""
        counted = select(func.count()).select_from(table).where(table.c.tenant == tenant)
        async with self._core.database.read() as connection:
            return await connection.scalar(counted) or 0

    async def _delete(self, tenant: str, asked: DerivedAsked) -> DerivedRemoved:
        core = self._core
        async with core.journal.change(tenant) as change:
            selected = Asked(tenant=tenant, names=asked.names, asset_ids=asked.asset_ids)
            chosen = await self._deletes.select(change, selected)
            records = {row.aid: record for row in chosen if (record := core.open(row)) is not None}
            counts: Mapping[Aid, int] = {}
            if chosen:
                counts = await _forget(change, [row.aid for row in chosen], self._keys(tenant, asked))
                purge_entry(core, change, chosen)
        there = {record.name for record in records.values()}
        removed = DerivedRemoved(
            counts=tuple((record, counts.get(aid, 0)) for aid, record in records.items()),
            missing=tuple(name for name in asked.names if name not in there),
        )
        return await self._told(removed, change, chosen)

    async def _delete_ids(self, tenant: str, asked: frozenset[DerivedId]) -> DerivedRemoved:
        aids = sorted({aid for aid, _ in asked})
        async with self._core.journal.change(tenant) as change:
            rows = await self._core.catalogue.by_aid(change.connection, tenant, aids)
            there = await _there(change, [row.aid for row in rows], [key for _, key in asked])
            found = asked & there
            meant = {aid for aid, _ in found}
            chosen = [row for row in rows if row.aid in meant]
            for aid in meant:
                await _forget(change, [aid], [key for one, key in found if one == aid])
            if chosen:
                purge_entry(self._core, change, chosen)
        return await self._told(DerivedRemoved(ids=found), change, chosen)

    async def _told(self, removed: DerivedRemoved, change: Change, chosen: Sequence[AssetRow]) -> DerivedRemoved:
        if not chosen:
            return removed
        return replace(removed, head=change.head, fenced=await self._core.fenced(change.tenant, change.seq))

    def _keys(self, tenant: str, asked: DerivedAsked) -> list[NameHash] | None:
        if asked.transformations is None:
            return None
        return [
            rendition_hash(self._core, tenant, text, one)
            for text, file_format in asked.transformations
            for one in ((file_format,) if file_format else FORMATS)
        ]


async def _there(change: Change, aids: Sequence[Aid], keys: Sequence[NameHash]) -> frozenset[DerivedId]:
    query = select(table.c.aid, table.c.hash).where(table.c.tenant == change.tenant)
    rows = await change.connection.execute(query.where(table.c.aid.in_(aids), table.c.hash.in_(keys)))
    return frozenset((Aid(row.aid), NameHash(row.hash)) for row in rows)


async def _forget(change: Change, aids: Sequence[Aid], keys: Sequence[NameHash] | None) -> Mapping[Aid, int]:
    """How many of each; `keys`: only these."""
    meant = [table.c.aid.in_(aids), table.c.tenant == change.tenant]
    laid = [layer_table.c.rendition_aid.in_(aids)]
    if keys is not None:
        meant.append(table.c.hash.in_(keys))
        laid.append(layer_table.c.hash.in_(keys))
    gone = await change.connection.execute(delete(table).where(*meant).returning(table.c.aid))
    counts = Counter(Aid(row.aid) for row in gone)
    await change.connection.execute(delete(layer_table).where(*laid))
    return counts
