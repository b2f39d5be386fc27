"""Versions whose bytes hold those of others: an archive, a sprite. When one of the others goes, they go.

The original of such a version is sealed under a key that is made of its own and of all its sources' (decisions E.3), and an
edge knows them all as contributors: a source that is erased takes it along at once, keys and cached copies. Its row and its
file follow within a minute.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import structlog
from sqlalchemy import delete, exists, insert, select

from domicile.media.asset import Aid, NameHash
from domicile.media.errors import AssetNotFound
from domicile.media.journal import ENTRY_TARGETS_MAX
from domicile.media.keys import content_key, subkey
from origin.catalogue.tables import lineage as table
from origin.catalogue.tables import version
from origin.journal import Change
from origin.keyring import Keyring
from origin.records.core import Core
from origin.records.deletes import Deletes

SWEPT_MAX = 500
"""In one round."""

log = structlog.get_logger(__name__)


def original_key(keyring: Keyring, aid: Aid, data_key: bytes, sources: Sequence[Aid]) -> bytes | None:
    """The key of a version's original; None when a source's has gone."""
    own = subkey(data_key, "original")
    if not sources:
        return own
    keys = {aid: own}
    for source in sources:
        theirs = keyring.of(source)
        if theirs is None:
            return None
        keys[source] = subkey(theirs, "original")
    return content_key(keys)


async def note_sources(core: Core, change: Change, aid: Aid, sources: Iterable[Aid]) -> None:
    """In the transaction that brings the version. Raises AssetNotFound when one of them has just gone."""
    for source in dict.fromkeys(sources):
        if await core.catalogue.owner(change.connection, source) != change.tenant:
            raise AssetNotFound("what this was made of has just been deleted")
        await change.connection.execute(insert(table).values(aid=aid, source=source, tenant=change.tenant))


async def holders(change: Change, aid: Aid) -> tuple[NameHash, ...]:
    """Names of what holds bytes of a version; one more than an entry holds, at most."""
    query = (
        select(version.c.name_hash)
        .join(table, table.c.aid == version.c.aid)
        .where(table.c.source == aid, version.c.tenant == change.tenant)
        .limit(ENTRY_TARGETS_MAX + 1)
    )
    return tuple(sorted(NameHash(name) for name in (await change.connection.execute(query)).scalars()))


async def sweep(core: Core) -> None:
    """Delete what holds bytes of a version that is no more: nobody could open it since."""
    holder, held = version.alias(), version.alias()
    is_orphan = exists().where(holder.c.aid == table.c.aid) & ~exists().where(held.c.aid == table.c.source)
    is_over = ~exists().where(holder.c.aid == table.c.aid)
    query = select(table.c.tenant, table.c.aid).distinct().limit(SWEPT_MAX)
    async with core.database.read() as connection:
        orphans = (await connection.execute(query.where(is_orphan))).all()
        over = (await connection.execute(query.where(is_over))).all()
    for row in orphans:
        await Deletes(core).destroy_version(row.tenant, Aid(row.aid), hidden=True)
    if over:  # versions that went another way than by `Catalogue.remove`
        async with core.database.write() as connection:
            await connection.execute(delete(table).where(table.c.aid.in_([row.aid for row in over])))
    if orphans:
        log.info("orphans_deleted", versions=len(orphans))
