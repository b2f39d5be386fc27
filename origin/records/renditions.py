"""What was made of assets: reported by edges, or made by the origin itself because somebody asked for it early (eager)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import Aid, NameHash
from domicile.media.errors import AssetNotFound, BadRequest
from domicile.media.journal import Kind
from domicile.media.layer import LAYERS_MAX
from domicile.media.wire import Rendition, RenditionReport
from origin.catalogue.sql import batches
from origin.catalogue.tables import rendition as table
from origin.catalogue.tables import rendition_layer as layer_table
from origin.journal import Change
from origin.records.core import Core
from origin.records.sealing import open_rendition, seal_rendition
from origin.records.types import NO_KEY, RenditionRecord

RENDITIONS_PER_AID_MAX = 1000
RENDITIONS_PER_REPORT_MAX = 256


def rendition_hash(core: Core, tenant: str, transformation: str, file_format: str) -> NameHash:
    """By which all renditions of one kind are found, whatever they are of."""
    return core.hash_of(tenant, "rendition", f"{transformation}\0{file_format}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the catalogue has of the assets that a report speaks of."""

    owners: Mapping[Aid, str]
    counts: Counter[Aid]
    """Renditions that are listed, of each original."""
    pairs: set[tuple[Aid, NameHash]]


class Renditions:
    """The API's `derived[]`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def of(
        self, tenant: str, aid: Aid, *, after: NameHash = NO_KEY, limit: int = RENDITIONS_PER_AID_MAX
    ) -> tuple[RenditionRecord, ...]:
        query = select(table).where(table.c.aid == aid, table.c.tenant == tenant, table.c.hash > after)
        async with self._core.database.read() as connection:
            rows = (await connection.execute(query.order_by(table.c.hash).limit(limit))).all()
            return tuple(record for _, record in await self.opened(connection, rows))

    async def opened(
        self, connection: AsyncConnection, rows: Sequence[Row[Any]]
    ) -> list[tuple[Row[Any], RenditionRecord]]:
        """Rows of the table with what they say, but for those of which a picture has gone."""
        shown: dict[tuple[Aid, str], list[Aid]] = {(row.aid, row.hash): [row.aid] for row in rows}
        for batch in batches({row.aid for row in rows}):
            for laid in await connection.execute(select(layer_table).where(layer_table.c.rendition_aid.in_(batch))):
                shown.get((laid.rendition_aid, laid.hash), []).append(laid.aid)
        region = self._core.settings.region
        return [
            (row, replace(open_rendition(row.detail, known, tenant=row.tenant, region=region), key=NameHash(row.hash)))
            for row in rows
            if (known := self._data_keys(shown[row.aid, row.hash])) is not None
        ]

    async def add(self, report: RenditionReport) -> int:
        if len(report.renditions) > RENDITIONS_PER_REPORT_MAX:
            raise BadRequest("too many renditions in one report")
        by_tenant: dict[str, list[Rendition]] = {}
        for made in report.renditions:
            by_tenant.setdefault(made.tenant, []).append(made)
        kept = 0
        for tenant, renditions in by_tenant.items():
            kept += await self._core.shield.run(self._add(tenant, renditions))
        return kept

    async def _add(self, tenant: str, renditions: Sequence[Rendition]) -> int:
        """Under the head lock each aid is checked again: a report may arrive after the aid was erased."""
        try:
            self._core.tenants.standing(tenant)
        except AssetNotFound:
            return 0
        async with self._core.journal.change(tenant) as change:
            kept = await self.add_in(change, renditions)
            if kept:
                change.record(Kind.NAME)
        return kept

    async def add_in(self, change: Change, renditions: Sequence[Rendition]) -> int:
        """How many are kept. The caller holds the head lock and records the entry."""
        rows, layers = self._rows(change.tenant, renditions, await self._known(change, renditions))
        if rows:
            await change.connection.execute(insert(table), rows)
        if layers:
            await change.connection.execute(insert(layer_table), layers)
        return len(rows)

    async def _known(self, change: Change, renditions: Sequence[Rendition]) -> _Known:
        """What there is of all aids of a report: as many questions for one rendition as for 256."""
        aids = {aid for made in renditions for aid in (made.aid, *made.layers[:LAYERS_MAX])}
        owners = await self._core.catalogue.owners(change.connection, sorted(aids))
        bases = sorted({made.aid for made in renditions})
        listed = select(table.c.aid, func.count().label("listed")).where(table.c.aid.in_(bases)).group_by(table.c.aid)
        counts = Counter({row.aid: row.listed for row in await change.connection.execute(listed)})
        hashes = sorted({self._hash(change.tenant, made) for made in renditions})
        there = select(table.c.aid, table.c.hash).where(table.c.aid.in_(bases), table.c.hash.in_(hashes))
        pairs = {(row.aid, row.hash) for row in await change.connection.execute(there)}
        return _Known(owners=owners, counts=counts, pairs=pairs)

    def _hash(self, tenant: str, made: Rendition) -> NameHash:
        return rendition_hash(self._core, tenant, made.transformation, made.format)

    def _rows(
        self, tenant: str, renditions: Sequence[Rendition], known: _Known
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Rows of what is kept, and of what lies over it; `known` grows by them."""
        rows, layers = list[dict[str, Any]](), list[dict[str, Any]]()
        for made in renditions:
            shown, key = (made.aid, *made.layers), self._hash(tenant, made)
            data_keys = self._data_keys(shown)
            if (
                data_keys is None
                or len(made.layers) > LAYERS_MAX
                or any(known.owners.get(one) != tenant for one in shown)
            ):
                continue
            if (made.aid, key) in known.pairs or known.counts[made.aid] >= RENDITIONS_PER_AID_MAX:
                continue
            known.pairs.add((made.aid, key))
            known.counts[made.aid] += 1
            record = RenditionRecord(
                transformation=made.transformation,
                format=made.format,
                width=made.width,
                height=made.height,
                body_bytes=made.body_bytes,
            )
            detail = seal_rendition(record, data_keys, tenant=tenant, region=self._core.settings.region)
            rows.append({"aid": made.aid, "hash": key, "tenant": tenant, "detail": detail})
            layers += [
                {"rendition_aid": made.aid, "hash": key, "aid": aid} for aid in sorted(set(made.layers) - {made.aid})
            ]
        return rows, layers

    def _data_keys(self, aids: Sequence[Aid]) -> dict[Aid, bytes] | None:
        """None when one is gone."""
        known = {aid: key for aid in aids if (key := self._core.keyring.of(aid)) is not None}
        return known if len(known) == len(set(aids)) else None
