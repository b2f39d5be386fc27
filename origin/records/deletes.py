"""Destroy and delete: names are freed, caches purged; keys are punctured and bytes deleted, or the version is kept under
retention if its upload asked for that (decisions B.2, `records.backups`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from domicile.media.asset import Aid, AssetName
from domicile.media.errors import BadRequest
from domicile.media.journal import ENTRY_TARGETS_MAX, Kind
from origin.catalogue.port import AssetRow
from origin.journal import Change
from origin.records.backups import Ended, end, is_kept
from origin.records.core import Core
from origin.records.fetched import shun
from origin.records.held import held_among
from origin.records.nonces import Once, spend
from origin.records.placements import Why
from origin.records.tasks import Word
from origin.records.types import AssetRecord, Filter, Removed, RemovedMany

DELETE_ASSETS_MAX = ENTRY_TARGETS_MAX // 2
"""Assets in one entry: each costs its entry two targets, the aid and the name. A filter deletes so many in one call."""
DELETE_NAMED_MAX = 1000
"""Assets that one call may name; they are deleted in as many entries as it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one entry is to remove; the union of all fields."""

    tenant: str
    names: tuple[AssetName, ...] = ()
    asset_ids: tuple[str, ...] = ()
    aids: tuple[Aid, ...] = ()
    hidden: bool = False
    """Also restricted ones, of `aids`."""
    where: Filter | None = None
    fate: bool | None = None
    """Only those that are kept, or only those that are not; None: it is one, or none."""
    once: Once | None = None
    word: Word | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """What one entry has removed."""

    removed: tuple[Removed, ...]
    more: bool
    """More match than one entry holds."""
    others: bool
    """Some of another fate match as well."""


class Deletes:
    """What is selected is selected under the head lock."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def destroy(self, name: AssetName, *, once: Once | None, word: Word | None) -> Removed | None:
        return await self._destroy_one(Asked(tenant=name.cloud, names=(name,), once=once, word=word))

    async def destroy_version(
        self, tenant: str, aid: Aid, *, word: Word | None = None, hidden: bool = False
    ) -> Removed | None:
        """The asset that has this very version now; `hidden`: also while it is restricted."""
        return await self._destroy_one(Asked(tenant=tenant, aids=(aid,), word=word, hidden=hidden))

    async def _destroy_one(self, asked: Asked) -> Removed | None:
        taken = await self._core.shield.run(self._destroy(asked))
        return taken.removed[0] if taken.removed else None

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
        if where is not None:
            await self._core.search.ready(tenant)  # under the lock nobody waits for it
        return await self._core.shield.run(self._destroy_many(tenant, asked, ids, where, iter(words)))

    async def _destroy_many(
        self,
        tenant: str,
        names: Sequence[AssetName],
        asset_ids: Sequence[str],
        where: Filter | None,
        words: Iterator[Word],
    ) -> RemovedMany:
        step, done = DELETE_ASSETS_MAX, list[_Taken]()
        for at in range(0, len(names), step):
            part = Asked(tenant=tenant, names=tuple(names[at : at + step]))
            done += await self._of_each_fate(part, words)
        for at in range(0, len(asset_ids), step):
            part = Asked(tenant=tenant, asset_ids=tuple(asset_ids[at : at + step]))
            done += await self._of_each_fate(part, words)
        if where is not None:
            done += await self._of_each_fate(Asked(tenant=tenant, where=where), words)
        removed = tuple(one for taken in done for one in taken.removed)
        there = {one.name for one in removed}
        return RemovedMany(
            removed=removed,
            missing=tuple(name for name in names if name not in there),
            more=bool(done) and done[-1].more,
        )

    async def _of_each_fate(self, asked: Asked, words: Iterator[Word]) -> list[_Taken]:
        """An entry says one thing of all its versions: those that are erased go first, those that are kept follow."""
        erased = await self._destroy(replace(asked, fate=False, word=next(words, None)))
        if not erased.others:
            return [erased]
        kept = await self._destroy(replace(asked, fate=True, word=next(words, None)))
        return [erased, replace(kept, more=kept.more or kept.others)]

    async def _destroy(self, asked: Asked) -> _Taken:
        """One entry."""
        core, tenant = self._core, asked.tenant
        gone: list[tuple[AssetRow, AssetRecord | None, Ended]] = []
        async with core.journal.change(tenant) as change:
            if asked.once is not None:
                await spend(change.connection, asked.once, now=core.now())
                change.record(Kind.NAME)  # even if nothing is found: the signature must stay used
            rows = await self.select(change, asked)
            records = {row.aid: core.open(row) for row in rows[:DELETE_ASSETS_MAX]}
            held = await held_among(change.connection, tenant, [row.asset_id for row in rows[:DELETE_ASSETS_MAX]])
            asked_for = {aid: is_kept(core, record) for aid, record in records.items()}
            fates = {
                row.aid: records[row.aid] is not None and (asked_for[row.aid] or row.asset_id in held)
                for row in rows[:DELETE_ASSETS_MAX]
            }
            chosen = [row for row in rows[:DELETE_ASSETS_MAX] if asked.fate is None or fates[row.aid] is asked.fate]
            for row in chosen:
                record = records[row.aid]
                ended = await end(core, change, row, record, kept=asked_for[row.aid], why=Why.DELETED)
                gone.append((row, record, ended))
            told = [record for _, record, _ in gone if record is not None]
            if asked.word is not None and told:
                await asked.word.leave(core, change.connection, told)
            ruled = [
                row.name
                for row, record, _ in gone
                if record is not None and record.access_control and record.name.delivery_type == "upload"
            ]
            await shun(change.connection, tenant, ruled)  # its rules go with it: no mapping opens a copy of it
            if chosen:
                end_entry(change, chosen, gone[0][2].kind)
                await core.search.remove(change, [row.asset_id for row in chosen])
        more, others = len(rows) > DELETE_ASSETS_MAX, len(chosen) < len(records)
        if not chosen:
            return _Taken(removed=(), more=more, others=others)
        doomed = [row.aid for row, _, ended in gone if not ended.kept]
        _, state = await core.forget_and_wait(tenant, change.seq, doomed)
        removed = tuple(
            Removed(
                name=record.name,
                asset_id=row.asset_id,
                aid=row.aid,
                renditions=ended.renditions,
                kept=ended.kept and not ended.awaits_erase,
                head=change.head,
                fenced=state,
            )
            for row, record, ended in gone
            if record is not None
        )
        return _Taken(removed=removed, more=more, others=others)

    async def select(self, change: Change, asked: Asked) -> list[AssetRow]:
        """Of a filter one more than DELETE_ASSETS_MAX, at most."""
        core, tenant = self._core, asked.tenant
        hashes = [core.hash_name(name) for name in asked.names if name.cloud == tenant]
        rows = await core.catalogue.named(change.connection, tenant, hashes)
        ids = list(asked.asset_ids)
        if asked.where is not None:
            ids += await core.matching(tenant, asked.where, limit=DELETE_ASSETS_MAX + 1, change=change)
        rows += await core.catalogue.by_asset_id(change.connection, tenant, dict.fromkeys(ids))
        rows += await core.catalogue.by_aid(change.connection, tenant, asked.aids, hidden=asked.hidden)
        return list({row.aid: row for row in rows}.values())


def entries_of(names: Collection[AssetName], asset_ids: Collection[str], where: Filter | None) -> int:
    """Into how many entries `destroy_many` cuts a call, at most: each part in two, by what becomes of its versions."""
    parts = -(-len(names) // DELETE_ASSETS_MAX) - (-len(asset_ids) // DELETE_ASSETS_MAX) + (where is not None)
    return 2 * parts


def end_entry(change: Change, rows: Iterable[AssetRow], kind: Kind) -> None:
    """The one entry of a removal: nobody is served the aids any more, the names point elsewhere or nowhere."""
    gone = list(rows)
    change.record(kind, aids=tuple(row.aid for row in gone), names=tuple(row.name for row in gone))
