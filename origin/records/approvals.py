"""What somebody says to an erasure that waits: yes, as the second person, or that it is not to be."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from domicile.media.errors import BadRequest, OutOfScope
from domicile.media.journal import Kind
from origin.journal import Change
from origin.records import erasure_rows as rows_of
from origin.records import restrictions
from origin.records.core import Core
from origin.records.erasure_rows import ErasureRow
from origin.records.erasure_targets import SELECTED_ASSETS_MAX, next_targets, row_of, standing_of, waits_of
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
    waits = msgspec.structs.replace(waits_of(row), cancelled=True, approve_until=0.0)
    return replace(row, state=msgspec.structs.replace(row.state, deferred=waits, head=change.head))


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
            ids = await next_targets(change.connection, row, limit=SELECTED_ASSETS_MAX)
            await restrictions.mark(change, ids, row.id)
        change.record_more(Kind.NAME)
        await log_event(core, change, "approve", "approved", erasure_id=row.id, assets=waits.assets)
        state = msgspec.structs.replace(
            row.state,
            deferred=msgspec.structs.replace(waits, approve_until=0.0, approved_by=approved_by),
            head=change.head,
        )
        await rows_of.save(change.connection, replace(row, state=state))
    await core.audit.publish()
