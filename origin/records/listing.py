"""Reading assets: one by name or id, pages of them, and searches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from domicile.media.asset import Aid, AssetId, AssetName
from domicile.media.errors import BadRequest
from origin.records import searches
from origin.records.core import Core
from origin.records.filtering import condition_of
from origin.records.searches import Search, SearchPage
from origin.records.types import AssetRecord, Filter, Page
from origin.search.conditions import Between, Both
from origin.search.cursor import read_cursor, write_cursor
from origin.search.query import NEWEST, OLDEST, Hit, Order, Query

PAGE_RECORDS_MAX = 500


class Listing:
    """Records are read from one snapshot each; which, and in which order, comes from the search index."""

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
        _check_max_results(max_results)
        condition = condition_of(where)
        if start_at is not None:
            low, high = (start_at, None) if direction == "asc" else (None, start_at)
            condition = Both((condition, Between("created_at", low, high, includes_low=True, includes_high=True)))
        order = OLDEST if direction == "asc" else NEWEST
        after = self._place(tenant, order, cursor)
        query = Query(tenant=tenant, condition=condition, order=order, limit=max_results + 1, after=after)
        hits = await self._core.search.find(query)
        return Page(
            records=await self._records(tenant, hits[:max_results]),
            next_cursor=self._next(tenant, order, hits, max_results),
        )

    async def search(self, tenant: str, asked: Search) -> SearchPage:
        _check_max_results(asked.max_results)
        condition = searches.condition_of(self._core, tenant, asked.expression)
        order: Order = (*(one for one in asked.order if one[0] != "asset_id"), ("asset_id", asked.order[-1][1]))
        after = self._place(tenant, order, asked.cursor)
        query = Query(tenant=tenant, condition=condition, order=order, limit=asked.max_results + 1, after=after)
        found = await self._core.search.search(query, asked.counts)
        return SearchPage(
            records=await self._records(tenant, found.hits[: asked.max_results]),
            next_cursor=self._next(tenant, order, found.hits, asked.max_results),
            total=found.total,
            counts=found.counts,
        )

    def _place(self, tenant: str, order: Order, cursor: str | None) -> tuple[str | int | float | None, ...] | None:
        if not cursor:
            return None
        return read_cursor(self._core.tenants.standing(tenant).tenant.name_key, order, cursor)

    def _next(self, tenant: str, order: Order, hits: Sequence[Hit], shown: int) -> str | None:
        if len(hits) <= shown:
            return None
        return write_cursor(self._core.tenants.standing(tenant).tenant.name_key, order, hits[shown - 1].place)

    async def _records(self, tenant: str, hits: Iterable[Hit]) -> tuple[AssetRecord, ...]:
        """Those that are still there."""
        ids = [hit.asset_id for hit in hits]
        async with self._core.database.read() as connection:
            rows = await self._core.catalogue.by_asset_id(connection, tenant, ids)
        records: dict[str, AssetRecord] = {record.asset_id: record for record in self._core.open_all(rows)}
        return tuple(records[asset_id] for asset_id in ids if asset_id in records)

    async def totals(self, tenant: str) -> tuple[int, int]:
        return await self._core.search.totals(tenant)

    async def tags(self, tenant: str, resource_type: str, *, prefix: str, after: str, limit: int) -> tuple[str, ...]:
        return tuple(await self._core.search.tags(tenant, resource_type, prefix=prefix, after=after, limit=limit))


def _check_max_results(max_results: int) -> None:
    if not 1 <= max_results <= PAGE_RECORDS_MAX:
        raise BadRequest(f"max_results must be 1 to {PAGE_RECORDS_MAX}")
