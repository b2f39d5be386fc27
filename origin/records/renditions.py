"""What was made of assets: reported by edges, or made by the origin itself because somebody asked for it early (eager)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, insert, select

from domicile.media.asset import Aid
from domicile.media.errors import AssetNotFound, BadRequest
from domicile.media.journal import Kind
from domicile.media.layer import LAYERS_MAX
from domicile.media.wire import Rendition, RenditionReport
from origin.catalogue.tables import rendition as table
from origin.catalogue.tables import rendition_layer as layer_table
from origin.journal import Change
from origin.records.core import Core
from origin.records.sealing import open_rendition, seal_rendition
from origin.records.types import RenditionRecord

RENDITIONS_PER_AID_MAX = 1000
RENDITIONS_PER_REPORT_MAX = 256


class Renditions:
    """The API's `derived[]`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def of(self, tenant: str, aid: Aid) -> tuple[RenditionRecord, ...]:
        query = select(table.c.hash, table.c.detail).where(table.c.aid == aid, table.c.tenant == tenant)
        layers = select(layer_table.c.hash, layer_table.c.aid).where(layer_table.c.rendition_aid == aid)
        async with self._core.database.read() as connection:
            rows = (await connection.execute(query.order_by(table.c.hash).limit(RENDITIONS_PER_AID_MAX))).all()
            laid = (await connection.execute(layers)).all() if rows else []
        shown: dict[str, list[Aid]] = {row.hash: [aid] for row in rows}
        for row in laid:
            shown.get(row.hash, []).append(row.aid)
        region = self._core.settings.region
        keys = {row.hash: self._data_keys(shown[row.hash]) for row in rows}
        return tuple(
            open_rendition(row.detail, known, tenant=tenant, region=region)
            for row in rows
            if (known := keys[row.hash]) is not None
        )

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
        kept = 0
        async with self._core.journal.change(tenant) as change:
            for made in renditions:
                kept += await self.add_one(change, made)
            if kept:
                change.record(Kind.NAME)
        return kept

    async def add_one(self, change: Change, made: Rendition) -> int:
        """1 when it is kept, else 0. The caller holds the head lock and records the entry."""
        core = self._core
        data_keys = self._data_keys((made.aid, *made.layers))
        if data_keys is None or len(made.layers) > LAYERS_MAX:
            return 0
        for aid in (made.aid, *made.layers):
            if await core.catalogue.owner(change.connection, aid) != change.tenant:
                return 0
        key = core.hash_of(change.tenant, "rendition", f"{made.transformation}\0{made.format}")
        mine = select(func.count()).select_from(table).where(table.c.aid == made.aid)
        known = await change.connection.scalar(mine.where(table.c.hash == key))
        if known or (await change.connection.scalar(mine) or 0) >= RENDITIONS_PER_AID_MAX:
            return 0
        record = RenditionRecord(
            transformation=made.transformation,
            format=made.format,
            width=made.width,
            height=made.height,
            body_bytes=made.body_bytes,
        )
        detail = seal_rendition(record, data_keys, tenant=change.tenant, region=core.settings.region)
        values = {"aid": made.aid, "hash": key, "tenant": change.tenant, "detail": detail}
        await change.connection.execute(insert(table).values(values))
        shown = [{"rendition_aid": made.aid, "hash": key, "aid": aid} for aid in sorted(set(made.layers) - {made.aid})]
        if shown:
            await change.connection.execute(insert(layer_table), shown)
        return 1

    def _data_keys(self, aids: Sequence[Aid]) -> dict[Aid, bytes] | None:
        """None when one is gone."""
        known = {aid: key for aid in aids if (key := self._core.keyring.of(aid)) is not None}
        return known if len(known) == len(set(aids)) else None
