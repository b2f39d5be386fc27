"""Uploads: mint a key, seal the bytes, give them their name."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import AID_BYTES, Aid, AssetId
from domicile.media.errors import AssetExists, AssetNotFound, BadRequest, Overloaded
from domicile.media.journal import Kind
from domicile.media.policy import Permit
from domicile.media.quotas import NO_QUOTAS
from domicile.media.sealed import SALT_BYTES, SealBroken, SealContext, Sealer
from origin.catalogue.port import AssetRow
from origin.catalogue.sql import batches
from origin.catalogue.tables import chunk
from origin.journal import Change
from origin.keyring import aid_id
from origin.records.afterwards import Afterwards, Leave, nothing
from origin.records.backups import end, follow, is_kept
from origin.records.bodies import Body, Held
from origin.records.core import Core, check_name, check_tags, check_texts, texts_of
from origin.records.display_names import check_display_name
from origin.records.drafts import drop
from origin.records.erasure_versions import is_meant
from origin.records.fetched import is_closed
from origin.records.lineage import note_sources, original_key
from origin.records.nonces import Once, spend_upload
from origin.records.placements import Why
from origin.records.sealing import seal_record
from origin.records.spool import cannot_write
from origin.records.types import AssetRecord, Committed, Draft, NewAsset
from origin.records.under_retention import may_be_shown, one, totals

DRAFTS_MAX = 1000
"""Uploads between `mint` and `commit_upload`."""


class Uploads:
    """Drafts of this process, and how they become assets."""

    def __init__(self, core: Core, afterwards: Afterwards) -> None:
        self._core = core
        self._afterwards = afterwards
        self._drafts: dict[Aid, bool] = {}  # aid -> are its bytes stored?

    async def mint(self, tenant: str) -> Draft:
        """LimitExceeded where there is no room for a byte, before one is written."""
        policy = self._core.tenants.standing(tenant).policy
        if policy is not None and policy.quotas != NO_QUOTAS:
            async with self._core.database.read() as connection:
                policy.quotas.check_room(*await _used(self._core, connection, tenant), more_assets=0, more_bytes=1)
        if len(self._drafts) >= DRAFTS_MAX:
            raise Overloaded("too many uploads at once")
        aid = Aid(secrets.token_hex(AID_BYTES))
        self._drafts[aid] = False
        try:
            data_key = await self._core.shield.run(self._begin(aid, tenant))
        except BaseException:
            del self._drafts[aid]
            raise
        return Draft(tenant=tenant, aid=aid, data_key=data_key)

    async def _begin(self, aid: Aid, tenant: str) -> bytes:
        """The row first: from here on a restart knows that key and bytes of this aid belong to no asset yet."""
        async with self._core.database.write() as connection:
            await self._core.catalogue.draft(connection, aid, tenant)
        key = await self._core.keyring.create(aid_id(aid))
        if aid not in self._drafts:  # the caller was cancelled meanwhile
            await drop(self._core, aid, tenant)
        return key

    async def put_original(self, draft: Draft, body: bytes | Body, permit: Permit, sources: Sequence[Aid] = ()) -> None:
        if draft.aid not in self._drafts:
            raise BadRequest("this upload is over")
        key = original_key(self._core.keyring, draft.aid, draft.data_key, sources)
        if key is None:
            raise AssetNotFound("what this is made of has just been deleted")
        context = SealContext.original(tenant=draft.tenant, aid=draft.aid, region=self._core.settings.region)
        sealer = Sealer(key, context, header=b"", salt=os.urandom(SALT_BYTES))
        sealed = _sealed(sealer, Held(body) if isinstance(body, bytes) else body)
        await self._core.shield.run(self._put(draft, sealed, permit))

    async def _put(self, draft: Draft, sealed: AsyncGenerator[bytes, None], permit: Permit) -> None:
        try:
            async with aclosing(sealed):
                await self._core.blobs.put(draft.tenant, draft.aid, sealed, permit)
        except OSError as failed:
            raise cannot_write(failed) from failed
        if draft.aid in self._drafts:
            self._drafts[draft.aid] = True
        else:  # discarded while it was written: nobody else would ever delete it
            await self._core.blobs.delete(draft.tenant, draft.aid)

    async def commit(
        self, draft: Draft, asset: NewAsset, *, once: Once | None = None, leave: Leave = nothing
    ) -> Committed:
        check_name(asset.name)
        check_tags(asset.tags)
        check_texts((*asset.context.keys(), *asset.context.values()))
        check_texts((asset.folder, asset.display_name, asset.original_filename))
        check_texts((*(asset.subject_ids or ()), *texts_of(asset.metadata)))
        if asset.name.cloud != draft.tenant:
            raise BadRequest("the draft belongs to another cloud")
        if not self._drafts.get(draft.aid, False):
            raise BadRequest("the upload has no bytes or is over")
        del self._drafts[draft.aid]  # from here on nobody can discard what is being committed
        return await self._core.shield.run(self._commit_or_reopen(draft, asset, once, leave))

    async def settle(self, draft: Draft, connection: AsyncConnection) -> None:
        """It becomes something else than an asset, in the caller's transaction. BadRequest when it is over."""
        if not self._drafts.get(draft.aid, False) or not await self._core.catalogue.undraft(connection, draft.aid):
            raise BadRequest("this upload is over")

    def release(self, draft: Draft) -> None:
        """What `settle` made of it is committed."""
        self._drafts.pop(draft.aid, None)

    async def discard(self, draft: Draft) -> None:
        if self._drafts.pop(draft.aid, None) is not None:
            await self._core.shield.run(drop(self._core, draft.aid, draft.tenant))

    async def _commit_or_reopen(self, draft: Draft, asset: NewAsset, once: Once | None, leave: Leave) -> Committed:
        try:
            return await self._commit(draft, asset, once, leave)
        except BaseException:
            self._drafts[draft.aid] = True
            raise

    async def _commit(self, draft: Draft, asset: NewAsset, once: Once | None, leave: Leave) -> Committed:
        core, tenant, doomed = self._core, draft.tenant, list[Aid]()
        async with core.journal.change(tenant) as change:
            name = core.hash_name(asset.name)
            old = next(iter(await core.catalogue.named(change.connection, tenant, [name], hidden=True)), None)
            is_brought = asset.is_brought or asset.name.delivery_type == "fetch"
            if is_brought and await is_closed(core, change.connection, asset.name, asset.brought_beside):
                raise AssetNotFound("this name was erased, or is restricted")
            if old is not None and old.is_hidden:
                raise AssetExists(f"public_id {asset.name.public_id} is taken, and may not be replaced now")
            before = core.open(old) if old else None
            record = _record(draft, asset, before)
            if asset.restores is not None:
                record = await _restored(core, change, asset.restores, record, before)
            keeps = before if before is not None and not asset.overwrite else None
            if asset.instead_of is not None and (old is None or old.aid != asset.instead_of):
                raise AssetNotFound("the version that this was to replace has gone")
            if keeps is None and once is not None:
                current = old.aid if old else None
                await spend_upload(change.connection, once, name=name, current=current, made=draft.aid, now=core.now())
            if keeps is None:
                await check_room(core, change, record, before)
                if asset.unique_display_name:
                    await check_display_name(core, change, record)
                doomed = await self._store(change, draft, record, old, before)
                doomed += await _drop_pieces(core, change, asset.pieces)
                await note_sources(core, change, draft.aid, record.sources)
                await self._afterwards.write(change, record, draft.data_key, leave(record))
        if keeps is not None:
            await drop(core, draft.aid, tenant)
            head = (await core.journal.heads())[tenant]
            state = core.leases.state(tenant, head.seq)
            return Committed(record=keeps, existing=True, head=head, fenced=state)
        _, state = await core.forget_and_wait(tenant, change.seq, doomed)
        return Committed(record=record, overwritten=old is not None, head=change.head, fenced=state)

    async def _store(
        self, change: Change, draft: Draft, record: AssetRecord, old: AssetRow | None, before: AssetRecord | None
    ) -> list[Aid]:
        """Aids whose keys and bytes are to go."""
        core, doomed = self._core, list[Aid]()
        if not await core.catalogue.undraft(change.connection, draft.aid):
            raise BadRequest("this upload is over")
        name = core.hash_name(record.name)
        meta = seal_record(record, draft.data_key, region=core.settings.region)
        row = AssetRow(tenant=draft.tenant, name=name, asset_id=record.asset_id, aid=draft.aid, meta=meta)
        if old:
            ended = await end(core, change, old, before, kept=is_kept(core, before), why=Why.REPLACED)
            doomed += () if ended.kept else (old.aid,)
            if before is not None and before.openness != record.openness:
                await follow(core, change, record)
            change.record(ended.kind, aids=(old.aid,), names=(name,))
        else:
            change.record(Kind.NAME, names=(name,))
        await core.catalogue.add(change.connection, row, seq=change.seq, labels=core.labels(record))
        await core.search.put(change, core.document(record))
        return doomed


async def _drop_pieces(core: Core, change: Change, pieces: Sequence[Aid]) -> list[Aid]:
    """Those that are there; their keys and bytes are to go."""
    gone: list[Aid] = []
    for batch in batches(pieces):
        mine = (chunk.c.tenant == change.tenant, chunk.c.aid.in_(batch))
        rows = await change.connection.execute(delete(chunk).where(*mine).returning(chunk.c.aid))
        gone += [Aid(row.aid) for row in rows]
    await core.catalogue.doom_all(change.connection, gone, change.tenant, seq=change.seq)
    return gone


async def _restored(
    core: Core, change: Change, aid: Aid, record: AssetRecord, before: AssetRecord | None
) -> AssetRecord:
    """The record as one of the asset whose version it restores. Raises AssetNotFound, AssetExists."""
    kept = await one(change.connection, change.tenant, aid)
    if (
        kept is None
        or not await may_be_shown(change.connection, kept)
        or await is_meant(change.connection, change.tenant, aid)
    ):
        raise AssetNotFound("the version that was to be restored has gone")
    living = await core.catalogue.by_asset_id(change.connection, change.tenant, [kept.row.asset_id], hidden=True)
    if (before.asset_id if before else kept.row.asset_id) != kept.row.asset_id:
        raise AssetExists(f"public_id {record.name.public_id} already exists")
    if living and before is None:
        raise AssetExists("the asset has another name now")
    then = core.open(kept.row)
    if then is None:
        raise AssetNotFound("the version that was to be restored has gone")
    if before is None:  # who may see it is the asset's to say: as it was in the end, which `follow` has noted
        if then.name != record.name:
            raise AssetExists("the asset has another type now")
        record = replace(record, access_control=then.access_control)
    # Who is said to be on the asset now, or was when a later version of it ended, may be seen in its old bytes as well.
    subjects = dict.fromkeys((*record.subject_ids, *then.subject_ids, *(before.subject_ids if before else ())))
    return replace(record, asset_id=kept.row.asset_id, subject_ids=tuple(subjects))


async def check_room(core: Core, change: Change, record: AssetRecord, before: AssetRecord | None) -> None:
    """Under the head's lock, so that two uploads do not take the same place. Raises LimitExceeded, naming the quota."""
    policy = core.tenants.standing(record.name.cloud).policy
    if policy is not None and policy.quotas != NO_QUOTAS:
        freed = 0 if before is None or is_kept(core, before) else before.body_bytes
        used = await _used(core, change.connection, change.tenant, change)
        policy.quotas.check_room(*used, more_assets=0 if before else 1, more_bytes=record.body_bytes - freed)


async def _used(core: Core, connection: AsyncConnection, tenant: str, change: Change | None = None) -> tuple[int, int]:
    """Assets that are there, and bytes of originals, those under retention included."""
    assets, size = await core.search.totals(tenant, change)
    return assets, size + (await totals(connection, tenant))[1]


async def _sealed(sealer: Sealer, body: Body) -> AsyncGenerator[bytes, None]:
    """Raises what reading the body does, and SealBroken for one that ends early: then there is no file."""
    yield sealer.preamble
    read = 0
    async with aclosing(body.pieces()) as pieces:
        async for piece in pieces:
            read += len(piece)
            yield await asyncio.to_thread(sealer.update, piece)
    if read != body.body_bytes:
        raise SealBroken("the body is shorter than it said")
    yield await asyncio.to_thread(sealer.finish)


def _record(draft: Draft, asset: NewAsset, before: AssetRecord | None) -> AssetRecord:
    """The new record; an asset that is overwritten keeps its id, and its version number grows."""
    version = int(asset.created_at)
    rules = asset.access_control
    if rules is None:
        rules = before.access_control if before else ()
    said: AssetRecord | NewAsset = before if before and asset.renews else asset
    return AssetRecord(
        asset_id=before.asset_id if before else AssetId(secrets.token_hex(AID_BYTES)),
        aid=draft.aid,
        name=asset.name,
        version=max(version, before.version + 1) if before else version,
        facts=asset.facts,
        tags=said.tags,
        context=said.context,
        folder=said.folder,
        original_filename=said.original_filename,
        display_name=said.display_name,
        coordinates=asset.coordinates,
        analysis=asset.analysis,
        access_control=rules,
        metadata=said.metadata,
        subject_ids=before.subject_ids if before and asset.subject_ids is None else asset.subject_ids or (),
        moderation=asset.moderation,
        sources=asset.sources,
        related=before.related if before else asset.related,
        backup=asset.backup,
        created_at=asset.created_at,
    )
