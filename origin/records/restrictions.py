"""Restricted assets: kept as they are, and shown to nobody (GDPR Art. 18; decisions B.2).

    restriction       (asset, cause): why an asset is restricted. One cause is Art. 18 itself, others are erasures that wait
    version.is_hidden what everybody who reads asks for; follows `restriction`, a batch of versions with each journal entry

An entry RESTRICT that names no names hides versions where they are: edges drop their copies and keys, as the next look-up
finds nothing. An entry NAME that names aids shows them again. Nothing of the version is touched, so nothing is lost. Versions
under retention are named by both as well, though nobody is served them: a catalogue that is put back knows an asset by them alone
when it has no other.
Versions that hold bytes of others (archives, sprites) are hidden as long as one of those is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import Aid, NameHash
from domicile.media.journal import ENTRY_TARGETS_MAX, Kind
from origin.catalogue.hold_tables import restriction as table
from origin.catalogue.sql import add_if_absent, batches
from origin.catalogue.tables import backup, lineage, version
from origin.journal import Change
from origin.records.core import Core
from origin.records.held import assets_of

ART_18 = "restrict"
"""The cause of what somebody restricted for its own sake."""
HIDDEN_PER_ENTRY_MAX = ENTRY_TARGETS_MAX // 2
"""Versions of one entry; showing them names each of them twice."""
_COLUMNS = (version.c.aid, version.c.asset_id, version.c.name_hash)


async def mark(change: Change, asset_ids: Sequence[str], cause: str) -> None:
    """They are restricted for this cause; `hide_next` follows, until it has nothing to do. What is under retention of them is
    named by entries of its own, now.
    """
    await _add(change.connection, change.tenant, asset_ids, cause)
    for part in _parts(await _kept(change.connection, change.tenant, asset_ids)):
        change.record_more(Kind.RESTRICT, aids=part)


async def _add(connection: AsyncConnection, tenant: str, asset_ids: Iterable[str], cause: str) -> None:
    rows = [{"tenant": tenant, "asset_id": asset_id, "cause": cause} for asset_id in asset_ids]
    await add_if_absent(connection, table, *rows)


async def unmark(connection: AsyncConnection, tenant: str, asset_ids: Iterable[str], cause: str) -> None:
    """Not for this cause any more; `show` follows."""
    for batch in batches(asset_ids):
        mine = (table.c.tenant == tenant, table.c.asset_id.in_(batch), table.c.cause == cause)
        await connection.execute(delete(table).where(*mine))


async def forget(connection: AsyncConnection, tenant: str, asset_ids: Iterable[str]) -> None:
    """They are erased: nothing is left to restrict."""
    for batch in batches(asset_ids):
        await connection.execute(delete(table).where(table.c.tenant == tenant, table.c.asset_id.in_(batch)))


async def marked(connection: AsyncConnection, tenant: str, cause: str, asset_ids: Iterable[str]) -> set[str]:
    """Which of these are restricted for this cause."""
    found: set[str] = set()
    for batch in batches(asset_ids):
        mine = (table.c.tenant == tenant, table.c.cause == cause, table.c.asset_id.in_(batch))
        found.update(await connection.scalars(select(table.c.asset_id).where(*mine)))
    return found


def is_restricted(asset_id: ColumnElement[str], tenant: str) -> ColumnElement[bool]:
    """As a condition of a query about versions."""
    return exists().where(table.c.tenant == tenant, table.c.asset_id == asset_id)


def is_marked(asset_id: ColumnElement[str], tenant: str, cause: str) -> ColumnElement[bool]:
    """Restricted for this cause; as a condition of a query."""
    return exists().where(table.c.tenant == tenant, table.c.asset_id == asset_id, table.c.cause == cause)


async def is_any_shown(connection: AsyncConnection, tenant: str, cause: str) -> bool:
    """Is something restricted for this cause, or holding bytes of what is hidden, not hidden yet?"""
    for query in (_marked(tenant, cause), _holders(tenant)):
        if (await connection.execute(query.limit(1))).first() is not None:
            return True
    return False


async def hide_next(core: Core, change: Change, cause: str) -> int:
    """Hide the next versions, with their entry. How many there were."""
    rows = (await change.connection.execute(_marked(change.tenant, cause).limit(HIDDEN_PER_ENTRY_MAX))).all()
    if not rows:
        rows = (await change.connection.execute(_holders(change.tenant).limit(HIDDEN_PER_ENTRY_MAX))).all()
    await _set(change, rows, is_hidden=True)
    if rows:
        await core.search.remove(change, dict.fromkeys(row.asset_id for row in rows))
        change.record_more(Kind.RESTRICT, aids=tuple(Aid(row.aid) for row in rows))
    return len(rows)


async def hide_again(connection: AsyncConnection, tenant: str, aids: Iterable[Aid]) -> None:
    """Of a catalogue that was put back: what an entry hid after it. Nothing tells for which cause, so it is ART_18: it stays
    until somebody says otherwise.
    """
    for batch in batches(aids):
        await connection.execute(update(version).where(*_mine(tenant, batch)).values(is_hidden=True))
        await _add(connection, tenant, await assets_of(connection, tenant, batch), ART_18)


async def show(core: Core, change: Change, asset_ids: Sequence[str], *, holders: bool = True) -> int:
    """Show those of these (HIDDEN_PER_ENTRY_MAX at most) that nothing restricts any more, with their entry; without any,
    those that only hold bytes of others, if `holders`. How many there were, beside those under retention.
    """
    tenant = change.tenant
    for part in _parts(await _kept(change.connection, tenant, asset_ids, ~is_restricted(backup.c.asset_id, tenant))):
        change.record_more(Kind.NAME, aids=part)
    free = and_(version.c.is_hidden, ~is_restricted(version.c.asset_id, tenant), ~_holds_hidden())
    of = select(*_COLUMNS).where(version.c.tenant == tenant, free)
    rows = (await change.connection.execute(of.where(version.c.asset_id.in_(asset_ids)))).all()
    if not rows and holders:
        joined = of.where(exists().where(lineage.c.tenant == tenant, lineage.c.aid == version.c.aid))
        rows = (await change.connection.execute(joined.limit(HIDDEN_PER_ENTRY_MAX))).all()
    await _set(change, rows, is_hidden=False)
    for row in await core.catalogue.by_aid(change.connection, tenant, [Aid(row.aid) for row in rows]):
        if (record := core.open(row)) is not None:
            await core.search.put(change, core.document(record))
    if rows:
        names = tuple(dict.fromkeys(NameHash(row.name_hash) for row in rows))
        change.record_more(Kind.NAME, aids=tuple(Aid(row.aid) for row in rows), names=names)
    return len(rows)


async def show_again(connection: AsyncConnection, tenant: str, aids: Iterable[Aid]) -> None:
    """Of a catalogue that was put back: what an entry showed again after it."""
    for batch in batches(aids):
        await connection.execute(update(version).where(*_mine(tenant, batch)).values(is_hidden=False))
        await forget(connection, tenant, await assets_of(connection, tenant, batch))


def _mine(tenant: str, aids: Iterable[Aid]) -> tuple[ColumnElement[bool], ...]:
    return version.c.tenant == tenant, version.c.aid.in_(aids)


async def _kept(
    connection: AsyncConnection, tenant: str, asset_ids: Iterable[str], *conditions: ColumnElement[bool]
) -> list[Aid]:
    """What is under retention of these assets."""
    found: list[Aid] = []
    for batch in batches(asset_ids):
        query = select(backup.c.aid).where(backup.c.tenant == tenant, backup.c.asset_id.in_(batch), *conditions)
        found += [Aid(aid) for aid in await connection.scalars(query)]
    return found


def _parts(aids: Sequence[Aid]) -> Iterator[tuple[Aid, ...]]:
    """As many as go into one entry, each."""
    for at in range(0, len(aids), ENTRY_TARGETS_MAX):
        yield tuple(aids[at : at + ENTRY_TARGETS_MAX])


async def _set(change: Change, rows: Iterable[Any], *, is_hidden: bool) -> None:
    for batch in batches(row.aid for row in rows):
        await change.connection.execute(update(version).where(version.c.aid.in_(batch)).values(is_hidden=is_hidden))


def _marked(tenant: str, cause: str) -> Select[Any]:
    """Versions that are to be hidden for a cause and are not."""
    mine = and_(table.c.tenant == version.c.tenant, table.c.asset_id == version.c.asset_id)
    restricted = select(*_COLUMNS).join(table, mine)
    return restricted.where(table.c.tenant == tenant, table.c.cause == cause, version.c.is_hidden.is_(False))


def _holders(tenant: str) -> Select[Any]:
    """Versions that hold bytes of a hidden one and are not hidden."""
    source = version.alias("source")
    joined = (
        select(*_COLUMNS).join(lineage, lineage.c.aid == version.c.aid).join(source, source.c.aid == lineage.c.source)
    )
    return joined.where(lineage.c.tenant == tenant, source.c.is_hidden, version.c.is_hidden.is_(False)).distinct()


def _holds_hidden() -> ColumnElement[bool]:
    source = version.alias("source")
    held = select(lineage.c.aid).join(source, source.c.aid == lineage.c.source)
    return held.where(lineage.c.aid == version.c.aid, source.c.is_hidden).correlate(version).exists()
