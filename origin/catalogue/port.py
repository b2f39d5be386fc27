"""What the storage core asks of the catalogue, inside a transaction that the caller owns.

Rows carry hashes and sealed blobs only; opening them is `origin.records.sealing`'s. Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import Aid, AssetId, NameHash

BARE = b""
"""Stands for the sealed blob of a row that was read without it: of many assets whose places are all that is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetRow:
    """A name with the version it points to."""

    tenant: str
    name: NameHash
    asset_id: AssetId
    aid: Aid
    meta: bytes = field(repr=False)
    is_hidden: bool = False
    """It is restricted, or holds bytes of one that is; read only where `hidden` was asked for."""


class Catalogue(Protocol):
    """Names, versions, labels, renditions, drafts and what is doomed.

    What is restricted is not found, but with `hidden`, which is for those who must not take its name or forget to erase it.
    """

    async def named(
        self, connection: AsyncConnection, tenant: str, names: Iterable[NameHash], *, hidden: bool = False
    ) -> list[AssetRow]:
        """Rows of these names, in no order; names that do not exist are left out."""

    def named_in(self, connection: Connection, tenant: str, names: Iterable[NameHash]) -> list[AssetRow]:
        """The same inside a snapshot (`Database.snapshot`), as are all whose name ends so."""

    async def by_asset_id(
        self,
        connection: AsyncConnection,
        tenant: str,
        ids: Iterable[str],
        *,
        hidden: bool = False,
        bare: bool = False,
    ) -> list[AssetRow]:
        """Rows of these assets, in no order; `bare`: without their blobs."""

    async def by_aid(
        self, connection: AsyncConnection, tenant: str, aids: Iterable[Aid], *, hidden: bool = False
    ) -> list[AssetRow]:
        """Rows of the assets whose version these are now, in no order."""

    def held_in(self, connection: Connection, tenant: str, aids: Iterable[Aid]) -> list[AssetRow]:
        """Rows of those that these versions hold bytes of and that are still there, in no order."""

    async def labelled(
        self, connection: AsyncConnection, tenant: str, labels: Iterable[NameHash], limit: int, *, bare: bool = False
    ) -> list[AssetRow]:
        """At most `limit` assets that carry any of the labels (tags or folders), also hidden ones."""

    async def some(self, connection: AsyncConnection, tenant: str, limit: int, *, bare: bool = False) -> list[AssetRow]:
        """At most `limit` assets of the tenant, also hidden ones."""

    async def owner(self, connection: AsyncConnection, aid: Aid) -> str | None:
        """Tenant of a version that has bytes and may be shown."""

    def owner_in(self, connection: Connection, aid: Aid) -> str | None: ...

    async def owners(self, connection: AsyncConnection, aids: Iterable[Aid]) -> dict[Aid, str]:
        """Tenants of those that have bytes, hidden or not."""

    async def add(self, connection: AsyncConnection, row: AssetRow, *, seq: int, labels: Iterable[NameHash]) -> None:
        """Store a new version and point its name and asset at it; the older version must be removed before."""

    async def rewrite(
        self, connection: AsyncConnection, old: NameHash, row: AssetRow, *, seq: int, labels: Iterable[NameHash]
    ) -> None:
        """Change name, sealed blob and labels of an existing version. `row.name` must be free unless it is `old`."""

    async def remove(self, connection: AsyncConnection, row: AssetRow, *, seq: int) -> int:
        """Remove name, version, labels and renditions; the aid is doomed. Returns the number of renditions."""

    async def remove_all(self, connection: AsyncConnection, tenant: str, rows: Iterable[AssetRow], *, seq: int) -> int:
        """The same of many, which may be bare."""

    async def detach(self, connection: AsyncConnection, row: AssetRow) -> int:
        """The same, but key and bytes of the aid stay."""

    async def forget_renditions(self, connection: AsyncConnection, aids: Iterable[Aid]) -> int:
        """Remove the lists of these versions' renditions, and those of others that show them. Returns how many there were."""

    async def draft(self, connection: AsyncConnection, aid: Aid, tenant: str) -> None:
        """An upload begins."""

    async def undraft(self, connection: AsyncConnection, aid: Aid) -> bool:
        """The upload is no draft any more. False when it was none: committed or discarded before."""

    async def doom(self, connection: AsyncConnection, aid: Aid, tenant: str, *, seq: int) -> None:
        """Key and bytes of the aid are to go; `seq`: the entry that says so, 0 when none does. The first one stays."""

    async def doom_all(self, connection: AsyncConnection, aids: Iterable[Aid], tenant: str, *, seq: int) -> None: ...

    async def doom_drafts(self, connection: AsyncConnection) -> int:
        """All drafts become doomed. Returns how many."""

    async def doomed(self, connection: AsyncConnection) -> list[tuple[Aid, str]]:
        """(aid, tenant) of everything whose key or bytes may still be there."""

    async def undoom(self, connection: AsyncConnection, aids: Iterable[Aid]) -> None:
        """Key and bytes are gone. Idempotent."""
