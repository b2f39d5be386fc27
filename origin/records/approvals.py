"""What somebody says to an erasure that waits: yes, as the second person, or that it is not to be."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import Aid
from domicile.media.errors import BadRequest, OutOfScope
from domicile.media.journal import Kind
from origin.catalogue.hold_tables import restriction
from origin.catalogue.sql import batches
from origin.journal import Change
from origin.records import erasure_rows as rows_of
from origin.records import erasure_versions, restrictions
from origin.records.core import Core
from origin.records.erasure_rows import ErasureRow
from origin.records.erasure_targets import hidden_by, row_of, standing_of, waits_of
from origin.records.held import assets_of
from origin.records.restrictions import ART_18
from origin.records.stages import may_cancel
from origin.records.statement_key import log_event


async def cancel(core: Core, tenant: str, erasure_id: str) -> None:
    """Nothing of it happens. BadRequest once something was taken, or nothing is waited for; AssetNotFound."""
    async with core.journal.change(tenant) as change:
        row = await row_of(change.connection, tenant, erasure_id)
        at = await standing_of(core, change.connection, row)
        if at is None or row.state.finished or not may_cancel(at, taken=row.state.versions):
            raise BadRequest("This erasure cannot be cancelled any more")
        change.record(Kind.NAME)
        await rows_of.save(change.connection, await cancelled(core, change, row, outcome="cancelled"))
    await core.audit.publish()


async def cancelled(core: Core, change: Change, row: ErasureRow, *, outcome: str) -> ErasureRow:
    if change.entry is None:
        change.record(Kind.NAME)
    await log_event(core, change, "cancel", outcome, erasure_id=row.id)
    row = _as_cancelled(row)
    return replace(row, state=msgspec.structs.replace(row.state, head=change.head))


def _as_cancelled(row: ErasureRow) -> ErasureRow:
    waits = msgspec.structs.replace(waits_of(row), cancelled=True, approve_until=0.0)
    return replace(row, state=msgspec.structs.replace(row.state, deferred=waits))


async def cancel_again(
    connection: AsyncConnection, tenant: str, aids: Iterable[Aid], *, taken: Collection[str]
) -> None:
    """Of a catalogue that was put back: an entry showed these again after it, so what had hidden them there was cancelled since.
    Before the marks of that go. `taken`: assets of which entries before that one erased something; what hid those was carried out.
    """
    causes: set[str] = set()
    for batch in batches(await assets_of(connection, tenant, aids)):
        mine = (restriction.c.tenant == tenant, restriction.c.asset_id.in_(batch), restriction.c.cause != ART_18)
        causes.update(await connection.scalars(select(restriction.c.cause).where(*mine).distinct()))
    for cause in sorted(causes):
        marked = select(restriction.c.asset_id).where(restriction.c.tenant == tenant, restriction.c.cause == cause)
        if not set(await connection.scalars(marked)).isdisjoint(taken):
            continue
        row = await rows_of.by_id(connection, tenant, cause)
        if row is not None and row.state.deferred is not None and not row.state.finished:
            await rows_of.save(connection, _as_cancelled(row))


async def approve(core: Core, tenant: str, erasure_id: str, *, approved_by: str) -> None:
    """By another API key than the one that asked (`approved_by`: its keyed hash). BadRequest when no approval is waited for;
    OutOfScope; AssetNotFound.
    """
    async with core.journal.change(tenant) as change:
        row = await row_of(change.connection, tenant, erasure_id)
        waits = row.state.deferred
        if waits is None or row.state.finished or not waits.approve_until or core.now() >= waits.approve_until:
            raise BadRequest("This erasure does not wait for an approval")
        if waits.asked_by == approved_by:
            raise OutOfScope("An erasure is approved by another API key than the one that asked for it")
        if core.now() < waits.grace_until:
            await restrictions.mark(change, await hidden_by(change.connection, tenant, row.id), row.id)
        await erasure_versions.hide(change.connection, tenant, row.id)
        change.record_more(Kind.NAME)
        await log_event(core, change, "approve", "approved", erasure_id=row.id, assets=waits.assets)
        state = msgspec.structs.replace(
            row.state,
            deferred=msgspec.structs.replace(waits, approve_until=0.0, approved_by=approved_by),
            head=change.head,
        )
        await rows_of.save(change.connection, replace(row, state=state))
    await core.audit.publish()
