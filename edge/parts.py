"""How the parts of a worker hang together. Nothing is started here, and nothing waits."""

from __future__ import annotations

import time
from dataclasses import dataclass

from domicile.media.policy import Place
from domicile.service.gate.peer import PeerClient
from domicile.service.gate.wire import WireClient
from domicile.service.pool import DecoderPool
from edge.app import App
from edge.deliver import Deliverer
from edge.fill import Filler
from edge.flight import Flights
from edge.health import doors
from edge.link import NodeLink, TenantState
from edge.lookup import Lookup
from edge.metrics import Counters
from edge.names import Negatives, Verdicts
from edge.open_responses import OpenResponses
from edge.peer_door import PeerDoor
from edge.permits import Permits
from edge.plain import Door
from edge.refusals import Refusals
from edge.settings import EdgeSettings
from edge.store.disk import DiskStore
from edge.store.memory import MemoryStore
from edge.tiers import Tiers
from edge.upstream import Upstream


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What faces the outside: viewers, other workers, the journal."""

    app: App
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


def assemble(settings: EdgeSettings, slot: int, outside: Outside) -> Parts:
    """Everything of one worker, on the wall clock and the monotonic clock of the machine."""
    link, counters, disk, flights = outside.link, outside.counters, outside.disk, outside.flights
    limits, workers = settings.media.limits(), settings.worker_count
    memory = MemoryStore(
        bytes_max=settings.cache.ram_bytes_max // workers,
        object_bytes_max=settings.cache.ram_object_bytes_max,
        count=counters.add,
    )

    def tenant_of(tenant: str) -> TenantState | None:
        return link.tenants.get(tenant)  # looked up every time: a snapshot of the node brings another mapping

    lookup = Lookup(memory=memory, disk=disk, tenant_of=tenant_of)
    permits = Permits(Place(name="edge", region=settings.region), clock=time.time)
    negatives, verdicts, refusals, responses = Negatives(), Verdicts(), Refusals(), OpenResponses()
    upstream = Upstream(
        outside.wire,
        permits=permits,
        negatives=negatives,
        count=counters.add,
        region=settings.region,
        source_bytes_max=limits.source_bytes_max,
        clock=time.monotonic,
    )
    filler = Filler(
        upstream=upstream,
        lookup=lookup,
        pool=outside.pool,
        permits=permits,
        refusals=refusals,
        reporter=link,
        limits=limits,
        count=counters.add,
        wall_clock=time.time,
        clock=time.monotonic,
    )
    deliverer = Deliverer(
        link=link,
        slot=slot,
        owners=link.page,
        lookup=lookup,
        flights=flights,
        filler=filler,
        upstream=upstream,
        peers=outside.peers if workers > 1 else None,
        permits=permits,
        negatives=negatives,
        refusals=refusals,
        verdicts=verdicts,
        limits=limits,
        count=counters.add,
        wall_clock=time.time,
        clock=time.monotonic,
    )
    seconds_max = settings.delivery.progress_seconds_max
    return Parts(
        app=App(
            deliverer=deliverer,
            responses=responses,
            counters=counters,
            region=settings.region,
            hosts=frozenset(host.lower() for host in settings.delivery.hosts),
            progress_seconds_max=seconds_max,
            purge=outside.purge,
            services=doors(link),
        ),
        door=PeerDoor(deliverer=deliverer, responses=responses, counters=counters, progress_seconds_max=seconds_max),
        tiers=Tiers(
            lookup=lookup,
            flights=flights,
            negatives=negatives,
            refusals=refusals,
            verdicts=verdicts,
            permits=permits,
            responses=responses,
            pool=outside.pool,
            counters=counters,
        ),
    )
