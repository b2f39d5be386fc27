"""Changes of what an asset is called or carries: tags, context, rename, change of delivery type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from domicile.media.asset import AssetName
from domicile.media.errors import AssetExists, AssetNotFound
from domicile.media.journal import Kind
from origin.catalogue.port import AssetRow
from origin.journal import Change
from origin.records.core import Core, check_name, check_tags, check_texts
from origin.records.sealing import seal_record
from origin.records.types import AssetRecord, Committed


class Names:
    """All of it happens under the lock of the tenant's journal head."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def update(
        self, name: AssetName, *, tags: tuple[str, ...] | None, context: Mapping[str, str] | None
    ) -> AssetRecord:
        check_tags(tags or ())
        check_texts((*(context or {}).keys(), *(context or {}).values()))
        return await self._core.shield.run(self._update(name, tags, context))

    async def _update(
        self, name: AssetName, tags: tuple[str, ...] | None, context: Mapping[str, str] | None
    ) -> AssetRecord:
        core = self._core
        async with core.journal.change(name.cloud) as change:
            row, record = await self._find(change, name)
            changed = replace(
                record,
                tags=record.tags if tags is None else tags,
                context=record.context if context is None else context,
            )
            await self._rewrite(change, row, changed)
            change.record(Kind.NAME)  # moves the number: what tags select has changed, what edges serve has not
        return changed

    async def rename(self, old: AssetName, new: AssetName, *, overwrite: bool) -> Committed:
        check_name(new)
        return await self._core.shield.run(self._rename(old, new, overwrite=overwrite))

    async def _rename(self, old: AssetName, new: AssetName, *, overwrite: bool) -> Committed:
        core = self._core
        old_hash, new_hash = core.hash_name(old), core.hash_name(new)
        async with core.journal.change(old.cloud) as change:
            row, record = await self._find(change, old)
            taken = None
            if old_hash != new_hash:
                taken = next(iter(await core.catalogue.named(change.connection, old.cloud, [new_hash])), None)
            if taken is not None:
                if not overwrite:
                    raise AssetExists(f"to_public_id {new.public_id} already exists")
                await core.catalogue.remove(change.connection, taken, seq=change.seq)
                gone_id = taken.asset_id
                change.after_commit.append(lambda: core.search.remove(gone_id))
            moved = replace(record, name=new)
            await self._rewrite(change, row, moved)
            if taken is not None:
                change.record(Kind.ERASE, aids=(taken.aid,), names=(old_hash, new_hash))
            else:
                change.record(Kind.NAME, names=(old_hash, new_hash))
        _, state = await core.forget_and_wait(old.cloud, change.seq, [taken.aid] if taken else [])
        return Committed(record=moved, overwritten=taken is not None, head=change.head, fenced=state)

    async def _find(self, change: Change, name: AssetName) -> tuple[AssetRow, AssetRecord]:
        rows = await self._core.catalogue.named(change.connection, name.cloud, [self._core.hash_name(name)])
        record = self._core.open(rows[0]) if rows else None
        if record is None:
            raise AssetNotFound(f"Resource not found - {name.public_id}")
        return rows[0], record

    async def _rewrite(self, change: Change, row: AssetRow, record: AssetRecord) -> None:
        core = self._core
        data_key = core.keyring.of(row.aid)
        if data_key is None:
            raise AssetNotFound(f"Resource not found - {record.name.public_id}")
        meta = seal_record(record, data_key, region=core.settings.region)
        renamed = replace(row, name=core.hash_name(record.name), meta=meta)
        await core.catalogue.rewrite(change.connection, row.name, renamed, seq=change.seq, labels=core.labels(record))
        change.after_commit.append(lambda: core.search.put(record))
