"""What is remembered of fetched assets beside the assets themselves: which addresses were erased, by their keyed hashes.

An erase forgets a copy; its source goes on having it. So that nobody's request brings it back, the hash of its name stays
here until the cloud's owner asks for that very address. It is looked at under the lock of the journal's head when a fetched
picture gets its name: a fetch that was under way when the erase came has lost.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import AssetName, NameHash
from origin.catalogue.sql import add_if_absent
from origin.catalogue.tables import shunned as table
from origin.records.core import Core


class FetchedNames:
    """See the head of the file."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def hash_of(self, name: AssetName) -> NameHash:
        return self._core.hash_name(name)

    def count(self, cloud: str) -> int:
        """Fetched assets that the cloud has now."""
        return self._core.search.count(cloud, delivery_type="fetch")

    async def is_shunned(self, name: AssetName) -> bool:
        async with self._core.database.read() as connection:
            return await is_shunned(connection, name.cloud, self.hash_of(name))

    async def shun(self, name: AssetName) -> None:
        """As an erase does."""
        async with self._core.database.write() as connection:
            await shun(connection, name.cloud, [self.hash_of(name)])

    async def forgive(self, name: AssetName) -> None:
        """It may be fetched again."""
        async with self._core.database.write() as connection:
            await connection.execute(
                delete(table).where(table.c.tenant == name.cloud, table.c.hash == self.hash_of(name))
            )


async def is_shunned(connection: AsyncConnection, tenant: str, name: NameHash) -> bool:
    found = select(table.c.hash).where(table.c.tenant == tenant, table.c.hash == name)
    return await connection.scalar(found) is not None


async def shun(connection: AsyncConnection, tenant: str, names: Iterable[NameHash]) -> None:
    """Names of any type may be among them: only those of fetched assets are ever looked for."""
    await add_if_absent(connection, table, *({"tenant": tenant, "hash": name} for name in dict.fromkeys(names)))
