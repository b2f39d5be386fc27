"""Erase: every version of the matching assets is forgotten, and a signed statement says so (decisions B.2, E).

Order: journal entries, rows and what is remembered of the erasure in one transaction, whatever the selector means (from
here on nobody resolves any of it) -> keys punctured and bytes deleted, while edges apply the entries -> statement. What takes
longer than the call is told by `status`. A crash before the commit has changed nothing; one after it leaves the aids doomed,
and the next start finishes them (ADR 0043).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import structlog

from domicile.media.asset import Aid
from domicile.media.errors import AssetNotFound, MediaError
from domicile.media.journal import Kind
from domicile.media.statement import ErasureStatement, public_key_of
from origin.journal import Change
from origin.records import approvals, deferred, erasure_targets, restrictions, working_sets
from origin.records import erasure_rows as rows_of
from origin.records import targets as selection
from origin.records.core import Core
from origin.records.deferred import ERASURE_ID_BYTES, Asked, counted
from origin.records.endings import Endings
from origin.records.erasure_rows import ErasureRow, State
from origin.records.held import any_held
from origin.records.nonces import Once, spend
from origin.records.probes import Key
from origin.records.purge_types import ErasePreview, PurgeTargets, Versions
from origin.records.removing import ERASE_VERSIONS_MAX, remove
from origin.records.stages import Mode, Step, next_step
from origin.records.statement_key import seed_of
from origin.records.tasks import drop_told
from origin.records.types import Fencing

PREVIEW_ASSETS_MAX = 500
"""Assets that a preview lists; its counts are of all."""
RESUMED_PER_ROUND_MAX = 1000
"""Erasures that wait and are looked at by one round of the upkeep."""

log = structlog.get_logger(__name__)


class Erasures:
    """What forgets on purpose."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._endings = Endings(core)

    def public_key(self) -> bytes:
        return public_key_of(seed_of(self._core))

    async def preview(self, tenant: str, targets: PurgeTargets, versions: Versions) -> ErasePreview:
        core = self._core
        core.tenants.standing(tenant)
        selection.check_targets(core, tenant, targets)
        async with core.database.read() as connection:
            chosen = await selection.choose(
                core, connection, tenant, targets, versions=versions, limit=ERASE_VERSIONS_MAX
            )
            shown = [row.asset_id for row in chosen.assets[:PREVIEW_ASSETS_MAX]]
            rows = {
                row.asset_id: row for row in await core.catalogue.by_asset_id(connection, tenant, shown, hidden=True)
            }
        records = core.open_all(rows[asset_id] for asset_id in shown)
        return ErasePreview(records=tuple(records), total=len(chosen.assets), backups=len(chosen.kept))

    async def erase(
        self,
        tenant: str,
        targets: PurgeTargets,
        *,
        versions: Versions = Versions.ALL,
        request_id: str,
        once: Once | None,
        mode: Mode = Mode.ERASE,
        grace: int = 0,
        asked_by: str = "",
    ) -> ErasureStatement:
        core = self._core
        selection.check_targets(core, tenant, targets)
        wanted = _selector(request_id, targets, versions)
        wanted += f"\0{mode}\0{grace}" if mode is not Mode.ERASE or grace else ""
        asked = Asked(
            tenant=tenant,
            targets=targets,
            request=core.hash_of(tenant, "request", request_id) if request_id else None,
            selector=core.hash_of(tenant, "selector", wanted),
            versions=versions,
            once=once,
            mode=mode,
            grace=grace,
            asked_by=core.hash_of(tenant, "api_key", asked_by),
        )
        if targets.searches:
            await core.search.ready(tenant)  # under the lock nobody waits for it
        return await core.shield.run(self._erase(asked))

    async def cancel(self, tenant: str, erasure_id: str) -> ErasureStatement:
        """One that waits; what it restricted is shown again. BadRequest, AssetNotFound."""
        core = self._core
        await core.shield.run(approvals.cancel(core, tenant, erasure_id))
        return await core.shield.run(self._go_on(tenant, erasure_id))

    async def approve(self, tenant: str, erasure_id: str, *, api_key: str) -> ErasureStatement:
        """By a second API key. BadRequest, OutOfScope, AssetNotFound."""
        core = self._core
        hashed = core.hash_of(tenant, "api_key", api_key)
        await core.shield.run(approvals.approve(core, tenant, erasure_id, approved_by=hashed))
        return await core.shield.run(self._go_on(tenant, erasure_id))

    async def status(self, tenant: str, erasure_id: str) -> ErasureStatement:
        core = self._core
        async with core.database.read() as connection:
            row = await rows_of.by_id(connection, tenant, erasure_id)
        if row is None:
            raise AssetNotFound("no such erasure")
        if row.statement is not None:
            if row.leaf is not None:
                await core.audit.publish()  # if a full disk kept its leaf from the file before
            return row.statement
        return await core.shield.run(self._go_on(tenant, erasure_id))

    async def _erase(self, asked: Asked) -> ErasureStatement:
        core, tenant = self._core, asked.tenant
        gone: tuple[Aid, ...] = ()
        async with working_sets.key_for(core, tenant) as key, core.journal.change(tenant) as change:
            row = await self._begin(change, asked) or await deferred.begin(core, change, asked)
            if asked.mode is Mode.ERASE and not _rests(
                row
            ):  # unfinished: a call of an older release, which was cut short
                row, gone = await self._take(change, asked, row, key)
        if row is None:
            await core.forget([(aid, tenant) for aid in gone])
            raise AssetNotFound("nothing matches")
        if row.statement is not None:
            return row.statement
        row = await self._forget(row, gone)
        return await (self._endings.told(row) if row.state.deferred is None else self._go_on(tenant, row.id))

    async def _forget(self, row: ErasureRow, gone: Sequence[Aid]) -> ErasureRow:
        """Keys and bytes of versions that went with an entry of this erasure."""
        if not gone:
            return row
        core = self._core
        core.counting.add((row.tenant, row.id))
        try:
            return await self._counted(row, gone)
        finally:
            core.counting.discard((row.tenant, row.id))

    async def _counted(self, row: ErasureRow, gone: Sequence[Aid]) -> ErasureRow:
        core, fenced_at = self._core, list[float]()

        async def fenced() -> None:
            if (await core.fenced(row.tenant, row.state.head.seq)).state is Fencing.FENCED:
                fenced_at.append(core.now())

        async with asyncio.TaskGroup() as both:  # destroying keys and waiting for edges do not depend on each other
            work = both.create_task(core.forget([(aid, row.tenant) for aid in gone]))
            both.create_task(fenced())
        forgotten = work.result()
        async with core.database.write() as connection:
            newest = await rows_of.locked(connection, row.tenant, row.id) or row
            state = msgspec.structs.replace(
                newest.state,
                originals=newest.state.originals + forgotten.blobs,
                sealed=forgotten.sealed and (newest.state.sealed or not newest.state.root_before),
                root_before=newest.state.root_before or forgotten.root_before,
                root_after=forgotten.root_after,
                fenced_at=fenced_at[0] if fenced_at else newest.state.fenced_at,
            )
            row = replace(newest, state=state)
            await rows_of.save(connection, row)
        return row

    async def _go_on(self, tenant: str, erasure_id: str) -> ErasureStatement:
        """With one that waits, or is cut short, as far as it can go now."""
        core = self._core
        async with core.database.read() as connection:
            row = await rows_of.by_id(connection, tenant, erasure_id)
            at = None if row is None or row.state.finished else await erasure_targets.standing_of(core, connection, row)
        if row is None:
            raise AssetNotFound("no such erasure")
        if at is not None and next_step(at) is not Step.WAIT:
            row, gone = await deferred.go_on(core, tenant, erasure_id)
            row = await self._forget(row, gone)
        return row.statement or await self._endings.told(row)

    async def resume(self, tenant: str | None = None) -> None:
        """All that wait, of one cloud or of all: a grace or a hold may have ended."""
        core = self._core
        async with core.database.read() as connection:
            waiting = await erasure_targets.unfinished(connection, limit=RESUMED_PER_ROUND_MAX, tenant=tenant)
        for cloud, erasure_id in waiting:
            try:
                await core.shield.run(self._resume(cloud, erasure_id))
            except MediaError as failed:  # one must not keep the others waiting
                log.warning("erasure_not_resumed", error=type(failed).__name__)

    async def _resume(self, tenant: str, erasure_id: str) -> None:
        async with self._core.database.read() as connection:
            row = await rows_of.by_id(connection, tenant, erasure_id)
            at = None if row is None else await erasure_targets.standing_of(self._core, connection, row)
        if at is not None and next_step(at) is not Step.WAIT:
            await self._go_on(tenant, erasure_id)

    async def _begin(self, change: Change, asked: Asked) -> ErasureRow | None:
        """What an earlier call with this request_id began; the signature is used from here on."""
        now = self._core.now()
        if asked.once is not None:
            await spend(change.connection, asked.once, now=now)
            change.record(Kind.NAME)
        await rows_of.drop_old(change.connection, now=now)
        return await rows_of.by_request(change.connection, asked.tenant, asked.request, asked.selector)

    async def _take(
        self, change: Change, asked: Asked, row: ErasureRow | None, key: Key | None
    ) -> tuple[ErasureRow | None, tuple[Aid, ...]]:
        """Remove all that matches, and what was still to be told of it, and write down that it is; None when nothing ever
        matched. The aids whose keys are to go.
        """
        core, tenant = self._core, asked.tenant
        chosen = await selection.choose(
            core,
            change.connection,
            tenant,
            asked.targets,
            versions=asked.versions,
            limit=ERASE_VERSIONS_MAX,
            change=change,
        )
        if await any_held(change.connection, tenant, {version.asset_id for version in chosen.versions}):
            return await deferred.defer(core, change, asked, row), ()
        untold: list[Aid] = []
        if asked.versions is Versions.ALL:
            told = selection.told_by(core, tenant, asked.targets, chosen)
            untold = await drop_told(core, change.connection, tenant, told, seq=change.seq)
        if not chosen.versions and row is None:
            if untold and change.entry is None:
                change.record(Kind.NAME)  # a transaction that records nothing is rolled back
            return None, tuple(untold)
        work = await working_sets.capture(core, change, chosen, key)
        gone = await remove(core, change, chosen)
        if asked.versions is Versions.ALL:  # else it holds for what is left of them
            await restrictions.forget(change.connection, tenant, (asset.asset_id for asset in chosen.assets))
        if change.entry is None:
            change.record(Kind.NAME)  # a transaction that records nothing is rolled back
        if row is None:
            state = State(head=change.head, seqs=(), versions=0, shown=(), renditions=0)
            row_id = secrets.token_hex(ERASURE_ID_BYTES)
            row = ErasureRow(tenant=tenant, id=row_id, request=asked.request, selector=asked.selector, state=state)
        aids = tuple(version.aid for version in chosen.versions)
        state = counted(core, row, change, aids, gone)
        row = replace(row, state=msgspec.structs.replace(state, finished=True))
        await rows_of.save(change.connection, row)
        await working_sets.keep(core, change, row.id, key, work)
        return row, (*aids, *untold)


def _rests(row: ErasureRow | None) -> bool:
    """Is nothing to be taken at once?"""
    return row is not None and (row.state.finished or row.state.deferred is not None)


def _selector(request_id: str, targets: PurgeTargets, versions: Versions) -> str:
    """What makes two calls of one request_id the same; of what older releases knew as they wrote it."""
    newer = (targets.subjects, targets.searches, versions)
    return f"{request_id}\0{targets!r}" + (f"\0{newer!r}" if newer != ((), (), Versions.ALL) else "")
