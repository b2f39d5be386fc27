"""Reading assets: one by name or id, and pages of them."""

from __future__ import annotations

from collections.abc import Sequence

from domicile.media.asset import Aid, AssetId, AssetName
from domicile.media.errors import BadRequest
from origin.catalogue.search import from_cursor, to_cursor
from origin.records.core import Core
from origin.records.types import AssetRecord, Filter, Page

PAGE_RECORDS_MAX = 500


class Listing:
    """Reads from one snapshot each; the order and the filter come from the search index."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def get(self, name: AssetName) -> AssetRecord | None:
        async with self._core.database.read() as connection:
            rows = await self._core.catalogue.named(connection, name.cloud, [self._core.hash_name(name)])
        return self._core.open(rows[0]) if rows else None

    async def get_by_asset_id(self, tenant: str, asset_id: str) -> AssetRecord | None:
        async with self._core.database.read() as connection:
            rows = await self._core.catalogue.by_asset_id(connection, tenant, [asset_id])
        return self._core.open(rows[0]) if rows else None

    async def get_by_asset_ids(self, tenant: str, asset_ids: Sequence[str]) -> list[AssetRecord]:
        async with self._core.database.read() as connection:
            rows = await self._core.catalogue.by_asset_id(connection, tenant, asset_ids)
        records = {record.asset_id: record for record in self._core.open_all(rows)}
        return [records[AssetId(asset_id)] for asset_id in asset_ids if asset_id in records]

    async def get_version(self, tenant: str, aid: Aid) -> AssetRecord | None:
        async with self._core.database.read() as connection:
            rows = await self._core.catalogue.by_aid(connection, tenant, [aid])
        return self._core.open(rows[0]) if rows else None

    async def page(
        self,
        tenant: str,
        where: Filter,
        *,
        start_at: float | None,
        direction: str,
        max_results: int,
        cursor: str | None,
    ) -> Page:
        if direction not in {"asc", "desc"}:
            raise BadRequest(f"Invalid direction {direction}")
        if not 1 <= max_results <= PAGE_RECORDS_MAX:
            raise BadRequest(f"max_results must be 1 to {PAGE_RECORDS_MAX}")
        after = from_cursor(cursor) if cursor else None
        hits = self._core.search.find(
            tenant,
            where,
            limit=max_results + 1,
            start_at=start_at,
            ascending=direction == "asc",
            after=after,
        )
        shown = hits[:max_results]
        async with self._core.database.read() as connection:
            rows = await self._core.catalogue.by_asset_id(connection, tenant, [hit.asset_id for hit in shown])
        records: dict[str, AssetRecord] = {record.asset_id: record for record in self._core.open_all(rows)}
        return Page(
            records=tuple(records[hit.asset_id] for hit in shown if hit.asset_id in records),
            next_cursor=to_cursor(shown[-1]) if len(hits) > max_results else None,
        )

    def totals(self, tenant: str) -> tuple[int, int]:
        return self._core.search.totals(tenant)

    def tags(self, tenant: str, resource_type: str, *, prefix: str, after: str, limit: int) -> tuple[str, ...]:
        return tuple(self._core.search.tags(tenant, resource_type, prefix=prefix, after=after, limit=limit))
