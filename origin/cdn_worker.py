"""Purges at CDNs, carried out: one loop an account, so that a CDN that is slow or down keeps no other waiting, and one for
fences and for what is over by its age, which wait for no CDN at all.

A call takes the tags of as many purges of one cloud as fit into it, by leave of its policy. What is decided is in `cdn_steps`; a
crash between a call and its note repeats the call, which does no harm.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from domicile.media.cdn_calls import (
    SPEAKERS,
    Asked,
    Confirmed,
    Failed,
    Later,
    Verdict,
    call_of,
    follow_up_of,
    verdict_of,
)
from domicile.media.errors import MediaError
from domicile.media.policy import Activity, Permit
from domicile.service import logging
from domicile.service.gate.cdn import CdnClient
from domicile.service.rounds import keep_at
from origin import cdn_steps
from origin.cdn_accounts import Account
from origin.cdn_steps import Pace
from origin.keys import Origin
from origin.metrics import CDN_OUTCOMES
from origin.records.cdn_purges import CLEANED_MAX, CdnPurge

POLL_SECONDS, IDLE_SECONDS = 0.5, 5.0
"""Between looks while something waits, and while nothing is known to."""
ROUND_MAX = 256
"""Purges that one round looks at."""
CLEAN_SECONDS = 600.0
CONFIRMED, LATER, FAILED, DENIED, LAPSED = CDN_OUTCOMES

log = logging.get()


@dataclass(slots=True)
class Line:
    """One account, and how it is spoken to just now."""

    account: Account
    pace: Pace = field(default_factory=Pace)


async def run(origin: Origin, client: CdnClient) -> None:
    """Until it is cancelled. Purges of an account that is no more in the file end by their age."""
    purges = origin.records.cdn_purges
    serving = partial(keep_at, of="cdn_purges", retry_seconds=POLL_SECONDS)
    async with asyncio.TaskGroup() as group:
        group.create_task(keep_at(partial(_clean, origin), of="cdn_purges_over", retry_seconds=CLEAN_SECONDS))
        group.create_task(serving(partial(_tend, origin), news=purges.news, pause_seconds=POLL_SECONDS))
        for account in purges.accounts.values():
            group.create_task(serving(partial(_serve, origin, client, Line(account))))


async def _clean(origin: Origin) -> float:
    is_more = await origin.records.cdn_purges.clean() >= CLEANED_MAX
    return POLL_SECONDS if is_more else CLEAN_SECONDS


async def _tend(origin: Origin) -> float:
    return POLL_SECONDS if await tend(origin) else IDLE_SECONDS


async def tend(origin: Origin) -> bool:
    """Look at fences, and end what is over by its age. True: something waits to be fenced, or more may be over."""
    purges = origin.records.cdn_purges
    waiting = await purges.fence()
    found = await purges.lapsing(limit=ROUND_MAX)
    over = [(one, cdn_steps.lapsed(one.standing, one.times, now=origin.now())) for one in found]
    await purges.save([replace(one, standing=end) for one, end in over if end is not None])
    for one, end in over:
        account = purges.accounts.get(one.account)
        if account is not None and end is not None:
            origin.metrics.cdn_purges.add(cdn=account.cdn.kind, outcome=LAPSED)
    return waiting > 0 or len(found) == ROUND_MAX


async def _serve(origin: Origin, client: CdnClient, line: Line) -> float:
    return 0.0 if await round_of(origin, client, line) else POLL_SECONDS


async def round_of(origin: Origin, client: CdnClient, line: Line) -> bool:
    """One call, if one is due and the account is not to be left in peace. False: none was made."""
    purges, kind = origin.records.cdn_purges, line.account.cdn.kind
    if origin.now() < line.pace.until:
        return False
    due = await purges.due(line.account.name, limit=ROUND_MAX)
    if not due:
        return False
    first = due[0]
    batch = batch_of(due, SPEAKERS[kind].tags_max)
    try:
        permit = origin.records.permit(first.tenant, Activity.METADATA)
    except MediaError:
        verdict: Verdict = Failed(reason=cdn_steps.DENIED)
        log.warning("cdn_purge_denied", cdn=kind, purges=len(batch))
        origin.metrics.cdn_purges.add(cdn=kind, outcome=DENIED)
    else:
        verdict = await _asked(origin, client, permit, line.account, batch)
        line.pace = cdn_steps.paced(line.pace, verdict, now=origin.now())
        origin.metrics.cdn_purges.add(cdn=kind, outcome=_outcome(verdict))
        if isinstance(verdict, Failed):
            log.warning("cdn_purge_failed", cdn=kind, reason=verdict.reason, purges=len(batch))
    now = origin.now()
    after = [replace(one, standing=cdn_steps.answered(one.standing, verdict, one.times, now=now)) for one in batch]
    await purges.save(after)
    return True


def batch_of(purges: Sequence[CdnPurge], tags_max: int) -> list[CdnPurge]:
    """The first one, and others that one call can make with it; those that have begun with it, when it is asked after."""
    first = purges[0]
    batch, tags = [first], set(first.tags)
    for one in purges[1:]:
        if one.tenant != first.tenant or one.standing.token != first.standing.token:
            continue
        if first.standing.token or len(tags.union(one.tags)) <= tags_max:
            batch.append(one)
            tags.update(one.tags)
    return batch


async def _asked(
    origin: Origin, client: CdnClient, permit: Permit, account: Account, batch: Sequence[CdnPurge]
) -> Verdict:
    first = batch[0]
    asked = Asked(at=origin.now(), nonce=secrets.token_hex(16))
    tags = list(dict.fromkeys(tag for one in batch for tag in one.tags))
    token = first.standing.token
    call = follow_up_of(account.cdn, token, asked) if token else call_of(account.cdn, tags, asked)
    try:
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
