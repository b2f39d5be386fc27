"""Removing what is to be erased, in the transaction of its entries: rows and what finds them. Keys and bytes follow the commit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from domicile.media.journal import ENTRY_TARGETS_MAX, Kind
from origin.catalogue.port import AssetRow
from origin.journal import Change
from origin.records import backups, placements
from origin.records.core import Core
from origin.records.fetched import shun
from origin.records.placements import Why
from origin.records.recipients import count_by_kind
from origin.records.targets import Chosen

ERASE_VERSIONS_MAX = 50_000
"""Versions that one call erases: they are removed in one transaction, and changes of the cloud wait for it."""
TARGETS_PER_VERSION = 2
"""Its aid and its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """What went with versions."""

    renditions: int = 0
    recipients: Mapping[str, int] = field(default_factory=dict)
    """Who had been told of them, or given them, by kind."""


NOTHING_GONE = Gone()


async def remove(core: Core, change: Change, chosen: Chosen) -> Gone:
    """With their entries.

    No request brings any of the names from elsewhere again: which of them were brought, only their records say, and a
    restored catalogue is told of all of them as well.
    """
    if not chosen.versions:
        return NOTHING_GONE
    connection, tenant = change.connection, change.tenant
    recipients = await count_by_kind(connection, (row.aid for row in chosen.versions))
    kept = [row.aid for row in chosen.kept]
    now = core.now()
    await backups.drop(core.catalogue, connection, kept, tenant=tenant, seq=change.seq, why=Why.ERASED, now=now)
    await backups.hand_on(connection, tenant, chosen.assets)  # to what is left of them, where only the current ones go
    await placements.leave(connection, tenant, [row.aid for row in chosen.assets], region=core.settings.region, now=now)
    renditions = await core.catalogue.remove_all(connection, tenant, chosen.assets, seq=change.seq)
    await placements.doom(connection, [row.aid for row in chosen.assets], Why.ERASED, now=now)
    await shun(connection, tenant, (row.name for row in chosen.versions))
    await core.search.remove(change, [row.asset_id for row in chosen.assets])
    change.entries.clear()
    for part in _parts(chosen.versions):
        aids, names = tuple(row.aid for row in part), tuple(dict.fromkeys(row.name for row in part))
        change.record_more(Kind.ERASE, aids=aids, names=names)
    return Gone(renditions=renditions, recipients=recipients)


def _parts(versions: Sequence[AssetRow]) -> Iterator[Sequence[AssetRow]]:
    """As many as go into one entry, each."""
    size = ENTRY_TARGETS_MAX // TARGETS_PER_VERSION
    for at in range(0, len(versions), size):
        yield versions[at : at + size]
