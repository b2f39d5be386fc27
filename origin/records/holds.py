"""Legal holds: assets none of whose versions is erased while the hold stands, whoever asks (I16).

A hold is placed on what its selector matches then: the assets, and those whose bytes they hold. Who placed it and why may tell
of a person, so that is sealed under a key of the cloud. What becomes of a held version that is deleted is in
`origin.records.backups`, of an erasure in `origin.records.deferred`; both go on when the last hold on their assets ends.

The journal, and so its mirror, knows each hold by its id and all versions that its assets have then: a catalogue that is put
back knows it again before it serves (`origin.records.recovery`).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import NameHash
from domicile.media.errors import AssetNotFound, BadRequest, LimitExceeded
from domicile.media.journal import ENTRY_TARGETS_MAX, Kind
from domicile.media.keys import subkey
from domicile.media.sealed import SALT_BYTES, SealContext, open_sealed, seal
from domicile.media.statement import ErasureStatement
from origin.catalogue.hold_tables import held
from origin.catalogue.hold_tables import hold as table
from origin.catalogue.sql import add_if_absent, batches
from origin.catalogue.tables import lineage, version
from origin.journal import Change
from origin.records import held as holding
from origin.records import targets as selection
from origin.records.core import Core, check_texts
from origin.records.nonces import Once, spend
from origin.records.purge_types import PurgeTargets, Versions
from origin.records.statement_key import log_event

HELD_ASSETS_MAX = 50_000
"""Of one hold."""
HELD_VERSIONS_MAX = 100_000
"""That these assets have, all together: each is named in the journal."""
AIDS_PER_ENTRY = ENTRY_TARGETS_MAX - 1
"""Beside the id of the hold."""
HOLDS_MAX = 1000
"""Of one cloud."""
TEXT_CHARS_MAX = 1000
"""Of who placed it, and why."""
NESTED_MAX = 8
"""How deep versions that hold bytes of others are followed."""
HOLD_ID_BYTES = 16


class _Detail(msgspec.Struct, frozen=True, kw_only=True):
    """What is sealed; fields may be added with defaults."""

    placed_by: str
    reason: str
    api_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One that stands. Of one that a catalogue has only from the journal nobody knows who placed it, why, and when."""

    id: str
    placed_at: float
    assets: int
    placed_by: str
    reason: str
    api_key: str


class Holds:
    """See the head of the file."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def place(
        self, tenant: str, targets: PurgeTargets, *, placed_by: str, reason: str, api_key: str, once: Once | None = None
    ) -> ErasureStatement:
        """What says that it was placed, and its `hold_id`. AssetNotFound: nothing matches. BadRequest, LimitExceeded."""
        selection.check_targets(self._core, tenant, targets)
        check_texts([placed_by, reason])
        if not placed_by or not reason or max(len(placed_by), len(reason)) > TEXT_CHARS_MAX:
            raise BadRequest(f"A hold says who placed it and why, in at most {TEXT_CHARS_MAX} characters each")
        detail = _Detail(placed_by=placed_by, reason=reason, api_key=api_key)
        placed = await self._core.shield.run(self._place(tenant, targets, detail, once))
        if placed is None:
            raise AssetNotFound("nothing matches")
        return placed

    async def _place(
        self, tenant: str, targets: PurgeTargets, detail: _Detail, once: Once | None
    ) -> ErasureStatement | None:
        core, hold = self._core, secrets.token_hex(HOLD_ID_BYTES)
        async with core.journal.change(tenant) as change:
            change.record(Kind.NAME)
            if once is not None:
                await spend(change.connection, once, now=core.now())
            ids = await self._selected(change, tenant, targets)
            placed = None
            if ids:
                mine = select(func.count()).select_from(table).where(table.c.tenant == tenant)
                if (await change.connection.scalar(mine) or 0) >= HOLDS_MAX:
                    raise LimitExceeded(f"A cloud has at most {HOLDS_MAX} holds: lift one first")
                values = {"tenant": tenant, "id": hold, "placed_at": core.now(), "detail": self._sealed(tenant, detail)}
                await change.connection.execute(insert(table).values(values))
                rows = [{"tenant": tenant, "asset_id": asset_id, "hold": hold} for asset_id in ids]
                await add_if_absent(change.connection, held, *rows)
                await _say(change, hold, ids)
                placed = await log_event(core, change, "hold", "held", hold_id=hold, assets=len(ids))
        await core.audit.publish()
        return placed

    async def _selected(self, change: Change, tenant: str, targets: PurgeTargets) -> Sequence[str]:
        core = self._core
        chosen = await selection.choose(
            core, change.connection, tenant, targets, versions=Versions.ALL, limit=HELD_ASSETS_MAX, change=change
        )
        connection = change.connection
        aids: Sequence[str] = [version.aid for version in chosen.versions]
        ids: dict[str, None] = dict.fromkeys(version.asset_id for version in chosen.versions)
        for _ in range(NESTED_MAX):
            found = [row for batch in batches(aids) for row in await _sources(connection, batch)]
            aids = [aid for aid, asset_id in found if asset_id not in ids]
            ids.update((asset_id, None) for _, asset_id in found)
            if not aids:
                break
        if len(ids) > HELD_ASSETS_MAX:
            raise LimitExceeded(f"The selector matches more than {HELD_ASSETS_MAX} assets: place several holds")
        return list(ids)

    async def lift(self, tenant: str, hold_id: str) -> ErasureStatement:
        """What says that it ended. What waited for it goes on: that is the caller's to see to. AssetNotFound."""
        lifted = await self._core.shield.run(self._lift(tenant, hold_id))
        if lifted is None:
            raise AssetNotFound("no such hold")
        return lifted

    async def _lift(self, tenant: str, hold_id: str) -> ErasureStatement | None:
        core = self._core
        lifted = None
        async with core.journal.change(tenant) as change:
            freed = await holding.lift(change.connection, tenant, hold_id)
            if freed is not None:
                change.record(Kind.RELEASE, names=(NameHash(hold_id),))
                lifted = await log_event(core, change, "release", "released", hold_id=hold_id, assets=freed)
        await core.audit.publish()
        return lifted

    async def tell_again(self) -> None:
        """At a start: holds that the journal's mirror does not know, of an older release, or since it was written anew."""
        core = self._core
        async with core.database.read() as connection:
            rows = (await connection.execute(select(table.c.tenant, table.c.id))).all()
        for row in [row for row in rows if not core.journal.knows_hold(row.tenant, row.id)]:
            await core.shield.run(self._tell(row.tenant, row.id))

    async def _tell(self, tenant: str, hold_id: str) -> None:
        async with self._core.journal.change(tenant) as change:
            mine = select(held.c.asset_id).where(held.c.tenant == tenant, held.c.hold == hold_id)
            await _say(change, hold_id, list(await change.connection.scalars(mine)))

    async def all(self, tenant: str) -> list[Hold]:
        """The newest first; at most HOLDS_MAX."""
        of = (held.c.tenant == table.c.tenant) & (held.c.hold == table.c.id)
        assets = select(func.count()).select_from(held).where(of).correlate(table).scalar_subquery()
        query = select(table, assets.label("assets")).where(table.c.tenant == tenant)
        async with self._core.database.read() as connection:
            rows = (await connection.execute(query.order_by(table.c.placed_at.desc(), table.c.id))).all()
        return [
            Hold(
                id=row.id,
                placed_at=row.placed_at,
                assets=row.assets,
                placed_by=detail.placed_by,
                reason=detail.reason,
                api_key=detail.api_key,
            )
            for row in rows
            for detail in [self._opened(tenant, row.detail)]
        ]

    def _sealed(self, tenant: str, detail: _Detail) -> bytes:
        key, context = self._seal_of(tenant)
        return seal(key, context, header=b"", body=msgspec.msgpack.encode(detail), salt=os.urandom(SALT_BYTES))

    def _opened(self, tenant: str, blob: bytes) -> _Detail:
        if blob == holding.NO_DETAIL:
            return _Detail(placed_by="", reason="", api_key="")
        key, context = self._seal_of(tenant)
        _, body = open_sealed(key, context, blob)
        return msgspec.msgpack.decode(body, type=_Detail)

    def _seal_of(self, tenant: str) -> tuple[bytes, SealContext]:
        cloud = self._core.tenants.standing(tenant).tenant
        context = SealContext(tenant=tenant, aids=(), variant="hold", region=self._core.settings.region)
        return subkey(cloud.name_key, "hold"), context


async def _say(change: Change, hold_id: str, asset_ids: Sequence[str]) -> None:
    """In the journal, in place of what was said before. Raises LimitExceeded."""
    aids = await holding.aids_of(change.connection, change.tenant, asset_ids)
    if len(aids) > HELD_VERSIONS_MAX:
        raise LimitExceeded(f"The assets have more than {HELD_VERSIONS_MAX} versions: place several holds")
    change.entries.clear()
    for at in range(0, max(1, len(aids)), AIDS_PER_ENTRY):
        change.record_more(Kind.HOLD, aids=tuple(aids[at : at + AIDS_PER_ENTRY]), names=(NameHash(hold_id),))


async def _sources(connection: AsyncConnection, aids: Sequence[str]) -> list[tuple[str, str]]:
    """(aid, asset id) of versions whose bytes these hold."""
    query = select(version.c.aid, version.c.asset_id).join(lineage, lineage.c.source == version.c.aid)
    rows = await connection.execute(query.where(lineage.c.aid.in_(aids)))
    return [(row.aid, row.asset_id) for row in rows]
