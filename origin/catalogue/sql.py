"""The catalogue over SQLAlchemy Core, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import (
    BindParameter,
    CompoundSelect,
    Connection,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import Aid, NameHash
from origin.catalogue import tables as t
from origin.catalogue.port import BARE, AssetRow
from origin.catalogue.subject_tables import recipient
from origin.catalogue.task_tables import task

IN_MAX = 500
"""Values in one IN (...): below every driver's limit of parameters."""

T = TypeVar("T")


def batches(values: Iterable[T]) -> Iterable[list[T]]:
    """Lists of at most IN_MAX."""
    rest = iter(values)
    while batch := list(islice(rest, IN_MAX)):
        yield batch


async def add_if_absent(connection: AsyncConnection, table: Table, *rows: Mapping[str, Any]) -> None:
    """Rows whose key is there stay as they are, also when two transactions bring the same one at once."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    for batch in batches(rows):
        await connection.execute(dialect.insert(table).on_conflict_do_nothing(), batch)


async def add_selected_if_absent(connection: AsyncConnection, table: Table, rows: CompoundSelect[Any]) -> None:
    """The same for rows that are in the database already, under the names of the table's columns."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    await connection.execute(
        dialect.insert(table).from_select(rows.selected_columns.keys(), rows).on_conflict_do_nothing()
    )


def _assets(tenant: str | BindParameter[str], *, bare: bool = False, from_versions: bool = False) -> Select[Any]:
    """Which side a question comes from decides by what key the other one is found. A key that is not needed does harm: PostgreSQL
    takes the chances of all three for independent, expects next to no rows, and reads both tables whole for the first few.
    """
    name, version = t.name.c, t.version.c
    same = version.aid == name.aid
    if from_versions:
        same = and_(same, version.tenant == name.tenant, version.name_hash == name.hash)
    joined = t.name.join(t.version, same)
    places = (t.name.c.tenant, t.name.c.hash, t.name.c.asset_id, t.name.c.aid, version.is_hidden)
    columns = places if bare else (*places, version.meta)
    return select(*columns).select_from(joined).where(t.name.c.tenant == tenant)


def _shown(assets: Select[Any], *, hidden: bool = False) -> Select[Any]:
    return assets if hidden else assets.where(t.version.c.is_hidden.is_(False))


# Asked for each rendition that is made; put together once, they take half as long.
_NAMED_ALL = _assets(bindparam("tenant")).where(t.name.c.hash.in_(bindparam("names", expanding=True)))
_NAMED = _shown(_NAMED_ALL)
_OWNER = select(t.version.c.tenant).where(t.version.c.aid == bindparam("aid"), t.version.c.is_hidden.is_(False))


def _row(raw: Any) -> AssetRow:
    return AssetRow(
        tenant=raw.tenant,
        name=raw.hash,
        asset_id=raw.asset_id,
        aid=raw.aid,
        meta=getattr(raw, "meta", BARE),
        is_hidden=raw.is_hidden,
    )


class SqlCatalogue:
    """See `origin.catalogue.port.Catalogue`."""

    async def named(
        self, connection: AsyncConnection, tenant: str, names: Iterable[NameHash], *, hidden: bool = False
    ) -> list[AssetRow]:
        return await connection.run_sync(self._named_in, tenant, names, _NAMED_ALL if hidden else _NAMED)

    def named_in(self, connection: Connection, tenant: str, names: Iterable[NameHash]) -> list[AssetRow]:
        return self._named_in(connection, tenant, names, _NAMED)

    @staticmethod
    def _named_in(connection: Connection, tenant: str, names: Iterable[NameHash], query: Select[Any]) -> list[AssetRow]:
        rows: list[AssetRow] = []
        for batch in batches(names):
            rows += map(_row, connection.execute(query, {"tenant": tenant, "names": batch}))
        return rows

    async def by_asset_id(
        self,
        connection: AsyncConnection,
        tenant: str,
        ids: Iterable[str],
        *,
        hidden: bool = False,
        bare: bool = False,
    ) -> list[AssetRow]:
        rows: list[AssetRow] = []
        for batch in batches(ids):
            query = _assets(tenant, bare=bare, from_versions=True).where(
                t.version.c.tenant == tenant, t.version.c.asset_id.in_(batch)
            )
            rows += map(_row, await connection.execute(_shown(query, hidden=hidden)))
        return rows

    async def by_aid(
        self, connection: AsyncConnection, tenant: str, aids: Iterable[Aid], *, hidden: bool = False
    ) -> list[AssetRow]:
        rows: list[AssetRow] = []
        for batch in batches(aids):
            query = _assets(tenant, from_versions=True).where(t.version.c.aid.in_(batch))
            rows += map(_row, await connection.execute(_shown(query, hidden=hidden)))
        return rows

    def held_in(self, connection: Connection, tenant: str, aids: Iterable[Aid]) -> list[AssetRow]:
        rows: list[AssetRow] = []
        for batch in batches(aids):
            held = select(t.lineage.c.source).where(t.lineage.c.aid.in_(batch))
            rows += map(
                _row, connection.execute(_shown(_assets(tenant, from_versions=True)).where(t.version.c.aid.in_(held)))
            )
        return rows

    async def labelled(
        self, connection: AsyncConnection, tenant: str, labels: Iterable[NameHash], limit: int, *, bare: bool = False
    ) -> list[AssetRow]:
        rows: dict[str, AssetRow] = {}
        for batch in batches(labels):
            carrying = select(t.label.c.asset_id).where(t.label.c.tenant == tenant, t.label.c.hash.in_(batch))
            query = _assets(tenant, bare=bare, from_versions=True)
            query = query.where(t.version.c.tenant == tenant, t.version.c.asset_id.in_(carrying))
            found = await connection.execute(query.limit(max(limit - len(rows), 0)))
            rows.update((raw.asset_id, _row(raw)) for raw in found)
        return list(rows.values())

    async def some(self, connection: AsyncConnection, tenant: str, limit: int, *, bare: bool = False) -> list[AssetRow]:
        query = _assets(tenant, bare=bare).order_by(t.name.c.hash).limit(limit)
        return [_row(raw) for raw in await connection.execute(query)]

    async def count(self, connection: AsyncConnection, tenant: str) -> int:
        mine = select(func.count()).select_from(t.name).where(t.name.c.tenant == tenant)
        return await connection.scalar(mine) or 0

    async def page(self, connection: AsyncConnection, tenant: str, *, after: str, limit: int) -> list[AssetRow]:
        query = _shown(_assets(tenant)).where(t.name.c.hash > after).order_by(t.name.c.hash).limit(limit)
        return [_row(raw) for raw in await connection.execute(query)]

    async def owner(self, connection: AsyncConnection, aid: Aid) -> str | None:
        return await connection.run_sync(self.owner_in, aid)

    def owner_in(self, connection: Connection, aid: Aid) -> str | None:
        owner: str | None = connection.scalar(_OWNER, {"aid": aid})
        return owner

    async def owners(self, connection: AsyncConnection, aids: Iterable[Aid]) -> dict[Aid, str]:
        owners: dict[Aid, str] = {}
        for batch in batches(aids):
            rows = await connection.execute(
                select(t.version.c.aid, t.version.c.tenant).where(t.version.c.aid.in_(batch))
            )
            owners |= {row.aid: row.tenant for row in rows}
        return owners

    async def add(self, connection: AsyncConnection, row: AssetRow, *, seq: int, labels: Iterable[NameHash]) -> None:
        name = {"tenant": row.tenant, "hash": row.name, "asset_id": row.asset_id, "aid": row.aid}
        await connection.execute(insert(t.name).values(name))
        await connection.execute(
            insert(t.version).values(
                aid=row.aid, tenant=row.tenant, asset_id=row.asset_id, name_hash=row.name, seq=seq, meta=row.meta
            )
        )
        await self._label(connection, row, labels)

    async def rewrite(
        self, connection: AsyncConnection, old: NameHash, row: AssetRow, *, seq: int, labels: Iterable[NameHash]
    ) -> None:
        await connection.execute(
            update(t.name).where(t.name.c.tenant == row.tenant, t.name.c.hash == old).values(hash=row.name)
        )
        await connection.execute(
            update(t.version).where(t.version.c.aid == row.aid).values(name_hash=row.name, seq=seq, meta=row.meta)
        )
        await connection.execute(delete(t.label).where(t.label.c.asset_id == row.asset_id))
        await self._label(connection, row, labels)

    async def _label(self, connection: AsyncConnection, row: AssetRow, labels: Iterable[NameHash]) -> None:
        rows = [{"tenant": row.tenant, "hash": label, "asset_id": row.asset_id} for label in sorted(set(labels))]
        if rows:
            await connection.execute(insert(t.label), rows)

    async def remove(self, connection: AsyncConnection, row: AssetRow, *, seq: int) -> int:
        return await self.remove_all(connection, row.tenant, [row], seq=seq)

    async def remove_all(self, connection: AsyncConnection, tenant: str, rows: Iterable[AssetRow], *, seq: int) -> int:
        gone = 0
        for batch in batches(rows):
            gone += await self._detach(connection, tenant, batch)
            await self.doom_all(connection, [row.aid for row in batch], tenant, seq=seq)
        return gone

    async def detach(self, connection: AsyncConnection, row: AssetRow) -> int:
        return await self._detach(connection, row.tenant, [row])

    async def _detach(self, connection: AsyncConnection, tenant: str, rows: Sequence[AssetRow]) -> int:
        """At most IN_MAX."""
        aids, names, ids = [row.aid for row in rows], [row.name for row in rows], [row.asset_id for row in rows]
        name = t.name.c
        await connection.execute(delete(t.name).where(name.tenant == tenant, name.hash.in_(names), name.aid.in_(aids)))
        await connection.execute(delete(t.version).where(t.version.c.aid.in_(aids)))
        await connection.execute(delete(t.label).where(t.label.c.asset_id.in_(ids)))
        await connection.execute(delete(task).where(task.c.aid.in_(aids)))
        await connection.execute(delete(t.lineage).where(t.lineage.c.aid.in_(aids)))
        return await self.forget_renditions(connection, aids)

    async def forget_renditions(self, connection: AsyncConnection, aids: Iterable[Aid]) -> int:
        rendition, laid = t.rendition.c, t.rendition_layer.c
        gone = 0
        for batch in batches(aids):
            showing = select(laid.rendition_aid, laid.hash).where(laid.aid.in_(batch))
            for mine in (tuple_(rendition.aid, rendition.hash).in_(showing), rendition.aid.in_(batch)):
                gone += (await connection.execute(delete(t.rendition).where(mine))).rowcount
            for theirs in (tuple_(laid.rendition_aid, laid.hash).in_(showing), laid.rendition_aid.in_(batch)):
                await connection.execute(delete(t.rendition_layer).where(theirs))
        return gone

    async def draft(self, connection: AsyncConnection, aid: Aid, tenant: str) -> None:
        await connection.execute(insert(t.draft).values(aid=aid, tenant=tenant))

    async def undraft(self, connection: AsyncConnection, aid: Aid) -> bool:
        gone = await connection.execute(delete(t.draft).where(t.draft.c.aid == aid))
        return gone.rowcount > 0

    async def doom(self, connection: AsyncConnection, aid: Aid, tenant: str, *, seq: int) -> None:
        await self.doom_all(connection, [aid], tenant, seq=seq)

    async def doom_all(self, connection: AsyncConnection, aids: Iterable[Aid], tenant: str, *, seq: int) -> None:
        for batch in batches(aids):
            await add_if_absent(connection, t.doomed, *({"aid": aid, "tenant": tenant, "seq": seq} for aid in batch))
            await connection.execute(delete(recipient).where(recipient.c.aid.in_(batch)))

    async def doom_drafts(self, connection: AsyncConnection) -> int:
        # Removed first: one that somebody is just giving its name is waited for, and is no draft then.
        drafts = (await connection.execute(delete(t.draft).returning(t.draft.c.aid, t.draft.c.tenant))).all()
        for draft in drafts:
            await self.doom(connection, draft.aid, draft.tenant, seq=0)
        return len(drafts)

    async def doomed(self, connection: AsyncConnection) -> list[tuple[Aid, str]]:
        rows = await connection.execute(select(t.doomed.c.aid, t.doomed.c.tenant))
        return [(row.aid, row.tenant) for row in rows]

    async def undoom(self, connection: AsyncConnection, aids: Iterable[Aid]) -> None:
        for batch in batches(aids):
            await connection.execute(delete(t.doomed).where(t.doomed.c.aid.in_(batch)))
