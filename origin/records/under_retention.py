"""Which versions are under retention: of an asset, by a name or a label, as many as there are. How they get there: `records.backups`.

Those that a hold alone keeps, and those of restricted assets, are found like the others where something is selected; nobody is
shown them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, literal, or_, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import Aid, AssetId, NameHash
from origin.catalogue.port import BARE, AssetRow
from origin.catalogue.sql import batches
from origin.catalogue.tables import backup as table
from origin.catalogue.tables import backup_label as labels
from origin.records.erasure_versions import is_hidden
from origin.records.restrictions import is_restricted


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One version under retention."""

    row: AssetRow
    ended_at: float
    body_bytes: int
    awaits_erase: bool


async def of_assets(
    connection: AsyncConnection,
    tenant: str,
    asset_ids: Iterable[str],
    names: Iterable[NameHash] = (),
    *,
    limit: int,
    shown: bool = False,
) -> list[Kept]:
    """Of these assets, and those that had one of these names when they ended; the newest first. `shown`: only those that
    may be shown and restored.
    """
    wanted = [table.c.asset_id.in_(batch) for batch in batches(dict.fromkeys(asset_ids))]
    wanted += [table.c.name_hash.in_(batch) for batch in batches(dict.fromkeys(names))]
    return await _found(connection, tenant, _shown(wanted, tenant) if shown else wanted, limit)


async def of_asset(connection: AsyncConnection, tenant: str, asset_id: str, aids: Iterable[Aid]) -> list[Kept]:
    """Those of these versions that are kept of one asset, and may be shown."""
    wanted = [and_(table.c.asset_id == asset_id, table.c.aid.in_(batch)) for batch in batches(dict.fromkeys(aids))]
    return await _found(connection, tenant, _shown(wanted, tenant), None)


def _shown(wanted: Iterable[ColumnElement[bool]], tenant: str) -> list[ColumnElement[bool]]:
    may_be = and_(table.c.awaits_erase.is_(False), ~is_withheld(tenant))
    return [and_(condition, may_be) for condition in wanted]


def is_withheld(tenant: str) -> ColumnElement[bool]:
    """Its asset is restricted, or it is hidden itself; as a condition of a query."""
    return or_(is_restricted(table.c.asset_id, tenant), is_hidden(table.c.aid, tenant))


async def may_be_shown(connection: AsyncConnection, kept: Kept) -> bool:
    """And restored?"""
    query = select(table.c.aid).where(table.c.aid == kept.row.aid, ~is_withheld(kept.row.tenant))
    return not kept.awaits_erase and await connection.scalar(query) is not None


async def selected(
    connection: AsyncConnection,
    tenant: str,
    *,
    asset_ids: Iterable[str],
    names: Iterable[NameHash],
    carrying: Iterable[NameHash],
    limit: int,
) -> list[AssetRow]:
    """At most `limit` that any of this selects, bare; `carrying`: hashes of labels."""
    called = list(dict.fromkeys(names))
    wanted = [table.c.asset_id.in_(batch) for batch in batches(dict.fromkeys(asset_ids))]
    wanted += [table.c.name_hash.in_(batch) for batch in batches(called)]
    for batch in batches(dict.fromkeys((*called, *carrying))):
        mine = (labels.c.tenant == tenant, labels.c.hash.in_(batch))
        wanted.append(table.c.aid.in_(select(labels.c.aid).where(*mine)))
    return await _places(connection, tenant, wanted, limit)


async def some(connection: AsyncConnection, tenant: str, *, limit: int) -> list[AssetRow]:
    """At most `limit`, bare."""
    return await _places(connection, tenant, [literal(value=True)], limit)


async def names_kept(connection: AsyncConnection, tenant: str, hashes: Sequence[NameHash]) -> set[NameHash]:
    """Those of these names by which something is kept."""
    own = select(table.c.name_hash.label("hash")).where(table.c.tenant == tenant, table.c.name_hash.in_(hashes))
    later = select(labels.c.hash).where(labels.c.tenant == tenant, labels.c.hash.in_(hashes))
    return {NameHash(row.hash) for row in await connection.execute(union(own, later))}


async def one(connection: AsyncConnection, tenant: str, aid: Aid) -> Kept | None:
    found = await _found(connection, tenant, [table.c.aid == aid], 1)
    return found[0] if found else None


async def several(connection: AsyncConnection, tenant: str, aids: Iterable[Aid]) -> list[Kept]:
    """Those of these that are under retention, in no order."""
    found: list[Kept] = []
    for batch in batches(aids):
        query = select(table).where(table.c.tenant == tenant, table.c.aid.in_(batch))
        found += map(kept_of, await connection.execute(query))
    return found


async def totals(connection: AsyncConnection, tenant: str) -> tuple[int, int]:
    """(versions, bytes of their originals) of a cloud under retention."""
    counted = select(func.count(), func.coalesce(func.sum(table.c.body_bytes), 0)).where(table.c.tenant == tenant)
    row = (await connection.execute(counted)).one()
    return int(row[0]), int(row[1])


async def _found(
    connection: AsyncConnection, tenant: str, selections: Iterable[ColumnElement[bool]], limit: int | None
) -> list[Kept]:
    """By conditions, each of which has few enough values for every driver."""
    found: dict[Aid, Kept] = {}
    for condition in selections:
        query = select(table).where(table.c.tenant == tenant, condition)
        rows = await connection.execute(query.order_by(table.c.ended_at.desc(), table.c.aid).limit(limit))
        found.update((kept.row.aid, kept) for kept in map(kept_of, rows))
    return sorted(found.values(), key=lambda kept: (-kept.ended_at, kept.row.aid))[:limit]


async def _places(
    connection: AsyncConnection, tenant: str, selections: Iterable[ColumnElement[bool]], limit: int
) -> list[AssetRow]:
    found: dict[Aid, AssetRow] = {}
    for condition in selections:
        query = select(table.c.aid, table.c.asset_id, table.c.name_hash).where(table.c.tenant == tenant, condition)
        for raw in await connection.execute(query.limit(limit)):
            found[raw.aid] = AssetRow(tenant=tenant, name=raw.name_hash, asset_id=raw.asset_id, aid=raw.aid, meta=BARE)
    return list(found.values())[:limit]


def kept_of(raw: Row[Any]) -> Kept:
    row = AssetRow(
        tenant=raw.tenant, name=raw.name_hash, asset_id=AssetId(raw.asset_id), aid=Aid(raw.aid), meta=raw.meta
    )
    return Kept(row=row, ended_at=raw.ended_at, body_bytes=int(raw.body_bytes), awaits_erase=raw.awaits_erase)
