"""Calls of the Erasures API that are not carried out at once: restrict and unrestrict, an erasure with a grace, one that a hold
blocks, one that a second person must approve.

Such a call selects once: what it means is written down as asset ids (`erasure_target`), whose rows go one by one as it is
carried out, a batch with each journal entry. Where it means not all of an asset, the versions are written down as well
(`origin.records.erasure_versions`). `origin.records.stages` decides each step, under the lock; whoever comes by
goes on with it: the call itself, a look at its state, the upkeep, the end of a hold.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import Aid
from domicile.media.errors import LimitExceeded
from domicile.media.journal import Kind
from origin.catalogue.hold_tables import erasure_target as table
from origin.catalogue.port import AssetRow
from origin.catalogue.sql import add_if_absent
from origin.journal import Change
from origin.records import erasure_rows as rows_of
from origin.records import erasure_versions, restrictions, unapproved, under_retention, working_sets
from origin.records import targets as selection
from origin.records.approvals import cancelled
from origin.records.core import Core
from origin.records.erasure_rows import VERSIONS_SHOWN_MAX, Deferred, ErasureRow, State
from origin.records.erasure_targets import (
    hidden_by,
    is_held_and_unmarked,
    next_targets,
    row_of,
    settle,
    standing_of,
    waits_of,
)
from origin.records.held import is_held
from origin.records.nonces import Once
from origin.records.probes import Key
from origin.records.purge_types import PurgeTargets, Versions
from origin.records.removing import ERASE_VERSIONS_MAX, NOTHING_GONE, Gone, remove
from origin.records.restrictions import ART_18
from origin.records.stages import Mode, Step, next_step
from origin.records.targets import Chosen
from origin.records.tasks import asset_hash, drop_told
from origin.records.unapproved import Lately

GRACE_SECONDS_MAX = 90 * 86_400
"""Longest grace of an erasure."""
APPROVAL_SECONDS_MAX = 7 * 86_400.0
"""How long an erasure waits for its approval; then it is cancelled."""
DEFERRED_MAX = 100
"""Such calls of one cloud that are not over."""
ASSETS_PER_STEP = restrictions.HIDDEN_PER_ENTRY_MAX
STEPS_MAX = 10_000
"""Of one go: far more than SELECTED_ASSETS_MAX can need, each step dealing with some."""
ERASURE_ID_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One call."""

    tenant: str
    targets: PurgeTargets
    request: str | None
    selector: str
    versions: Versions
    once: Once | None
    mode: Mode = Mode.ERASE
    grace: int = 0
    """Seconds."""
    asked_by: str = ""
    """Keyed hash of the API key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """By one step."""

    aids: tuple[Aid, ...] = ()
    untold: tuple[Aid, ...] = ()
    """Keys of what was still to be told of the assets."""
    gone: Gone = NOTHING_GONE
    lost: int = 0
    """Assets of which not all that is meant was there any more."""


async def begin(core: Core, change: Change, asked: Asked) -> ErasureRow | None:
    """What a new call waits for, written down; None: it is carried out at once, or nothing matches.

    LimitExceeded: it selects too much, or too many wait.
    """
    now, lately = core.now(), None
    if asked.mode is Mode.ERASE:
        lately = await _awaits_approval(core, change, asked)
        if lately is None and not asked.grace:
            return None
    grace_until = now + asked.grace if asked.grace else 0.0
    return await defer(core, change, asked, None, lately=lately, grace_until=grace_until)


async def _awaits_approval(core: Core, change: Change, asked: Asked) -> Lately | None:
    """What was erased lately, when this makes it too much for one person; None: nobody has to approve it, and it counts from now on."""
    policy = core.tenants.standing(asked.tenant).policy
    if policy is None or not policy.erasures.approval_above:
        return None
    rules, now = policy.erasures, core.now()
    assets = len({version.asset_id for version in (await _chosen(core, change, asked)).versions})
    lately = await unapproved.lately(change, asked.asked_by, since=now - rules.approval_window_seconds)
    if rules.needs_approval(assets, lately=lately.by_cloud):
        return lately
    await unapproved.count(change, asked.asked_by, assets, now=now)
    return None


async def defer(
    core: Core,
    change: Change,
    asked: Asked,
    row: ErasureRow | None,
    *,
    lately: Lately | None = None,
    grace_until: float = 0.0,
) -> ErasureRow | None:
    """Write down what the call selects now. `row`: of an erasure that has begun, and has come upon a hold. `lately`: it waits for an
    approval, because of that.
    """
    connection, tenant = change.connection, change.tenant
    chosen = await _chosen(core, change, asked)
    ids = await _selected(change, asked, chosen)
    if not ids:
        return None
    await _check_room(connection, tenant)
    erasure = row.id if row else secrets.token_hex(ERASURE_ID_BYTES)
    rows = [{"tenant": tenant, "erasure": erasure, "asset_id": asset_id} for asset_id in ids]
    await add_if_absent(connection, table, *rows)
    narrowed = _narrowed(asked, chosen)
    await erasure_versions.note(connection, tenant, erasure, narrowed, hides=lately is None)
    if asked.mode is Mode.RESTRICT:
        await restrictions.mark(change, ids, ART_18)
    elif grace_until and lately is None:
        await restrictions.mark(change, await hidden_by(connection, tenant, erasure), erasure)
    if change.entry is None:
        change.record(Kind.NAME)
    waits = Deferred(
        mode=str(asked.mode),
        assets=len(ids),
        versions=str(asked.versions),
        asked_by=asked.asked_by,
        approve_until=core.now() + APPROVAL_SECONDS_MAX if lately else 0.0,
        lately=lately.by_cloud if lately else 0,
        lately_by_key=lately.by_key if lately else 0,
        grace_until=grace_until,
    )
    if row is None:
        state = State(head=change.head, seqs=(), versions=0, shown=(), renditions=0)
        row = ErasureRow(tenant=tenant, id=erasure, request=asked.request, selector=asked.selector, state=state)
    row = replace(row, state=msgspec.structs.replace(row.state, deferred=waits, head=change.head))
    await rows_of.save(connection, row)
    return row


async def _chosen(core: Core, change: Change, asked: Asked) -> Chosen:
    """All that it means. Raises LimitExceeded."""
    return await selection.choose(
        core,
        change.connection,
        asked.tenant,
        asked.targets,
        versions=asked.versions,
        limit=ERASE_VERSIONS_MAX,
        change=change,
    )


def _narrowed(asked: Asked, chosen: Chosen) -> Sequence[AssetRow]:
    """Versions that are meant of assets of which not all is."""
    if asked.mode is not Mode.ERASE or asked.targets.everything:
        return ()
    if asked.versions is Versions.CURRENT:
        return chosen.assets
    whole = {*(asset.asset_id for asset in chosen.assets), *asked.targets.asset_ids}
    return [row for row in chosen.kept if row.asset_id not in whole]


async def _selected(change: Change, asked: Asked, chosen: Chosen) -> list[str]:
    ids: list[str] = list(dict.fromkeys(version.asset_id for version in chosen.versions))
    if asked.mode is Mode.UNRESTRICT:
        restricted = await restrictions.marked(change.connection, asked.tenant, ART_18, ids)
        return [asset_id for asset_id in ids if asset_id in restricted]
    return ids


async def _check_room(connection: AsyncConnection, tenant: str) -> None:
    query = select(func.count(table.c.erasure.distinct())).where(table.c.tenant == tenant)
    if (await connection.scalar(query) or 0) >= DEFERRED_MAX:
        raise LimitExceeded(f"At most {DEFERRED_MAX} erasures of a cloud may wait: cancel some")


async def go_on(core: Core, tenant: str, erasure_id: str) -> tuple[ErasureRow, list[Aid]]:
    """All that can be done now. The row, and the versions whose keys and bytes are to go."""
    gone: list[Aid] = []
    for _ in range(STEPS_MAX):
        async with (
            working_sets.key_for(core, tenant) as key,
            core.journal.change(tenant) as change,
        ):  # nothing recorded: rolled back, and the number not used
            row = await row_of(change.connection, tenant, erasure_id)
            at = None if row.state.finished else await standing_of(core, change.connection, row)
            step = Step.WAIT if at is None else next_step(at)
            if step is not Step.WAIT:
                row, taken = await _carry_out(core, change, row, step, key)
                gone += taken
        if step is Step.WAIT:
            return row, gone
    raise RuntimeError("an erasure went on for ever")


async def _carry_out(
    core: Core, change: Change, row: ErasureRow, step: Step, key: Key | None
) -> tuple[ErasureRow, list[Aid]]:
    taken = _Taken()
    match step:
        case Step.CANCEL:
            row = await cancelled(core, change, row, outcome="expired")
        case Step.HIDE:
            await _hide(core, change, row)
        case Step.SHOW:
            await _show(core, change, row)
        case Step.TAKE:
            taken = await _take(core, change, row, key)
        case _:
            row = await _end(core, change, row)
    if change.entry is None:
        change.record(Kind.NAME)
    state = counted(core, row, change, taken.aids, taken.gone)
    row = replace(row, state=msgspec.structs.replace(state, gone_before=state.gone_before + taken.lost))
    await rows_of.save(change.connection, row)
    return row, [*taken.aids, *taken.untold]


async def _hide(core: Core, change: Change, row: ErasureRow) -> None:
    cause = row.id
    if waits_of(row).mode == Mode.RESTRICT:
        cause = ART_18
    else:
        unmarked = await next_targets(change.connection, row, is_held_and_unmarked(row), limit=ASSETS_PER_STEP)
        await restrictions.mark(change, unmarked, cause)
    await restrictions.hide_next(core, change, cause)


async def _show(core: Core, change: Change, row: ErasureRow) -> None:
    ids = await next_targets(change.connection, row, limit=ASSETS_PER_STEP)
    cause = ART_18 if waits_of(row).mode == Mode.UNRESTRICT else row.id
    await restrictions.unmark(change.connection, row.tenant, ids, cause)
    await restrictions.show(core, change, ids)
    await settle(change.connection, row, ids)


async def _take(core: Core, change: Change, row: ErasureRow, key: Key | None) -> _Taken:
    connection, tenant = change.connection, row.tenant
    ids = await next_targets(connection, row, ~is_held(table.c.asset_id, tenant), limit=ASSETS_PER_STEP)
    meant = await erasure_versions.meant(connection, tenant, row.id, ids)
    whole = [asset_id for asset_id in ids if asset_id not in meant]
    chosen = await _there(core, connection, row, whole, meant)
    is_more = len(chosen.kept) >= ERASE_VERSIONS_MAX
    if is_more:
        chosen = replace(chosen, assets=())  # the rest of them first: these assets are asked for again
    work = await working_sets.capture(core, change, chosen, key)
    gone = await remove(core, change, chosen)
    await working_sets.keep(core, change, row.id, key, work)
    told = [asset_hash(core, tenant, asset_id) for asset_id in ids] if waits_of(row).versions == Versions.ALL else []
    untold = await drop_told(core, connection, tenant, told, seq=change.seq)
    lost = 0
    if not is_more:
        lost = _lost(whole, meant, chosen)
        await restrictions.forget(connection, tenant, whole)
        await restrictions.unmark(connection, tenant, meant, row.id)
        if meant:
            await restrictions.show(core, change, list(meant), holders=False)  # what is left of them
        await settle(connection, row, ids)
    aids = tuple(version.aid for version in chosen.versions)
    return _Taken(aids=aids, untold=tuple(untold), gone=gone, lost=lost)


async def _there(
    core: Core, connection: AsyncConnection, row: ErasureRow, whole: Sequence[str], meant: Mapping[str, Sequence[Aid]]
) -> Chosen:
    """What there is now of whole assets, and of versions of others, wherever these are by now."""
    tenant, aids = row.tenant, [aid for some in meant.values() for aid in some]
    assets = await core.catalogue.by_asset_id(connection, tenant, whole, hidden=True, bare=True)
    assets += await core.catalogue.by_aid(connection, tenant, aids, hidden=True)
    kept = [one.row for one in await under_retention.several(connection, tenant, aids)]
    if waits_of(row).versions == Versions.ALL:
        most = ERASE_VERSIONS_MAX
        kept += await under_retention.selected(connection, tenant, asset_ids=whole, names=(), carrying=(), limit=most)
    return Chosen(assets=tuple(assets), kept=tuple(kept))


def _lost(whole: Iterable[str], meant: Mapping[str, Sequence[Aid]], chosen: Chosen) -> int:
    there = {version.aid for version in chosen.versions}
    assets = {version.asset_id for version in chosen.versions}
    found = [asset_id in assets for asset_id in whole] + [there.issuperset(aids) for aids in meant.values()]
    return found.count(False)


async def _end(core: Core, change: Change, row: ErasureRow) -> ErasureRow:
    waits = waits_of(row)
    if (waits.cancelled or waits.mode == Mode.UNRESTRICT) and await restrictions.show(core, change, ()):
        return row  # what only holds bytes of others: asked again, until there is none
    await settle(change.connection, row, None)
    return replace(row, state=msgspec.structs.replace(row.state, finished=True))


def counted(core: Core, row: ErasureRow, change: Change, aids: Sequence[Aid], gone: Gone) -> State:
    """A change later: with versions that went with it, and with what went with them."""
    state = row.state
    is_restriction = state.deferred is not None and state.deferred.mode == Mode.RESTRICT
    shown = tuple(core.hash_of(row.tenant, "aid", aid) for aid in aids[:VERSIONS_SHOWN_MAX])
    return msgspec.structs.replace(
        state,
        head=change.head,
        committed_at=core.now() if aids else state.committed_at,
        seqs=(*state.seqs, *(entry.seq for entry in change.entries)) if aids or is_restriction else state.seqs,
        versions=state.versions + len(aids),
        shown=(state.shown + shown)[:VERSIONS_SHOWN_MAX],
        renditions=state.renditions + gone.renditions,
        recipients=dict(Counter(state.recipients) + Counter(gone.recipients)),
    )
