"""Erase: every version of the matching assets is forgotten, and a signed statement says so (decisions B.2, E).

Order: journal entry, rows and what is remembered of the erasure in one transaction (from here on nobody resolves it)
-> key punctured and bytes deleted, while edges apply the entry -> statement. What takes longer than the call is told by
`status`; a crash in between leaves the aids doomed, and the next start finishes them.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from domicile.media.asset import Aid
from domicile.media.errors import AssetNotFound
from domicile.media.journal import Kind
from domicile.media.receipt import leaf_of, make_receipt
from domicile.media.statement import ErasureStatement, canonical, public_key_of, sign
from origin.catalogue.port import AssetRow
from origin.cdn_lifetimes import seconds_max
from origin.journal import Change
from origin.keyring import Keyring, purpose_id
from origin.records import erasure_rows as rows_of
from origin.records import shared_lifetimes
from origin.records import targets as selection
from origin.records.backups import drop
from origin.records.cdn_places import cdn_places
from origin.records.core import Core
from origin.records.deletes import DELETE_ASSETS_MAX, end_entry
from origin.records.erasure_rows import ErasureRow, State
from origin.records.fetched import COULD_BE_BROUGHT, shun
from origin.records.nonces import Once, spend
from origin.records.purge_types import ErasePreview, PurgeTargets
from origin.records.statements import Facts, body_of, is_over
from origin.records.types import Fencing

ERASE_ENTRIES_MAX = 1000
"""Entries of one erase call, DELETE_ASSETS_MAX assets each; repeat its request_id to go on."""
PREVIEW_ASSETS_MAX = 500
"""Assets that a preview lists; its count is of all."""
VERSIONS_SHOWN_MAX = 1000
"""Keyed hashes of versions that a statement lists; the counts are always of all."""
CLOSED_PER_ROUND_MAX = 1000
"""Erasures looked at by one round of the upkeep."""
ERASURE_ID_BYTES = 16
LEAF_KIND = "erasure"

SIGNING_KEY = purpose_id("installation", "statement")


async def make_signing_key(keyring: Keyring) -> None:
    """Once, at the first start."""
    await keyring.get_or_create(SIGNING_KEY)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One call."""

    tenant: str
    targets: PurgeTargets
    request: str | None
    selector: str
    once: Once | None


class Erasures:
    """What forgets on purpose."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def public_key(self) -> bytes:
        return public_key_of(self._seed())

    async def preview(self, tenant: str, targets: PurgeTargets) -> ErasePreview:
        selection.check_targets(targets)
        core = self._core
        core.tenants.standing(tenant)
        async with core.database.read() as connection:
            rows = await selection.select(core, connection, tenant, targets, limit=PREVIEW_ASSETS_MAX + 1)
            total = len(rows)
            if total > PREVIEW_ASSETS_MAX:
                total = await selection.count(core, connection, tenant, targets)
            kept = await selection.select_backups(core, connection, tenant, targets, rows, limit=PREVIEW_ASSETS_MAX)
        return ErasePreview(records=tuple(core.open_all(rows[:PREVIEW_ASSETS_MAX])), total=total, backups=len(kept))

    async def erase(
        self, tenant: str, targets: PurgeTargets, *, request_id: str, once: Once | None
    ) -> ErasureStatement:
        selection.check_targets(targets)
        core = self._core
        asked = _Asked(
            tenant=tenant,
            targets=targets,
            request=core.hash_of(tenant, "request", request_id) if request_id else None,
            selector=core.hash_of(tenant, "selector", f"{request_id}\0{targets!r}"),
            once=once,
        )
        return await core.shield.run(self._erase(asked))

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
        return await core.shield.run(self._told(row))

    async def _erase(self, asked: _Asked) -> ErasureStatement:
        core, tenant = self._core, asked.tenant
        row: ErasureRow | None = None
        gone: list[Aid] = []
        for turn in range(ERASE_ENTRIES_MAX):
            async with core.journal.change(tenant) as change:
                if turn == 0:
                    row = await self._begin(change, asked)
                    # later on a URL would mean the next candidate of the same path
                    targets = await selection.settled(core, change.connection, tenant, asked.targets)
                    asked = replace(asked, targets=targets)
                if row is None or not row.state.finished:
                    row, taken = await self._take(change, asked, row)
                    gone += taken
            if row is None or row.state.finished:
                break
        if row is None:
            raise AssetNotFound("nothing matches")
        if row.statement is not None:
            return row.statement
        if gone:
            row = await self._forget(row, gone)
        return await self._told(row)

    async def _forget(self, row: ErasureRow, gone: list[Aid]) -> ErasureRow:
        core, tenant = self._core, row.tenant
        core.counting.add((tenant, row.id))
        try:
            forgotten, _ = await core.forget_and_wait(tenant, row.state.head.seq, gone)
            state = msgspec.structs.replace(
                row.state,
                originals=row.state.originals + forgotten.blobs,
                sealed=forgotten.sealed and (row.state.sealed or not row.state.root_before),
                root_before=row.state.root_before or forgotten.root_before,
                root_after=forgotten.root_after,
            )
            row = replace(row, state=state)
            async with core.database.write() as connection:
                await rows_of.save(connection, row)
        finally:
            core.counting.discard((tenant, row.id))
        return row

    async def _begin(self, change: Change, asked: _Asked) -> ErasureRow | None:
        """What an earlier call with this request_id began; the signature is used from here on."""
        now = self._core.now()
        if asked.once is not None:
            await spend(change.connection, asked.once, now=now)
            change.record(Kind.NAME)
        await rows_of.drop_old(change.connection, now=now)
        return await rows_of.by_request(change.connection, asked.tenant, asked.request, asked.selector)

    async def _take(self, change: Change, asked: _Asked, row: ErasureRow | None) -> tuple[ErasureRow | None, list[Aid]]:
        """Remove the next versions that match and write down that they are; None when nothing ever matched.

        Those under retention first, while their assets are still there to find them by; assets only once there are none.
        """
        core, tenant = self._core, asked.tenant
        assets = await selection.select(core, change.connection, tenant, asked.targets, limit=DELETE_ASSETS_MAX)
        kept = await selection.select_backups(
            core, change.connection, tenant, asked.targets, assets, limit=DELETE_ASSETS_MAX
        )
        is_last = not kept and len(assets) < DELETE_ASSETS_MAX
        aids = [one.row.aid for one in kept] or [asset.aid for asset in assets]
        renditions = 0
        if kept:
            opened = [(one.row.name, core.open(one.row)) for one in kept]
            brought = [row for row, record in opened if record and record.name.delivery_type in COULD_BE_BROUGHT]
            await shun(change.connection, tenant, brought)
            await drop(core.catalogue, change.connection, aids, tenant=tenant, seq=change.seq)
            change.record(
                Kind.ERASE, aids=tuple(aids), names=tuple(dict.fromkeys(brought))
            )  # also for a restored catalogue
        elif assets:
            renditions = await self._remove(change, assets)
        if aids:
            if row is None:
                state = State(head=change.head, seqs=(), versions=0, shown=(), renditions=0)
                row_id = secrets.token_hex(ERASURE_ID_BYTES)
                row = ErasureRow(tenant=tenant, id=row_id, request=asked.request, selector=asked.selector, state=state)
            hashes = tuple(core.hash_of(tenant, "aid", aid) for aid in aids)
            row = replace(row, state=_with(row.state, change, hashes, renditions))
        if row is None:
            return None, []
        if is_last:
            row = replace(row, state=msgspec.structs.replace(row.state, finished=True))
            if change.entry is None:
                change.record(Kind.NAME)  # a transaction that records nothing is rolled back
        await rows_of.save(change.connection, row)
        return row, aids

    async def _remove(self, change: Change, assets: list[AssetRow]) -> int:
        """With their entry. Returns how many renditions there were."""
        core, renditions = self._core, 0
        for asset in assets:
            renditions += await core.catalogue.remove(change.connection, asset, seq=change.seq)
        records = zip(assets, map(core.open, assets), strict=True)
        brought = [row.name for row, record in records if record and record.name.delivery_type in COULD_BE_BROUGHT]
        await shun(change.connection, change.tenant, brought)
        end_entry(change, assets, Kind.ERASE)
        await core.search.remove(change, [asset.asset_id for asset in assets])
        return renditions

    async def _told(self, row: ErasureRow) -> ErasureStatement:
        """The statement as things stand now; the last one is kept."""
        core, tenant = self._core, row.tenant
        await core.fenced(tenant, row.state.head.seq)
        is_counted = (tenant, row.id) not in core.counting  # before the row is read: then it has what was counted
        async with core.database.read() as connection:
            row = await rows_of.by_id(connection, tenant, row.id) or row
            left = await rows_of.doomed(connection, row)
            cdns = await cdn_places(connection, tenant, row.state.seqs, now=core.now())
            held = await shared_lifetimes.held(connection, tenant, core.tenants.standing(tenant).policy)
        if row.statement is not None:
            return row.statement
        facts = Facts(
            fenced=core.leases.state(tenant, row.state.head.seq),
            left=left,
            is_counted=is_counted,
            cdns=cdns,
            shared_seconds=int(seconds_max(held, now=core.now())),
        )
        statement = sign(body_of(core, row, facts), self._seed())
        return await self._close(row, statement) if is_over(row, facts) else statement

    async def _close(self, row: ErasureRow, statement: ErasureStatement) -> ErasureStatement:
        """Keep the last statement, and write into the log that it was made; what was kept, if somebody was faster."""
        core = self._core
        async with core.database.write() as connection:
            if await rows_of.close(connection, row, statement, now=core.now()):
                leaf = canonical(leaf_of(statement, kind=LEAF_KIND))
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
                await core.shield.run(self._told(row))

    async def receipt(self, tenant: str, erasure_id: str) -> dict[str, Any]:
        """The receipt of an erasure that is over, with a proof up to the log's checkpoint of now."""
        core = self._core
        async with core.database.read() as connection:
            row = await rows_of.by_id(connection, tenant, erasure_id)
        logged = None if row is None or row.leaf is None else await core.audit.in_log(row.leaf)
        if row is None or row.statement is None or logged is None:
            raise AssetNotFound("no such receipt")
        return make_receipt(row.statement, leaf_of(row.statement, kind=LEAF_KIND), logged, self._seed())

    def _seed(self) -> bytes:
        seed = self._core.keyring.get(SIGNING_KEY)
        if seed is None:
            raise RuntimeError("the signing key is made at start")
        return seed


def _with(state: State, change: Change, hashes: tuple[str, ...], renditions: int) -> State:
    return msgspec.structs.replace(
        state,
        head=change.head,
        seqs=(*state.seqs, change.seq),
        versions=state.versions + len(hashes),
        shown=(state.shown + hashes)[:VERSIONS_SHOWN_MAX],
        renditions=state.renditions + renditions,
    )
