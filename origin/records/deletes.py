"""Destroy and delete: names are freed, caches purged, keys punctured, bytes deleted (decisions B.2, `backup=false`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from domicile.media.asset import Aid, AssetName
from domicile.media.errors import BadRequest
from domicile.media.journal import ENTRY_TARGETS_MAX, Kind
from origin.catalogue.port import AssetRow
from origin.journal import Change
from origin.records.core import Core
from origin.records.fetched import shun
from origin.records.nonces import Once, spend
from origin.records.tasks import Word
from origin.records.types import AssetRecord, Filter, Removed, RemovedMany

DELETE_ASSETS_MAX = ENTRY_TARGETS_MAX // 2
"""Assets in one entry: each costs its entry two targets, the aid and the name. A filter deletes so many in one call."""
DELETE_NAMED_MAX = 1000
"""Assets that one call may name; they are deleted in as many entries as it takes."""


class Deletes:
    """What is selected is selected under the head lock."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def destroy(self, name: AssetName, *, once: Once | None, word: Word | None) -> Removed | None:
        many = await self._core.shield.run(self._destroy(name.cloud, [name], [], None, once, word=word))
        return many.removed[0] if many.removed else None

    async def destroy_version(self, tenant: str, aid: Aid, *, word: Word | None = None) -> Removed | None:
        """The asset that has this very version now."""
        many = await self._core.shield.run(self._destroy(tenant, [], [], None, None, aids=[aid], word=word))
        return many.removed[0] if many.removed else None

    async def destroy_many(
        self,
        tenant: str,
        *,
        names: Iterable[AssetName] = (),
        asset_ids: Iterable[str] = (),
        where: Filter | None = None,
        words: Sequence[Word] = (),
    ) -> RemovedMany:
        """`words`: one for each entry (`entries_of`), or none."""
        asked, ids = list(dict.fromkeys(names)), list(dict.fromkeys(asset_ids))
        if len(asked) + len(ids) > DELETE_NAMED_MAX:
            raise BadRequest(f"Too many assets in one call: at most {DELETE_NAMED_MAX}")
        return await self._core.shield.run(self._destroy_many(tenant, asked, ids, where, iter(words)))

    async def _destroy_many(
        self,
        tenant: str,
        names: Sequence[AssetName],
        asset_ids: Sequence[str],
        where: Filter | None,
        words: Iterator[Word],
    ) -> RemovedMany:
        step, done = DELETE_ASSETS_MAX, list[RemovedMany]()
        for at in range(0, len(names), step):
            done.append(await self._destroy(tenant, names[at : at + step], [], None, None, word=next(words, None)))
        for at in range(0, len(asset_ids), step):
            part = asset_ids[at : at + step]
            done.append(await self._destroy(tenant, [], part, None, None, word=next(words, None)))
        if where is not None:
            done.append(await self._destroy(tenant, [], [], where, None, word=next(words, None)))
        return RemovedMany(
            removed=tuple(removed for many in done for removed in many.removed),
            missing=tuple(missing for many in done for missing in many.missing),
            more=any(many.more for many in done),
        )

    async def _destroy(
        self,
        tenant: str,
        names: Sequence[AssetName],
        asset_ids: Sequence[str],
        where: Filter | None,
        once: Once | None,
        *,
        aids: Sequence[Aid] = (),
        word: Word | None = None,
    ) -> RemovedMany:
        """One entry."""
        core = self._core
        gone: list[tuple[AssetRow, AssetRecord, int]] = []
        async with core.journal.change(tenant) as change:
            if once is not None:
                await spend(change.connection, once, now=core.now())
                change.record(Kind.NAME)  # even if nothing is found: the signature must stay used
            rows = await self._select(change, tenant, names, asset_ids, where)
            rows += await core.catalogue.by_aid(change.connection, tenant, aids)
            chosen, more = rows[:DELETE_ASSETS_MAX], len(rows) > DELETE_ASSETS_MAX
            for row in chosen:
                record = core.open(row)
                renditions = await core.catalogue.remove(change.connection, row, seq=change.seq)
                if record is not None:
                    gone.append((row, record, renditions))
            if word is not None and gone:
                await word.leave(core, change.connection, [record for _, record, _ in gone])
            ruled = [
                row.name for row, record, _ in gone if record.access_control and record.name.delivery_type == "upload"
            ]
            await shun(change.connection, tenant, ruled)  # its rules go with it: no mapping opens a copy of it
            if chosen:
                erase_entry(change, chosen)
                change.after_commit.append(lambda: forget_rows(core, chosen))
        there = {record.name for _, record, _ in gone}
        missing = tuple(name for name in names if name not in there)
        if not chosen:
            return RemovedMany(removed=(), missing=missing)
        _, state = await core.forget_and_wait(tenant, change.seq, [row.aid for row in chosen])
        removed = tuple(
            Removed(
                name=record.name,
                asset_id=row.asset_id,
                aid=row.aid,
                renditions=renditions,
                head=change.head,
                fenced=state,
            )
            for row, record, renditions in gone
        )
        return RemovedMany(removed=removed, missing=missing, more=more)

    async def _select(
        self,
        change: Change,
        tenant: str,
        names: Sequence[AssetName],
        asset_ids: Sequence[str],
        where: Filter | None,
    ) -> list[AssetRow]:
        core = self._core
        hashes = [core.hash_name(name) for name in names if name.cloud == tenant]
        rows = await core.catalogue.named(change.connection, tenant, hashes)
        ids = list(asset_ids)
        if where is not None:
            ids += [hit.asset_id for hit in core.search.find(tenant, where, limit=DELETE_ASSETS_MAX + 1)]
        rows += await core.catalogue.by_asset_id(change.connection, tenant, dict.fromkeys(ids))
        return list({row.aid: row for row in rows}.values())


def entries_of(names: Collection[AssetName], asset_ids: Collection[str], where: Filter | None) -> int:
    """Into how many entries `destroy_many` cuts a call, at most."""
    return -(-len(names) // DELETE_ASSETS_MAX) - (-len(asset_ids) // DELETE_ASSETS_MAX) + (where is not None)


def erase_entry(change: Change, rows: Iterable[AssetRow]) -> None:
    """The one entry of a removal: the aids are dead, the names point elsewhere or nowhere."""
    gone = list(rows)
    change.record(Kind.ERASE, aids=tuple(row.aid for row in gone), names=tuple(row.name for row in gone))


def forget_rows(core: Core, rows: Iterable[AssetRow]) -> None:
    """Take removed assets out of the search index; right after the commit."""
    for row in rows:
        core.search.remove(row.asset_id)
