"""What is remembered of pictures from elsewhere beside themselves: which names were erased, by their keyed hashes.

An erase forgets a copy; its source goes on having it. So that nobody's request brings it back, the hash of its name stays
here: of an address until the cloud's owner asks for that very one, of a public_id that an upload mapping may lead to for
good, as its owner can upload it himself. It is looked at under the lock of the journal's head when a picture that was brought
gets its name: a fetch that was under way when the erase came has lost.

What lies at one address may be asked for by several names. Whatever is said of one of them counts for all: what was erased, is
restricted, has rules, or is here for fewer people, does not come by another.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import AssetName, NameHash
from domicile.media.journal import Kind
from origin.catalogue.sql import add_if_absent, batches
from origin.catalogue.tables import shunned as table
from origin.records.core import Core
from origin.records.filtering import condition_of
from origin.records.nonces import Once, spend_first
from origin.records.types import AssetRecord, Filter

LESS_PUBLIC = frozenset({"private", "authenticated"})
"""Delivery types of what is not for everybody, or not as it is."""


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
            return await is_shunned(connection, name.cloud, [self.hash_of(name)])

    async def is_closed(self, name: AssetName, others: Iterable[AssetName] = ()) -> bool:
        """Was it erased, is it restricted, or is there somebody whom it is not for? `others`: names of the same."""
        async with self._core.database.read() as connection:
            return await is_closed(self._core, connection, name, others)

    async def shun(self, name: AssetName) -> None:
        """As an erase does."""
        async with self._core.database.write() as connection:
            await shun(connection, name.cloud, [self.hash_of(name)])

    async def forgive(self, name: AssetName, *, once: Once | None) -> None:
        """It may be fetched again. Raises Replayed for a call that has asked for it before: what was erased since stays away."""
        if await self.is_shunned(name):
            await self._core.shield.run(self._forgive(name, once))

    async def _forgive(self, name: AssetName, once: Once | None) -> None:
        async with self._core.journal.change(name.cloud) as change:
            if once is not None:
                await spend_first(change.connection, once.about("forgive"), of=once, now=self._core.now())
            mine = (table.c.tenant == name.cloud, table.c.hash == self.hash_of(name))
            await change.connection.execute(delete(table).where(*mine))
            change.record(Kind.NAME)


async def is_shunned(connection: AsyncConnection, tenant: str, names: Iterable[NameHash]) -> bool:
    """Is one of them?"""
    for batch in batches(dict.fromkeys(names)):
        found = select(table.c.hash).where(table.c.tenant == tenant, table.c.hash.in_(batch)).limit(1)
        if await connection.scalar(found) is not None:
            return True
    return False


async def is_closed(core: Core, connection: AsyncConnection, name: AssetName, others: Iterable[AssetName]) -> bool:
    """See `FetchedNames`; in the caller's transaction. What is here under its own name with rules may be brought anew."""
    own, tenant = core.hash_name(name), name.cloud
    names = dict.fromkeys([own, *map(core.hash_name, others)])
    if await is_shunned(connection, tenant, names):
        return True
    rows = await core.catalogue.named(connection, tenant, names, hidden=True)
    return any(row.is_hidden or (row.name != own and _is_restrained(core.open(row))) for row in rows)


def _is_restrained(record: AssetRecord | None) -> bool:
    return record is not None and (bool(record.access_control) or record.name.delivery_type in LESS_PUBLIC)


async def shun(connection: AsyncConnection, tenant: str, names: Iterable[NameHash]) -> None:
    """Names of any type may be among them: only those of what was brought are ever looked for."""
    await add_if_absent(connection, table, *({"tenant": tenant, "hash": name} for name in dict.fromkeys(names)))
