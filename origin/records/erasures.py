"""Erase: every version of the matching assets is forgotten, and a signed statement says so (decisions B.2, E).

Order: journal entries, rows and what is remembered of the erasure in one transaction, whatever the selector means (from
here on nobody resolves any of it) -> keys punctured and bytes deleted, while edges apply the entries -> statement. What takes
longer than the call is told by `status`. A crash before the commit has changed nothing; one after it leaves the aids doomed,
and the next start finishes them (ADR 0043).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from domicile.media.asset import Aid
from domicile.media.errors import AssetNotFound
from domicile.media.journal import ENTRY_TARGETS_MAX, Kind
from domicile.media.receipt import leaf_of, make_receipt
from domicile.media.statement import ErasureStatement, canonical, public_key_of, sign
from origin.catalogue.port import AssetRow
from origin.journal import Change
from origin.keyring import Keyring, purpose_id
from origin.records import backups
from origin.records import erasure_rows as rows_of
from origin.records import targets as selection
from origin.records.core import Core
from origin.records.erasure_rows import ErasureRow, State
from origin.records.fetched import shun
from origin.records.nonces import Once, spend
from origin.records.purge_types import ErasePreview, PurgeTargets, Versions
from origin.records.statements import body_of
from origin.records.targets import Chosen
from origin.records.types import Fencing

ERASE_VERSIONS_MAX = 50_000
"""Versions that one call erases: they are removed in one transaction, and changes of the cloud wait for it."""
PREVIEW_ASSETS_MAX = 500
"""Assets that a preview lists; its counts are of all."""
VERSIONS_SHOWN_MAX = 1000
"""Keyed hashes of versions that a statement lists; the counts are always of all."""
CLOSED_PER_ROUND_MAX = 1000
"""Erasures looked at by one round of the upkeep."""
TARGETS_PER_VERSION = 2
"""Its aid and its name."""
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
    versions: Versions
    once: Once | None


class Erasures:
    """What forgets on purpose."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def public_key(self) -> bytes:
        return public_key_of(self._seed())

    async def preview(self, tenant: str, targets: PurgeTargets, versions: Versions) -> ErasePreview:
        core = self._core
        core.tenants.standing(tenant)
        selection.check_targets(core, tenant, targets)
        async with core.database.read() as connection:
            chosen = await selection.choose(
                core, connection, tenant, targets, versions=versions, limit=ERASE_VERSIONS_MAX
            )
            shown = [row.asset_id for row in chosen.assets[:PREVIEW_ASSETS_MAX]]
            rows = {row.asset_id: row for row in await core.catalogue.by_asset_id(connection, tenant, shown)}
        records = core.open_all(rows[asset_id] for asset_id in shown)
        return ErasePreview(records=tuple(records), total=len(chosen.assets), backups=len(chosen.kept))

    async def erase(
        self, tenant: str, targets: PurgeTargets, *, versions: Versions, request_id: str, once: Once | None
    ) -> ErasureStatement:
        core = self._core
        selection.check_targets(core, tenant, targets)
        asked = _Asked(
            tenant=tenant,
            targets=targets,
            request=core.hash_of(tenant, "request", request_id) if request_id else None,
            selector=core.hash_of(tenant, "selector", _selector(request_id, targets, versions)),
            versions=versions,
            once=once,
        )
        if targets.searches:
            await core.search.ready(tenant)  # under the lock nobody waits for it
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
        gone: tuple[Aid, ...] = ()
        async with core.journal.change(tenant) as change:
            row = await self._begin(change, asked)
            if row is None or not row.state.finished:  # unfinished: a call of an older release, which was cut short
                row, gone = await self._take(change, asked, row)
        if row is None:
            raise AssetNotFound("nothing matches")
        if row.statement is not None:
            return row.statement
        if gone:
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
        return await self._told(row)

    async def _begin(self, change: Change, asked: _Asked) -> ErasureRow | None:
        """What an earlier call with this request_id began; the signature is used from here on."""
        now = self._core.now()
        if asked.once is not None:
            await spend(change.connection, asked.once, now=now)
            change.record(Kind.NAME)
        await rows_of.drop_old(change.connection, now=now)
        return await rows_of.by_request(change.connection, asked.tenant, asked.request, asked.selector)

    async def _take(
        self, change: Change, asked: _Asked, row: ErasureRow | None
    ) -> tuple[ErasureRow | None, tuple[Aid, ...]]:
        """Remove all that matches and write down that it is; None when nothing ever matched."""
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
        if not chosen.versions and row is None:
            return None, ()
        renditions = await remove(core, change, chosen)
        if change.entry is None:
            change.record(Kind.NAME)  # a transaction that records nothing is rolled back
        if row is None:
            state = State(head=change.head, seqs=(), versions=0, shown=(), renditions=0)
            row_id = secrets.token_hex(ERASURE_ID_BYTES)
            row = ErasureRow(tenant=tenant, id=row_id, request=asked.request, selector=asked.selector, state=state)
        aids = tuple(version.aid for version in chosen.versions)
        shown = tuple(core.hash_of(tenant, "aid", aid) for aid in aids[:VERSIONS_SHOWN_MAX])
        state = msgspec.structs.replace(
            row.state,
            head=change.head,
            seqs=(*row.state.seqs, change.seq),
            versions=row.state.versions + len(aids),
            shown=(row.state.shown + shown)[:VERSIONS_SHOWN_MAX],
            renditions=row.state.renditions + renditions,
            finished=True,
        )
        row = replace(row, state=state)
        await rows_of.save(change.connection, row)
        return row, aids

    async def _told(self, row: ErasureRow) -> ErasureStatement:
        """The statement as things stand now; the last one is kept."""
        core, state = self._core, row.state
        fenced = await core.fenced(row.tenant, state.head.seq)
        async with core.database.read() as connection:
            left = await rows_of.doomed(connection, row)
        statement = sign(body_of(core, row, fenced, left=left), self._seed())
        if state.finished and left == 0 and fenced.state is Fencing.FENCED:
            return await self._close(row, statement)
        return statement

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


async def remove(core: Core, change: Change, chosen: Chosen) -> int:
    """With their entries. Returns how many renditions there were.

    No request brings any of the names from elsewhere again: which of them were brought, only their records say, and a
    restored catalogue is told of all of them as well.
    """
    if not chosen.versions:
        return 0
    connection, tenant = change.connection, change.tenant
    await backups.drop(core.catalogue, connection, [row.aid for row in chosen.kept], tenant=tenant, seq=change.seq)
    await backups.hand_on(connection, tenant, chosen.assets)  # to what is left of them, where only the current ones go
    renditions = await core.catalogue.remove_all(connection, tenant, chosen.assets, seq=change.seq)
    await shun(connection, tenant, (row.name for row in chosen.versions))
    await core.search.remove(change, [row.asset_id for row in chosen.assets])
    change.entries.clear()
    for part in _parts(chosen.versions):
        aids, names = tuple(row.aid for row in part), tuple(dict.fromkeys(row.name for row in part))
        change.record_more(Kind.ERASE, aids=aids, names=names)
    return renditions


def _parts(versions: Sequence[AssetRow]) -> Iterator[Sequence[AssetRow]]:
    """As many as go into one entry, each."""
    size = ENTRY_TARGETS_MAX // TARGETS_PER_VERSION
    for at in range(0, len(versions), size):
        yield versions[at : at + size]


def _selector(request_id: str, targets: PurgeTargets, versions: Versions) -> str:
    """What makes two calls of one request_id the same; of what older releases knew as they wrote it."""
    newer = (targets.subjects, targets.searches, versions)
    return f"{request_id}\0{targets!r}" + (f"\0{newer!r}" if newer != ((), (), Versions.ALL) else "")
