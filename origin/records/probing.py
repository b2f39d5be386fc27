"""Probing what was erased, once nobody can serve it any more as far as everybody says (erasure design 3.2, state `verified`).

    edges        each that may serve fetches what it is to look for, looks, asks its own listener, and tells (`wire_app.probes`)
    CDNs         asked by `probe_worker`, through every address that viewers have, once their purges are over
    ciphertext   a sample of sealed records must not open any more

What each place said is in memory (`records.probes`); `erasures` asks how it stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from domicile.media.errors import MediaError
from domicile.media.policy import Activity, Place
from domicile.media.probe import KnownUrl
from domicile.media.wire import EdgeProbe, ProbesAnswer, ProbesRequest
from origin import probe_steps
from origin.cdn_accounts import addresses
from origin.probe_steps import PATIENCE_SECONDS, Outcome, Standing
from origin.records import working_sets
from origin.records.cdn_places import CdnPlace
from origin.records.core import Core
from origin.records.erasure_rows import ErasureRow
from origin.records.probes import Looked, Probe, WorkingSet, edges_standing

OFFERED_MAX = 2
"""Probes of one answer to an edge."""


async def begin(core: Core, row: ErasureRow) -> Probe | None:
    """What there is to ask after, from now on. None: too many are asked after at a time; later."""
    known = core.probes.open.get((row.tenant, row.id))
    if known is not None:
        return known
    async with core.database.read() as connection:
        work = await working_sets.read(core, connection, row.tenant, row.id)
    known = core.probes.open.get((row.tenant, row.id))
    if known is not None or core.probes.is_full:
        return known
    now = core.now()
    probe = Probe(
        tenant=row.tenant,
        id=row.id,
        seqs=row.state.seqs,
        began_at=now,
        work=work,
        until=now + PATIENCE_SECONDS,
    )
    core.probes.begin(probe)
    return probe


def looked(core: Core, probe: Probe, cdns: Sequence[CdnPlace]) -> Looked:
    """How it stands, now."""
    now = core.now()
    alive = core.leases.alive(probe.tenant)
    edges = _since(probe, edges_standing(probe, alive, now=now), now=now)
    probe.ready = frozenset(cdn.account for cdn in cdns if cdn.is_over)
    standings = {cdn.account: _of_cdn(core, probe, cdn, now=now) for cdn in cdns}
    probe.opened = working_sets.opens(core, probe.tenant, probe.work) if probe.work is not None else 0
    return Looked(
        edges=edges,
        nodes=len(alive),
        versions=min((probe.edge(one).looked for one in alive), default=0),
        cdns=standings,
        samples=len(probe.work.samples) if probe.work is not None else 0,
        opened=probe.opened,
    )


def _since(probe: Probe, edges: Standing, *, now: float) -> Standing:
    """One whose lease runs out makes them clean, too, and says nothing: it counts from when that was seen."""
    if edges.outcome is not Outcome.VERIFIED:
        probe.clean_at = 0.0
        return edges
    probe.clean_at = probe.clean_at or now
    return replace(edges, due_at=probe.clean_at)


def _of_cdn(core: Core, probe: Probe, cdn: CdnPlace, *, now: float) -> Standing:
    """Pending as long as its purges are, whatever it said before."""
    known = probe.cdns.get(cdn.account)
    if not cdn.is_over:
        return Standing(until=now) if known is None else replace(known, outcome=Outcome.PENDING)
    if known is None:
        if probe.work is None:
            known = probe_steps.never(probe_steps.NO_URLS, now=now)
        elif not addresses(core.probes.hosts.get(cdn.account, ()), probe.tenant):
            known = probe_steps.never(probe_steps.NO_ADDRESS, now=now)
        elif not probe.urls:
            known = probe_steps.never(probe_steps.NO_QUESTIONS, now=now)
        else:
            known = Standing(until=max(probe.began_at, cdn.lapses_at) + PATIENCE_SECONDS, due_at=now)
    probe.cdns[cdn.account] = known = probe_steps.failed_if_over(known, now=now)
    return known


async def settled(core: Core, probe: Probe, cdns: Sequence[CdnPlace], *, wait_seconds: float) -> None:
    """Wait until everybody has said what they see, at most so long."""
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_seconds
    while not looked(core, probe, cdns).is_settled and (left := until - loop.time()) > 0:
        probe.changed.clear()
        try:
            async with asyncio.timeout(left):
                await probe.changed.wait()
        except TimeoutError:
            return


def told(core: Core, asked: ProbesRequest) -> None:
    """What an edge says that it has seen. Of an edge that is not registered it is ignored."""
    instance = (asked.node, asked.boot)
    if core.leases.tenants_of(*instance):
        core.probes.take(instance, asked.seen, now=core.now())


async def offered(core: Core, asked: ProbesRequest, *, wait_seconds: float) -> ProbesAnswer:
    """What an edge is to look for; waits up to `wait_seconds` for something."""
    news = core.probes.news
    due = _due(core, asked)
    if not due and wait_seconds > 0:
        try:
            async with asyncio.timeout(wait_seconds):
                await news.wait()
        except TimeoutError:
            return ProbesAnswer(probes=())
        due = _due(core, asked)
    return ProbesAnswer(probes=tuple([await _for_edge(core, probe, asked.region) for probe in due]))


def _due(core: Core, asked: ProbesRequest) -> list[Probe]:
    instance = (asked.node, asked.boot)
    tenants = core.leases.tenants_of(*instance)
    return core.probes.due_for(instance, tenants, now=core.now(), limit=OFFERED_MAX)


async def _for_edge(core: Core, probe: Probe, region: str) -> EdgeProbe:
    """Names go where the policy lets the pictures be delivered; elsewhere an edge only looks through what it keeps."""
    work, urls = probe.work or WorkingSet(), tuple[KnownUrl, ...]()
    try:
        core.permit(probe.tenant, Activity.DELIVER, Place(name="edge", region=region))
    except MediaError:
        pass
    else:
        async with core.database.read() as connection:
            urls = await working_sets.as_of_now(core, connection, probe.tenant, work)
    return EdgeProbe(id=probe.id, tenant=probe.tenant, seq=max(probe.seqs, default=0), aids=work.aids, urls=urls)
