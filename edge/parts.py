"""How the parts of a worker hang together. Nothing is started here, and nothing waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from domicile.media.keys import file_name
from domicile.media.policy import Place
from domicile.service.gate.peer import PeerClient
from domicile.service.gate.tier import TierClient
from domicile.service.gate.wire import WireClient
from domicile.service.networks import read_networks
from domicile.service.pool import DecoderPool
from edge.app import App
from edge.counters import Counters
from edge.deliver import Deliverer
from edge.downstream import downstream_of
from edge.fetch import Fetcher
from edge.fill import Filler
from edge.flight import Flights
from edge.following import TenantState
from edge.front import fronts
from edge.health import doors
from edge.hosts import Hosts
from edge.hot import Hot
from edge.link import NodeLink
from edge.look import Looker
from edge.lookup import Lookup
from edge.names import Negatives, UnknownClouds, Verdicts
from edge.open_responses import InProgress, OpenResponses
from edge.originals import KeptOriginals
from edge.owner import Owners
from edge.parent import Parent
from edge.peer_door import PeerDoor
from edge.permits import Permits
from edge.plain import Door
from edge.rates import Rates
from edge.readings import Readings
from edge.refusals import Refusals
from edge.relay import Relay
from edge.search import Searches
from edge.settings import EdgeSettings
from edge.store.disk import DiskStore
from edge.store.memory import MemoryStore
from edge.store.port import Stored
from edge.tier_settings import REFUSE
from edge.tiers import Tiers
from edge.upstream import Upstream
from edge.wording import Wording


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What faces the outside: viewers, other workers, the journal."""

    app: App
    cdn_app: App | None
    """The same behind the CDN's own listener, where there is one."""
    door: PeerDoor
    tiers: Tiers


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What a worker is given: connections, processes, tasks. Whoever opened them closes them."""

    link: NodeLink
    counters: Counters
    wire: WireClient
    peers: PeerClient
    pool: DecoderPool
    disk: DiskStore | None
    flights: Flights
    purge: Door
    parent: TierClient | None = None
    wall_clock: Callable[[], float] = time.time
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the parts share and remember."""

    lookup: Lookup
    originals: KeptOriginals
    permits: Permits
    negatives: Negatives
    refusals: Refusals
    verdicts: Verdicts
    readings: Readings
    responses: OpenResponses


def assemble(settings: EdgeSettings, slot: int, outside: Outside) -> Parts:
    """Everything of one worker."""
    known = _known(settings, outside)
    deliverer = _deliverer(settings, slot, outside, known)
    counters, responses, in_progress = outside.counters, known.responses, InProgress()
    seconds_max = settings.delivery.progress_seconds_max
    hosts = Hosts(settings.delivery.hosts, settings.delivery.private_hosts)
    front, cdn_front = fronts(settings.cdn)
    wording = Wording(
        lookup=known.lookup,
        region=settings.region,
        wall_clock=outside.wall_clock,
        downstream=downstream_of(settings.cdn),
    )
    rates = _rates(settings)
    hot = Hot(
        lookup=known.lookup,
        permits=known.permits,
        responses=responses,
        counters=counters,
        node=outside.link,
        rates=rates,
        hosts=hosts,
        wording=wording,
        buffer_bytes_max=settings.delivery.write_buffer_bytes_max,
    )
    app = App(
        deliverer=deliverer,
        responses=responses,
        counters=counters,
        region=settings.region,
        hosts=hosts,
        wording=wording,
        hot=hot,
        progress_seconds_max=seconds_max,
        requests_max=settings.delivery.requests_max,
        rates=rates,
        in_progress=in_progress,
        probe_key=outside.link.page.probe_key,
        purge=outside.purge,
        searches=Searches(
            wire=outside.wire,
            permits=known.permits,
            region=settings.region,
            tenant=outside.link.tenants.get,
            discover=outside.link.discover,
        ),
        services=doors(outside.link, read_networks(settings.metrics_networks)),
        front=front,
    )
    door = _door(outside, known, deliverer, hot, progress_seconds_max=seconds_max)
    tiers = Tiers(
        lookup=known.lookup,
        originals=known.originals,
        flights=outside.flights,
        negatives=known.negatives,
        refusals=known.refusals,
        verdicts=known.verdicts,
        readings=known.readings,
        hot=hot,
        permits=known.permits,
        responses=responses,
        in_progress=in_progress,
        pool=outside.pool,
        counters=counters,
    )
    cdn_app = None if cdn_front is None else replace(app, front=cdn_front)
    return Parts(app=app, cdn_app=cdn_app, door=door, tiers=tiers)


def _rates(settings: EdgeSettings) -> Rates:
    """This worker's share of the node's."""
    delivery, workers = settings.delivery, settings.worker_count
    return Rates(
        per_second=delivery.tenant_requests_per_second / workers, burst=delivery.tenant_requests_burst / workers
    )


def _door(outside: Outside, known: _Known, deliverer: Deliverer, hot: Hot, *, progress_seconds_max: float) -> PeerDoor:
    return PeerDoor(
        deliverer=deliverer,
        looker=Looker(lookup=known.lookup, originals=known.originals, hot=hot, responses=known.responses),
        responses=known.responses,
        counters=outside.counters,
        progress_seconds_max=progress_seconds_max,
    )


def _known(settings: EdgeSettings, outside: Outside) -> _Known:
    link = outside.link

    def tenant_of(tenant: str) -> TenantState | None:
        return link.tenants.get(tenant)  # looked up every time: a snapshot of the node brings another mapping

    def proven(key: str, stored: Stored) -> None:
        """RAM answers for it, so that the disk would never hear how often it is asked for."""
        state = tenant_of(stored.head.tenant)
        if outside.disk is not None and state is not None:
            outside.disk.asked_again(file_name(state.file_key, key), stored.head.body_bytes)

    memory = MemoryStore(
        bytes_max=settings.cache.ram_bytes_max // settings.worker_count,
        object_bytes_max=settings.cache.ram_object_bytes_max,
        count=outside.counters.add,
        on_proven=proven,
    )
    lookup = Lookup(
        memory=memory,
        disk=outside.disk,
        tenant_of=tenant_of,
        is_waiting=lambda tenant: tenant in link.waiting,
        count=outside.counters.add,
    )
    return _Known(
        lookup=lookup,
        originals=KeptOriginals(
            bytes_max=settings.cache.originals_bytes_max // settings.worker_count,
            seconds_max=settings.cache.originals_seconds_max,
            is_fresh=lookup.is_fresh,
            clock=outside.clock,
        ),
        permits=Permits(Place(name="edge", region=settings.region), clock=outside.wall_clock),
        negatives=Negatives(),
        refusals=Refusals(),
        verdicts=Verdicts(),
        readings=Readings(),
        responses=OpenResponses(),
    )


def _deliverer(settings: EdgeSettings, slot: int, outside: Outside, known: _Known) -> Deliverer:
    upstream = _upstream(settings, outside, known)
    return Deliverer(
        link=outside.link,
        owners=_owners(slot, outside, known) if settings.worker_count > 1 else None,
        lookup=known.lookup,
        flights=outside.flights,
        filler=_filler(settings, outside, known, upstream),
        upstream=upstream,
        permits=known.permits,
        negatives=known.negatives,
        unknown=UnknownClouds(),
        refusals=known.refusals,
        verdicts=known.verdicts,
        readings=known.readings,
        limits=settings.media.limits(),
        count=outside.counters.add,
        wall_clock=outside.wall_clock,
        clock=outside.clock,
    )


def _parent(settings: EdgeSettings, outside: Outside, known: _Known) -> Parent | None:
    own = settings.tier
    if outside.parent is None or own.parent_region is None:
        return None
    return Parent(
        client=outside.parent,
        place=Place(name="parent", region=own.parent_region),
        region=settings.region,
        refuses_without=own.without_parent == REFUSE,
        retry_seconds=own.retry_seconds,
        lookup=known.lookup,
        count=outside.counters.add,
        clock=outside.clock,
        wall_clock=outside.wall_clock,
    )


def _owners(slot: int, outside: Outside, known: _Known) -> Owners:
    return Owners(
        peers=outside.peers,
        slot=slot,
        slots=outside.link.page,
        lookup=known.lookup,
        permits=known.permits,
        count=outside.counters.add,
    )


def _upstream(settings: EdgeSettings, outside: Outside, known: _Known) -> Upstream:
    return Upstream(
        outside.wire,
        permits=known.permits,
        negatives=known.negatives,
        count=outside.counters.add,
        region=settings.region,
        clock=outside.clock,
    )


def _filler(settings: EdgeSettings, outside: Outside, known: _Known, upstream: Upstream) -> Filler:
    return Filler(
        upstream=upstream,
        fetcher=Fetcher(
            outside.wire,
            permits=known.permits,
            kept=known.originals,
            count=outside.counters.add,
            source_bytes_max=settings.media.source_bytes_max,
            layers_bytes_max=settings.delivery.layers_bytes_max,
        ),
        relay=Relay(
            wire=outside.wire,
            permits=known.permits,
            count=outside.counters.add,
            bytes_min=settings.delivery.relayed_bytes_min,
        ),
        flights=outside.flights,
        lookup=known.lookup,
        pool=outside.pool,
        permits=known.permits,
        refusals=known.refusals,
        reporter=outside.link,
        parent=_parent(settings, outside, known),
        limits=settings.media.limits(),
        count=outside.counters.add,
        wall_clock=outside.wall_clock,
        clock=outside.clock,
    )
