"""The seam's side for reading: assets by name, by id, as lists and by expressions, what edges made of them, and their bytes."""

from __future__ import annotations

from collections.abc import Sequence

from domicile.media.asset import Aid, AssetName, NameHash
from domicile.media.journal import Head
from domicile.media.policy import Permit
from origin.journal_reading import read_head
from origin.records.bodies import Body
from origin.records.core import Core
from origin.records.edges import Edges
from origin.records.listing import Listing
from origin.records.originals import open_original
from origin.records.renditions import RENDITIONS_PER_AID_MAX, Renditions
from origin.records.searches import Search, SearchPage
from origin.records.types import NO_KEY, AssetRecord, Filter, Page, RenditionRecord


class ReadingSide:
    """Part of `Records`; see its head for what every method promises."""

    def __init__(self, core: Core, edges: Edges, renditions: Renditions) -> None:
        self._core = core
        self._edges = edges
        self._renditions = renditions
        self._listing = Listing(core)

    async def get(self, name: AssetName) -> AssetRecord | None:
        return await self._listing.get(name)

    async def get_by_asset_id(self, tenant: str, asset_id: str) -> AssetRecord | None:
        return await self._listing.get_by_asset_id(tenant, asset_id)

    async def get_by_asset_ids(self, tenant: str, asset_ids: Sequence[str]) -> Sequence[AssetRecord]:
        """Those that there are, in the order of the ids."""
        return await self._listing.get_by_asset_ids(tenant, asset_ids)

    async def get_version(self, tenant: str, aid: Aid) -> AssetRecord | None:
        """The asset that has this very version now."""
        return await self._listing.get_version(tenant, aid)

    async def list(
        self,
        tenant: str,
        where: Filter,
        *,
        start_at: float | None = None,
        direction: str = "desc",
        max_results: int = 10,
        cursor: str | None = None,
    ) -> Page:
        """Matching assets by time of creation (`direction` "asc" or "desc"), `max_results` 1 to 500.

        `start_at`: with "asc" the first time to show, with "desc" the last. BadRequest for a cursor that is not ours.
        """
        return await self._listing.page(
            tenant, where, start_at=start_at, direction=direction, max_results=max_results, cursor=cursor
        )

    async def search(self, tenant: str, asked: Search) -> SearchPage:
        """Assets that an expression is true of. BadRequest for one that is none, LimitExceeded for one that takes too long."""
        return await self._listing.search(tenant, asked)

    @property
    def search_built(self) -> float:
        """How much of the search index there is, 0 to 1. Until it is 1, searches, listings, deletes by what assets are like and
        uploads under a quota may raise Overloaded.
        """
        return self._core.search.building.share

    async def totals(self, tenant: str) -> tuple[int, int]:
        """How many assets there are, and how many bytes their originals have."""
        return await self._listing.totals(tenant)

    async def resource_types(self, tenant: str) -> tuple[str, ...]:
        """Those of which there are assets, sorted."""
        return tuple(await self._core.search.resource_types(tenant))

    async def tags(self, tenant: str, resource_type: str, *, prefix: str, after: str, limit: int) -> tuple[str, ...]:
        """Tags in use that begin with `prefix`, sorted, at most `limit`, after the tag `after`."""
        return await self._listing.tags(tenant, resource_type, prefix=prefix, after=after, limit=limit)

    async def renditions(
        self, tenant: str, aid: Aid, *, after: NameHash = NO_KEY, limit: int = RENDITIONS_PER_AID_MAX
    ) -> tuple[RenditionRecord, ...]:
        """The API's `derived[]`, by their keys: at most `limit`, after one of them."""
        return await self._renditions.of(tenant, aid, after=after, limit=limit)

    async def head(self, tenant: str) -> Head:
        async with self._core.database.read() as connection:
            return await read_head(connection, tenant)

    async def open_original(self, record: AssetRecord, permit: Permit) -> Body:
        """The uploaded bytes, in the clear, as they are read. `permit`: Activity.STORE here. AssetNotFound when the version is
        not live, also while it is read.
        """
        return await open_original(self._core, self._edges, record, permit)
