"""Purges at CDNs, carried out: one loop an account, so that a CDN that is slow or down keeps no other waiting.

Each round takes what is due: looks at the fence, or calls with the tags of as many purges as fit into one call. What is decided
is in `cdn_steps`; a crash between a call and its note repeats the call, which does no harm.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import replace

from domicile.media.cdn_calls import (
    SPEAKERS,
    Asked,
    Call,
    Confirmed,
    Failed,
    Later,
    Verdict,
    call_of,
    follow_up_of,
    verdict_of,
)
from domicile.media.errors import MediaError
from domicile.media.policy import Activity
from domicile.service import logging
from domicile.service.gate.cdn import CdnClient
from origin import cdn_steps
from origin.cdn_accounts import Account
from origin.cdn_steps import Stage, Standing
from origin.keys import Origin
from origin.records.cdn_purges import CdnPurge
from origin.records.types import Fencing

POLL_SECONDS = 0.5
ROUND_MAX = 256
"""Purges that one round looks at."""
CLEAN_SECONDS = 600.0
CONFIRMED, LATER, FAILED, LAPSED = "confirmed", "later", "failed", "lapsed"

log = logging.get()


async def run(origin: Origin, client: CdnClient) -> None:
    """Until it is cancelled."""
    accounts = origin.records.cdn_purges.accounts.values()
    if not accounts:
        return
    async with asyncio.TaskGroup() as group:
        group.create_task(_clean(origin))
        for account in accounts:
            group.create_task(_serve(origin, client, account))


async def _clean(origin: Origin) -> None:
    while True:
        try:
            await origin.records.cdn_purges.clean()
        except Exception as failed:  # noqa: BLE001 - a busy database: the next round cleans
            log.warning("cdn_purges_not_cleaned", error=type(failed).__name__)
        await asyncio.sleep(CLEAN_SECONDS)


async def _serve(origin: Origin, client: CdnClient, account: Account) -> None:
    while True:
        worked = False
        try:
            worked = await round_of(origin, client, account)
        except Exception as failed:  # noqa: BLE001 - a busy database: what is due stays due
            log.warning("cdn_round_failed", error=type(failed).__name__)
        if not worked:
            await asyncio.sleep(POLL_SECONDS)


async def round_of(origin: Origin, client: CdnClient, account: Account) -> bool:
    """What is due now; False: nothing was."""
    purges = origin.records.cdn_purges
    due = await purges.due(account.name, limit=ROUND_MAX)
    fences = [one for one in due if one.standing.stage is Stage.FENCE]
    if fences:
        await purges.save([await _looked(origin, one) for one in fences])
    calls = [one for one in due if one.standing.stage is not Stage.FENCE]
    over = [one for one in calls if _lapsed(origin, one) is not None]
    if over:
        origin.metrics.cdn_purges.add(len(over), cdn=account.cdn.kind, outcome=LAPSED)
        await purges.save([replace(one, standing=_lapsed(origin, one) or one.standing) for one in over])
    left = [one for one in calls if one not in over]
    if left:
        batch = batch_of(left, SPEAKERS[account.cdn.kind].tags_max)
        verdict = await _asked(origin, client, account, batch)
        origin.metrics.cdn_purges.add(cdn=account.cdn.kind, outcome=_outcome(verdict))
        if isinstance(verdict, Failed):
            log.warning("cdn_purge_failed", cdn=account.cdn.kind, reason=verdict.reason, purges=len(batch))
        await purges.save([_after(origin, one, verdict) for one in batch])
    return bool(due)


def batch_of(purges: Sequence[CdnPurge], tags_max: int) -> list[CdnPurge]:
    """The first one, and others that one call can make with it: none, when it is asked after."""
    first = purges[0]
    if first.standing.token:
        return [first]
    batch, tags = [first], set(first.tags)
    for one in purges[1:]:
        if not one.standing.token and len(tags.union(one.tags)) <= tags_max and one.tenant == first.tenant:
            batch.append(one)
            tags.update(one.tags)
    return batch


async def _looked(origin: Origin, purge: CdnPurge) -> CdnPurge:
    state = await origin.records.fenced(purge.tenant, purge.seq)
    is_fenced = state.state is Fencing.FENCED
    return replace(purge, standing=cdn_steps.fenced(purge.standing, is_fenced=is_fenced, now=origin.now()))


def _lapsed(origin: Origin, purge: CdnPurge) -> Standing | None:
    return cdn_steps.lapsed(purge.standing, origin.records.cdn_purges.times(purge), now=origin.now())


def _after(origin: Origin, purge: CdnPurge, verdict: Verdict) -> CdnPurge:
    times = origin.records.cdn_purges.times(purge)
    return replace(purge, standing=cdn_steps.answered(purge.standing, verdict, times, now=origin.now()))


async def _asked(origin: Origin, client: CdnClient, account: Account, batch: Sequence[CdnPurge]) -> Verdict:
    first = batch[0]
    asked = Asked(at=origin.now(), nonce=secrets.token_hex(16))
    tags = list(dict.fromkeys(tag for one in batch for tag in one.tags))
    call: Call = (
        follow_up_of(account.cdn, first.standing.token, asked)
        if first.standing.token
        else call_of(account.cdn, tags, asked)
    )
    try:
        permit = origin.records.permit(first.tenant, Activity.METADATA)
        status, headers, body = await client.call(permit, first.tenant, call)
    except MediaError as failed:
        return Failed(reason=failed.message)
    return verdict_of(account.cdn.kind, status, headers, body)


def _outcome(verdict: Verdict) -> str:
    match verdict:
        case Confirmed():
            return CONFIRMED
        case Later():
            return LATER
        case Failed():
            return FAILED
