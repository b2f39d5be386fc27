"""How an erasure ends: every place says that it has forgotten, is asked whether that is so, and a receipt is written.

`told` is the one way to its end, whoever comes by: the call itself, who asks for its state, an edge that has looked, the upkeep.
What has to be over first, and what is said of it, is decided in `statements`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.errors import AssetNotFound
from domicile.media.receipt import leaf_of, make_receipt
from domicile.media.statement import ErasureStatement, canonical, sign
from origin.cdn_lifetimes import seconds_max
from origin.records import erasure_rows as rows_of
from origin.records import erasure_targets, probing, shared_lifetimes, working_sets
from origin.records.cdn_places import cdn_places, open_before
from origin.records.core import Core
from origin.records.erasure_rows import ErasureRow, Verified
from origin.records.stages import Mode
from origin.records.statement_key import seed_of
from origin.records.statements import Facts, body_of, is_over, is_probed, may_be_probed, probes_of, verified_at
from origin.records.types import Fencing

CLOSED_PER_ROUND_MAX = 1000
"""Erasures looked at by one round of the upkeep."""
LEAF_KINDS = {Mode.ERASE: "erasure", Mode.RESTRICT: "restrict", Mode.UNRESTRICT: "unrestrict"}

log = structlog.get_logger(__name__)


class Endings:
    """Of one origin."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def told(self, row: ErasureRow, *, waits: bool = True) -> ErasureStatement:
        """The statement as things stand now; the last one is kept. `waits`: as long as an API call may."""
        core = self._core
        if not waits:
            return await self._as_of_now(row, wait_seconds=0.0)
        loop = asyncio.get_running_loop()
        until = loop.time() + core.settings.ack_seconds_max
        with core.probes.holding(row.tenant, row.id):
            await core.fenced(row.tenant, row.state.head.seq)
            return await self._as_of_now(row, wait_seconds=until - loop.time())

    async def _as_of_now(self, row: ErasureRow, *, wait_seconds: float) -> ErasureStatement:
        core = self._core
        row, facts = await self._facts(row)
        if row.statement is not None:
            return row.statement
        if may_be_probed(row, facts) and row.state.verified is None:
            row, facts = await self._probed(row, facts, wait_seconds=wait_seconds)
        if is_over(row, facts):
            return row.statement or await self._finish(row, facts)
        if row.state.finished and row.state.versions:
            core.probes.watch(row.tenant, row.id)
        return row.statement or sign(body_of(core, row, facts), seed_of(core))

    async def _facts(self, row: ErasureRow) -> tuple[ErasureRow, Facts]:
        core, tenant = self._core, row.tenant
        is_counted = (tenant, row.id) not in core.counting  # before the row is read: then it has what was counted
        async with core.database.read() as connection:
            row = await rows_of.by_id(connection, tenant, row.id) or row
            at = await erasure_targets.standing_of(core, connection, row)
            seqs = set(row.state.seqs)
            if row.state.gone_before:
                seqs |= set(await open_before(connection, tenant, row.state.head.seq, now=core.now()))
            cdns = await cdn_places(connection, tenant, sorted(seqs), now=core.now())
            probe = core.probes.open.get((tenant, row.id))
            facts = Facts(
                fenced=core.leases.state(tenant, row.state.head.seq),
                left=await rows_of.doomed(connection, row),
                is_counted=is_counted,
                cdns=cdns,
                shared_seconds=await self._shared_seconds(connection, tenant),
                at=at,
                held=await erasure_targets.held_count(connection, row) if at is not None else 0,
                looked=None if probe is None else probing.looked(core, probe, cdns),
            )
        return row, facts

    async def _probed(self, row: ErasureRow, facts: Facts, *, wait_seconds: float) -> tuple[ErasureRow, Facts]:
        """After everybody was asked, as far as they have answered by now."""
        core = self._core
        if not row.state.fenced_at:
            async with core.database.write() as connection:
                row = await rows_of.locked(connection, row.tenant, row.id) or row
                row = replace(row, state=msgspec.structs.replace(row.state, fenced_at=core.now()))
                await rows_of.save(connection, row)
        probe = await probing.begin(core, row)
        if probe is None:
            return row, facts
        if facts.is_purged:  # else it is not over, whatever they say
            await probing.settled(core, probe, facts.cdns, wait_seconds=wait_seconds)
        return await self._facts(row)

    async def _finish(self, row: ErasureRow, facts: Facts) -> ErasureStatement:
        """Keep what places said, forget what they were asked after, and write the receipt. If the keyring does not forget now, the
        statement says `verified`, and the upkeep tries again.
        """
        core = self._core
        probe = core.probes.open.get((row.tenant, row.id))
        has_work = probe is not None and probe.work is not None
        if is_probed(row, facts) and row.state.verified is None and has_work:
            said = Verified(at=verified_at(row, facts), probes=probes_of(row, facts))
            async with core.database.write() as connection:
                row = await rows_of.locked(connection, row.tenant, row.id) or row
                row = replace(row, state=msgspec.structs.replace(row.state, verified=row.state.verified or said))
                await rows_of.save(connection, row)
        if row.statement is not None:
            return row.statement
        core.probes.end(row.tenant, row.id)
        try:
            await working_sets.drop(core, row.tenant, row.id)
        except Exception as failed:  # noqa: BLE001 - a keyring or a database that is busy: tried again
            log.warning("erasure_not_receipted", error=type(failed).__name__)
            return sign(body_of(core, row, facts), seed_of(core))
        facts = replace(facts, receipted=True)
        return await self._close(row, sign(body_of(core, row, facts), seed_of(core)))

    async def _shared_seconds(self, connection: AsyncConnection, tenant: str) -> int:
        core = self._core
        held = await shared_lifetimes.held(connection, tenant, core.tenants.standing(tenant).policy)
        return int(seconds_max(held, now=core.now()))

    async def _close(self, row: ErasureRow, statement: ErasureStatement) -> ErasureStatement:
        """Keep the last statement, and write into the log that it was made; what was kept, if somebody was faster."""
        core = self._core
        async with core.database.write() as connection:
            if await rows_of.close(connection, row, statement, now=core.now()):
                leaf = canonical(leaf_of(statement, kind=_leaf_kind(row)))
                await rows_of.logged(connection, row, await core.audit.append(connection, leaf))
            kept = await rows_of.by_id(connection, row.tenant, row.id)
        await core.audit.publish()
        return statement if kept is None or kept.statement is None else kept.statement

    async def close_over(self) -> None:
        """Those that are over and that nobody asked about since: their leaf must not wait for a question."""
        core = self._core
        async with core.database.read() as connection:
            rows = await rows_of.open_ones(connection, limit=CLOSED_PER_ROUND_MAX)
        for row in rows:
            if row.state.finished and core.leases.state(row.tenant, row.state.head.seq).state is Fencing.FENCED:
                await core.shield.run(self.told(row, waits=False))

    async def look_at(self, tenant: str, erasure_id: str) -> None:
        """Somebody has said something about it, or it has waited for a while: begin to ask, or end it."""
        core = self._core
        async with core.database.read() as connection:
            row = await rows_of.by_id(connection, tenant, erasure_id)
        if row is None or row.statement is not None:
            core.probes.end(tenant, erasure_id)
        elif row.state.finished:
            await core.shield.run(self.told(row, waits=False))

    async def receipt(self, tenant: str, erasure_id: str) -> dict[str, Any]:
        """The receipt of an erasure that is over, with a proof up to the log's checkpoint of now."""
        core = self._core
        async with core.database.read() as connection:
            row = await rows_of.by_id(connection, tenant, erasure_id)
        logged = None if row is None or row.leaf is None else await core.audit.in_log(row.leaf)
        if row is None or row.statement is None or logged is None:
            raise AssetNotFound("no such receipt")
        return make_receipt(row.statement, leaf_of(row.statement, kind=_leaf_kind(row)), logged, seed_of(core))


def _leaf_kind(row: ErasureRow) -> str:
    waits = row.state.deferred
    return LEAF_KINDS[Mode(waits.mode) if waits else Mode.ERASE]
