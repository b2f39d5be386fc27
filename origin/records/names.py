"""Changes of what an asset is called or carries: tags, context, coordinates, rename, change of delivery type.

A change is a function from the record as it is under the lock of the journal's head to the record as it shall be, so two
changes at once cannot lose each other, and a change is whole or has not happened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from domicile.media.asset import AssetName, NameHash
from domicile.media.errors import AssetExists, AssetNotFound, LimitExceeded, MediaError
from domicile.media.journal import ENTRY_TARGETS_MAX, Kind
from domicile.media.keys import COORDINATES, LABELS
from origin.catalogue.port import AssetRow
from origin.journal import Change
from origin.records.afterwards import Afterwards, Leave, nothing
from origin.records.backups import Ended, end, follow, is_kept
from origin.records.core import Core, check_name, check_tags, check_texts, texts_of
from origin.records.display_names import check_display_name
from origin.records.fetched import shun
from origin.records.lineage import holders
from origin.records.nonces import Once, spend
from origin.records.placements import Why
from origin.records.sealing import seal_record
from origin.records.types import AssetRecord, Committed, Filter

BATCH_ASSETS_MAX = 100
"""Changed under one lock, when many are changed alike."""
BATCHES_MAX = 10_000
"""Of one such change."""

BROUGHT_TYPES = frozenset({"upload", "fetch"})
"""Whose names may be asked for without being here: an upload mapping, or the name itself, says where they lie."""

Edit = Callable[[AssetRecord], AssetRecord]
"""Pure and quick: it runs under the lock. May change name, tags, context, metadata, coordinates, access control."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """How a change is made; see `Records.edit`."""

    overwrite: bool
    once: Once | None
    waits: bool
    unique_display_name: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    before: AssetRecord
    after: AssetRecord
    taken: AssetRow | None
    """Who lost the name."""
    ended: Ended | None
    """What became of that one."""


class Names:
    """All of it happens under the lock of the tenant's journal head."""

    def __init__(self, core: Core, afterwards: Afterwards) -> None:
        self._core = core
        self._afterwards = afterwards

    async def edit(
        self,
        candidates: Sequence[AssetName],
        edit: Edit,
        *,
        overwrite: bool = False,
        once: Once | None = None,
        waits: bool = True,
        leave: Leave = nothing,
        unique_display_name: bool = False,
    ) -> Committed:
        way = _Way(overwrite=overwrite, once=once, waits=waits, unique_display_name=unique_display_name)
        work = self._edit(candidates, edit, leave, way)
        return await self._core.shield.run(work)

    async def edit_where(self, tenant: str, where: Filter, edit: Edit) -> int:
        """All that match, as they match when the turn of each comes; `edit` must leave none that still does, nor move one
        to another name. How many there were. Each batch is whole or has not happened; called again, it goes on.
        """
        done = 0
        for _ in range(BATCHES_MAX):
            batch = await self._core.shield.run(self._edit_batch(tenant, where, edit))
            done += batch
            if not batch:
                break
        return done

    async def _edit_batch(self, tenant: str, where: Filter, edit: Edit) -> int:
        core = self._core
        if not await core.matching(tenant, where, limit=1):
            return 0
        async with core.journal.change(tenant) as change:
            ids = await core.matching(tenant, where, limit=BATCH_ASSETS_MAX, change=change)
            rows = await core.catalogue.by_asset_id(change.connection, tenant, ids)
            opened = [(row, record) for row in rows if (record := core.open(row)) is not None]
            names: set[NameHash] = set()
            for row, record in opened:
                after = edit(record)
                names.update(await self._rewrite(change, row, record, after, self._data_key(row, after)))
            change.record(Kind.NAME, names=tuple(sorted(names)))
        return len(opened)

    async def _edit(self, candidates: Sequence[AssetName], edit: Edit, leave: Leave, way: _Way) -> Committed:
        core, cloud = self._core, candidates[0].cloud
        async with core.journal.change(cloud) as change:
            if way.once is not None:
                await spend(change.connection, way.once, now=core.now())
            done = await self._apply(change, candidates, edit, leave, way)
            if way.once is not None and not isinstance(done, _Done):
                change.record(Kind.NAME)  # the signature must stay used; nothing else is written
        if not isinstance(done, _Done):
            raise done
        taken, changed = done.taken, done.after
        if taken is None and not way.waits:
            state = core.leases.state(cloud, change.seq)
        else:
            doomed = [taken.aid] if taken is not None and done.ended is not None and not done.ended.kept else []
            _, state = await core.forget_and_wait(cloud, change.seq, doomed)
        return Committed(record=changed, overwritten=taken is not None, head=change.head, fenced=state)

    async def _apply(
        self, change: Change, candidates: Sequence[AssetName], edit: Edit, leave: Leave, way: _Way
    ) -> _Done | MediaError:
        """The change, or why there is none, in which case nothing was written."""
        try:
            row, record = await self._find(change, candidates)
            changed = edit(record)
            taken = await self._taken(change, record, changed, overwrite=way.overwrite)
            if way.unique_display_name:
                await check_display_name(self._core, change, changed)
            data_key, ended = await self._write(change, row, record, changed, taken)
            await self._afterwards.write(change, changed, data_key, leave(changed))
        except (AssetNotFound, AssetExists) as refused:
            return refused
        return _Done(before=record, after=changed, taken=taken, ended=ended)

    async def _find(self, change: Change, candidates: Sequence[AssetName]) -> tuple[AssetRow, AssetRecord]:
        hashes = [self._core.hash_name(name) for name in candidates]
        found = await self._core.catalogue.named(change.connection, change.tenant, dict.fromkeys(hashes))
        rows = {row.name: row for row in found}
        row = next((rows[name] for name in hashes if name in rows), None)
        record = self._core.open(row) if row else None
        if row is None or record is None:
            raise AssetNotFound(f"Resource not found - {candidates[0].public_id}")
        return row, record

    async def _taken(
        self, change: Change, record: AssetRecord, changed: AssetRecord, *, overwrite: bool
    ) -> AssetRow | None:
        """Who loses the name. Raises AssetExists."""
        if changed.name == record.name:
            return None
        new = self._core.hash_name(changed.name)
        there = await self._core.catalogue.named(change.connection, change.tenant, [new], hidden=True)
        taken = next(iter(there), None)
        if taken is not None and (taken.is_hidden or not overwrite):
            raise AssetExists(f"to_public_id {changed.name.public_id} already exists")
        return taken

    async def _write(
        self, change: Change, row: AssetRow, before: AssetRecord, record: AssetRecord, taken: AssetRow | None
    ) -> tuple[bytes, Ended | None]:
        """The version's data key, and what became of whoever lost the name."""
        core = self._core
        data_key = self._data_key(row, record)  # before anything is written: a refusal leaves all as it was
        ended = None
        if taken is not None:
            lost = core.open(taken)
            ended = await end(core, change, taken, lost, kept=is_kept(core, lost), why=Why.REPLACED)
            await core.search.remove(change, [taken.asset_id])
        names = await self._rewrite(change, row, before, record, data_key)
        if taken is not None and ended is not None:
            if len(names) >= ENTRY_TARGETS_MAX:  # an entry that ends a version must say all that it says
                raise LimitExceeded("Too much is made of this asset to change its type and take a name at once")
            change.record(ended.kind, aids=(taken.aid,), names=names)
        else:
            change.record(Kind.NAME, names=names)
        return data_key, ended

    def _data_key(self, row: AssetRow, record: AssetRecord) -> bytes:
        """Raises AssetNotFound; BadRequest for a record that cannot be written."""
        _check(record)
        data_key = self._core.keyring.of(row.aid)
        if data_key is None:
            raise AssetNotFound(f"Resource not found - {record.name.public_id}")
        return data_key

    async def _rewrite(
        self, change: Change, row: AssetRow, before: AssetRecord, record: AssetRecord, data_key: bytes
    ) -> tuple[NameHash, ...]:
        """The names that the entry has to say."""
        core = self._core
        meta = seal_record(record, data_key, region=core.settings.region)
        renamed = replace(row, name=core.hash_name(record.name), meta=meta)
        await core.catalogue.rewrite(change.connection, row.name, renamed, seq=change.seq, labels=core.labels(record))
        await core.search.put(change, core.document(record))
        ruled_anew: tuple[NameHash, ...] = ()
        if before.openness != record.openness:  # copies have the old rules: they go, and those of what holds its bytes
            ruled_anew = (row.name, *await holders(change, row.aid))
            await follow(core, change, record)
        if renamed.name != row.name:
            if before.name.delivery_type in BROUGHT_TYPES:  # nobody brings a copy that no rule and no erase would reach
                await shun(change.connection, change.tenant, [row.name])
            return tuple(dict.fromkeys((row.name, renamed.name, *ruled_anew)))
        kinds = _read_elsewhere(before, record)
        return (*ruled_anew, *(core.hash_of(row.tenant, kind, record.name.text) for kind in kinds))


def _read_elsewhere(before: AssetRecord, after: AssetRecord) -> tuple[str, ...]:
    """Kinds of hashes by which edges know what was made by reading what has changed: that is void, nothing else."""
    labels = (before.tags, before.context) != (after.tags, after.context)
    coordinates = before.coordinates != after.coordinates
    return (LABELS,) * labels + (COORDINATES,) * coordinates


def _check(record: AssetRecord) -> None:
    check_name(record.name)
    check_tags(record.tags)
    check_texts((*record.context.keys(), *record.context.values(), *record.subject_ids, *texts_of(record.metadata)))
