"""Transformations by what was made with them: which there are, what each has made, and how all of that is dropped.

A rendition's row is found by a keyed hash of its transformation and format, the same for all assets of a cloud.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, func, literal, select, tuple_

from domicile.media.asset import IMAGE_EXTENSIONS, Aid, NameHash
from domicile.media.journal import Kind
from origin.catalogue.sql import batches
from origin.catalogue.tables import rendition as table
from origin.catalogue.tables import rendition_layer as layer_table
from origin.journal import Change
from origin.records.core import Core
from origin.records.purges import PURGE_ASSETS_MAX, TARGETS_PER_ASSET
from origin.records.renditions import Renditions, rendition_hash
from origin.records.types import AssetRecord, NamedCommitted, RenditionRecord

LOOKED_AT_MAX = 1000
"""Kinds of renditions, to find out whether a transformation is a part of one."""
FORMATS = tuple(sorted(set(IMAGE_EXTENSIONS.values())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """A transformation that something was made with, and where it stands in the list."""

    text: str
    place: NameHash


class UsedTransformations:
    """See the head of the file."""

    def __init__(self, core: Core, renditions: Renditions) -> None:
        self._core = core
        self._renditions = renditions

    async def page(self, cloud: str, *, after: str, limit: int) -> tuple[tuple[Used, ...], str | None]:
        """Each once, in an order that tells nothing, behind a place; and the place from which to go on, if there is more."""
        kinds = select(table.c.hash, func.min(table.c.aid).label("aid")).where(
            table.c.tenant == cloud, table.c.hash > after
        )
        first = kinds.group_by(table.c.hash).order_by(table.c.hash).limit(limit + 1).subquery()
        query = select(table).join(first, (table.c.hash == first.c.hash) & (table.c.aid == first.c.aid))
        async with self._core.database.read() as connection:
            rows = (await connection.execute(query.order_by(table.c.hash))).all()
            opened = await self._renditions.opened(connection, rows[:limit])
            hashes = {record.transformation: self._hashes(cloud, record.transformation) for _, record in opened}
            there = set[str]()
            for batch in batches(one for several in hashes.values() for one in several):
                found = select(table.c.hash).where(table.c.tenant == cloud, table.c.hash.in_(batch)).distinct()
                there |= set((await connection.execute(found)).scalars())
        used = tuple(
            Used(text=record.transformation, place=row.hash)
            for row, record in opened
            if record.transformation and row.hash == min(there & hashes[record.transformation])
        )
        return used, rows[limit - 1].hash if len(rows) > limit else None

    async def is_used(self, cloud: str, text: str) -> bool:
        async with self._core.database.read() as connection:
            return await connection.scalar(select(table.c.aid).where(self._is_of(cloud, text)).limit(1)) is not None

    async def may_be_used(self, cloud: str, text: str) -> bool:
        """Was anything made with it, alone or as a part? True also when that cannot be told: of a program, whose results bear
        other texts, and where there are more kinds of renditions than are looked at.
        """
        if await self.is_used(cloud, text) or "$" in text or "if_" in text:
            return True
        used, more = await self.page(cloud, after="", limit=LOOKED_AT_MAX)
        return more is not None or any(f"/{text}/" in f"/{one.text}/" for one in used)

    async def made(
        self, cloud: str, text: str, *, after: str, limit: int
    ) -> tuple[list[tuple[AssetRecord, RenditionRecord]], str | None]:
        """What was made with it, behind a place; and the place from which to go on, if there is more."""
        aid, _, kind = after.partition(".")
        behind = tuple_(table.c.aid, table.c.hash) > tuple_(literal(aid), literal(kind))
        query = select(table).where(self._is_of(cloud, text), behind).order_by(table.c.aid, table.c.hash)
        async with self._core.database.read() as connection:
            rows = (await connection.execute(query.limit(limit + 1))).all()
            opened = await self._renditions.opened(connection, rows[:limit])
            aids = [Aid(row.aid) for row, _ in opened]
            assets = await self._core.catalogue.by_aid(connection, cloud, dict.fromkeys(aids))
        records = {record.aid: record for record in self._core.open_all(assets)}
        found = [(records[row.aid], made) for row, made in opened if row.aid in records]
        last = rows[limit - 1] if len(rows) > limit else None
        return found, None if last is None else f"{last.aid}.{last.hash}"

    async def drop(self, cloud: str, text: str) -> NamedCommitted:
        """Cached copies of all that something was made of with it go, and so does the word of it."""
        return await self._core.shield.run(self._drop(cloud, text))

    async def _drop(self, cloud: str, text: str) -> NamedCommitted:
        core, hashes = self._core, self._hashes(cloud, text)
        async with core.journal.change(cloud) as change:
            found = select(table.c.aid).where(self._is_of(cloud, text)).distinct().limit(PURGE_ASSETS_MAX + 1)
            aids = [Aid(aid) for aid in (await change.connection.execute(found)).scalars()]
            await self._purge(change, aids)
            layers = select(table.c.aid).where(self._is_of(cloud, text))
            of_these = layer_table.c.hash.in_(hashes) & layer_table.c.rendition_aid.in_(layers)
            await change.connection.execute(delete(layer_table).where(of_these))
            await change.connection.execute(delete(table).where(self._is_of(cloud, text)))
        return NamedCommitted(head=change.head, fenced=await core.fenced(cloud, change.seq))

    async def _purge(self, change: Change, aids: list[Aid]) -> None:
        piled_up = change.purged + TARGETS_PER_ASSET * len(aids)
        if len(aids) > PURGE_ASSETS_MAX or piled_up > self._core.settings.purge_targets_max:
            change.record(Kind.ALL)
            return
        rows = await self._core.catalogue.by_aid(change.connection, change.tenant, aids)
        change.record(Kind.ASSET, aids=tuple(aids), names=tuple(row.name for row in rows))

    def _is_of(self, cloud: str, text: str) -> ColumnElement[bool]:
        return and_(table.c.tenant == cloud, table.c.hash.in_(self._hashes(cloud, text)))

    def _hashes(self, cloud: str, text: str) -> set[NameHash]:
        return {rendition_hash(self._core, cloud, text, one) for one in FORMATS}
