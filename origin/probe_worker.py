"""Asking CDNs whether they still give away what was erased, one loop an account; and going on with erasures as places answer.

An address is asked, through every name that viewers have for it, for the URLs under which the installation knew what was erased: whole, in part
and by validators. One answer with bytes ends the try, and has the CDN purged once more. One that a limit was met with ends it, too, and the
next try goes on from there. What is decided is in `probe_steps`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from domicile.media.errors import MediaError
from domicile.media.policy import Activity, Permit
from domicile.media.probe import KnownUrl, Seen, Tally, asks, seen
from domicile.service import logging
from domicile.service.gate.probe import ProbeClient
from domicile.service.rounds import keep_at
from origin import probe_steps
from origin.cdn_accounts import Account, Address, addresses
from origin.keys import Origin
from origin.metrics import PROBE_OUTCOMES
from origin.records.probes import Probe

POLL_SECONDS = 0.5
LOOK_SECONDS = 1.0
"""Between two looks at erasures that wait for something outside of them."""
SHORTEST_SECONDS = 0.01
"""A look that took longer than that is no reason to leave nothing to others."""
LOOKED_MAX = 64
"""Erasures of one look; the others have the next one."""
TRY_SECONDS_MAX = 600.0
"""Of all questions about one erasure at one CDN; a CDN that takes longer did not answer, and the other erasures have their turn."""
VERIFIED, FOUND, UNSURE, DENIED, LIMITED = PROBE_OUTCOMES
_OUTCOMES = {Seen.ABSENT: VERIFIED, Seen.BYTES: FOUND, Seen.LIMITED: LIMITED}

log = logging.get()


async def run(origin: Origin, client: ProbeClient) -> None:
    """Until it is cancelled."""
    async with asyncio.TaskGroup() as group:
        looks = _Looks(origin)
        told = origin.records.probes.told
        group.create_task(keep_at(looks.do, of="erasures", retry_seconds=LOOK_SECONDS, news=told))
        for account in origin.records.cdn_purges.accounts.values():
            do = partial(_serve, origin, client, account)
            group.create_task(keep_at(do, of="probes", retry_seconds=POLL_SECONDS))


class _Looks:
    """At all that wait, once in LOOK_SECONDS; between, whenever somebody has said something, at what it was about."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._next_at = 0.0

    async def do(self) -> float:
        """One look."""
        now = asyncio.get_running_loop().time()
        is_time = now >= self._next_at
        if is_time:
            self._next_at = now + LOOK_SECONDS
        await look(self._origin, spoken_alone=not is_time)
        return max(SHORTEST_SECONDS, self._next_at - asyncio.get_running_loop().time())


async def look(origin: Origin, *, spoken_alone: bool = False) -> None:
    """At erasures that may have come further: those of which somebody has said something, and some of those that wait."""
    probes = origin.records.probes
    free = [at for at in (*probes.open, *probes.watched) if not probes.held[at]]
    spoken = [at for at in free if at in probes.open and probes.open[at].changed.is_set()]
    waiting = [] if spoken_alone else [at for at in free if at not in spoken]
    for at in (*spoken, *waiting)[:LOOKED_MAX]:
        probe = probes.open.pop(at, None)
        if probe is not None:
            probe.changed.clear()
            probes.open[at] = probe  # the others are before it next time
        elif at in probes.watched:
            probes.watched[at] = probes.watched.pop(at)
        await origin.records.look_at_erasure(*at)


async def _serve(origin: Origin, client: ProbeClient, account: Account) -> float:
    return 0.0 if await round_of(origin, client, account) else POLL_SECONDS


async def round_of(origin: Origin, client: ProbeClient, account: Account) -> bool:
    """One probe of this CDN, if one is due. False: none was."""
    probes = origin.records.probes
    probe = next((one for one in probes.in_turn if _is_due(one, account, origin.now())), None)
    if probe is None:
        return False
    probes.had_turn(probe)
    tally, wait_seconds, outcome = await _tried(origin, client, account, probe)
    before = probe.cdns[account.name]
    standing = probe_steps.answered(before, tally, now=origin.now(), wait_seconds=wait_seconds)
    probe.cdns[account.name] = standing
    probe.changed.set()
    origin.metrics.probes.add(cdn=account.cdn.kind, outcome=outcome)
    if outcome != VERIFIED:
        log.warning("cdn_probe_failed", cdn=account.cdn.kind, outcome=outcome, tries=standing.tries)
    if outcome == FOUND:
        await origin.records.cdn_purges.again(probe.tenant, probe.seqs, account.name)
    await origin.records.look_at_erasure(probe.tenant, probe.id)
    return True


def _is_due(probe: Probe, account: Account, now: float) -> bool:
    standing = probe.cdns.get(account.name)
    is_open = standing is not None and not standing.is_settled
    return is_open and account.name in probe.ready and standing is not None and standing.due_at <= now


async def _tried(origin: Origin, client: ProbeClient, account: Account, probe: Probe) -> tuple[Tally, float, str]:
    """What was answered, how long it is to be left alone, and what counts that."""
    try:
        permit = origin.records.permit(probe.tenant, Activity.DELIVER)
    except MediaError:
        return Tally(asked=1, refused=1), 0.0, DENIED
    urls = await origin.records.probed_urls(probe)
    tally, wait_seconds = probe_steps.begun(probe.cdns[account.name]), 0.0
    try:
        async with asyncio.timeout(TRY_SECONDS_MAX):
            places = addresses(account.hosts, probe.tenant)
            tally, wait_seconds = await asked_at(client, permit, probe.tenant, places, urls, tally)
    except TimeoutError:
        tally = tally.plus(Seen.UNREACHABLE)
    return tally, wait_seconds, _OUTCOMES.get(tally.verdict, UNSURE)


async def asked_at(
    client: ProbeClient,
    permit: Permit,
    tenant: str,
    places: Sequence[Address],
    urls: Sequence[KnownUrl],
    tally: Tally,
) -> tuple[Tally, float]:
    """Up to the first answer that says that it is asked in vain, behind the questions that `tally` has already; and how long the
    place wants to be left alone.
    """
    answered_before = tally.asked
    for address in places:
        for ask in asks(probe_steps.on_own_hosts(urls) if address.is_own else urls):
            if answered_before:
                answered_before -= 1
                continue
            answered = await client.ask(permit, tenant, address.base, ask.url.target, ask.headers)
            tally = tally.plus(what := seen(ask, answered))
            if what not in {Seen.ABSENT, Seen.UNJUDGED}:
                return tally, 0.0 if answered is None else answered.wait_seconds
        if tally.verdict is not Seen.ABSENT:
            break
    return tally, 0.0
