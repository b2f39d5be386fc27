"""What is remembered of pictures from elsewhere beside themselves: which names were erased, by their keyed hashes.

An erase forgets a copy; its source goes on having it. So that nobody's request brings it back, the hash of its name stays
here: of an address until the cloud's owner asks for that very one, of a public_id that an upload mapping may lead to for
good, as its owner can upload it himself. It is looked at under the lock of the journal's head when a picture that was brought
gets its name: a fetch that was under way when the erase came has lost.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import AssetName, NameHash
from origin.catalogue.sql import add_if_absent
from origin.catalogue.tables import shunned as table
from origin.records.core import Core
from origin.records.filtering import condition_of
from origin.records.types import Filter


class FetchedNames:
    """See the head of the file."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def hash_of(self, name: AssetName) -> NameHash:
        return self._core.hash_name(name)

    async def count(self, cloud: str) -> int:
        """Assets of type `fetch` that the cloud has now."""
        return await self._core.search.count(cloud, condition_of(Filter(delivery_type="fetch")))

    async def count_under(self, cloud: str, folder: str) -> int:
        """Uploaded pictures whose public_id lies in a folder."""
        where = Filter(resource_type="image", delivery_type="upload", prefix=f"{folder}/")
        return await self._core.search.count(cloud, condition_of(where))

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
    """Names of any type may be among them: only those of what was brought are ever looked for."""
    await add_if_absent(connection, table, *({"tenant": tenant, "hash": name} for name in dict.fromkeys(names)))
