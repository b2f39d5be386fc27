"""The agent process: what it is made of, in the order it is started and stopped."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import structlog
from prometheus_client import generate_latest

from domicile import __version__
from domicile.media.errors import BadRequest, Overloaded
from domicile.media.policy import Place
from domicile.media.wire import PurgeRelay, Relayed
from domicile.service.gate.peer import PeerClient
from domicile.service.gate.probe import ProbeClient
from domicile.service.gate.wire import WireClient
from domicile.service.metrics import new_registry
from domicile.service.settings import BadSetting
from edge import generation, logs, origin_wire, restart
from edge.agent import Agent
from edge.desk import Desk
from edge.exporter import NodeCollector, Scrape
from edge.keyring import Keyring
from edge.members import Members
from edge.node import Node
from edge.nodedb import NodeDb, NoRoom
from edge.numbers import NodeNumbers
from edge.page import SharedPage
from edge.probing import Probing, own_door, own_tls
from edge.rates import TokenBucket
from edge.register import Register
from edge.reports import Reports
from edge.reserve import Reserve
from edge.settings import EdgeSettings
from edge.starts import Identity
from edge.stock import Stock
from edge.store.files import Files
from edge.tenure import Tenure

PLACE = "edge"
DATABASE = "node.db"
LOOK_SECONDS_MAX = 2.0
"""For a worker's answer when it is asked what it keeps."""
FULL_SECONDS = 1.0
"""Between two tries to open node.db on a full disk."""

log = structlog.get_logger("edge.agent")


async def serve(
    settings: EdgeSettings, *, boot: str, stopping: asyncio.Event, load: Callable[[], EdgeSettings]
) -> None:
    """Run the agent until `stopping` is set; then give the lease back. `boot`: random id of the node's start. `load`: the
    settings as they are when it is called.
    """
    async with AsyncExitStack() as stack:
        page = SharedPage.open(settings.page_path)
        stack.callback(page.close)
        reserve = Reserve(settings.cache_path)
        db = await stack.enter_async_context(_database(settings.cache_path / DATABASE, reserve))
        wire = await stack.enter_async_context(origin_wire.origin_wire(settings))
        peers = await stack.enter_async_context(
            PeerClient.open(settings.worker_socket, answer_seconds_max=LOOK_SECONDS_MAX)
        )
        own = await stack.enter_async_context(ProbeClient.open(own_tls()))
        members = Members(page)
        stack.callback(members.close)
        identity = Identity(
            node=await db.node_id(),
            boot=boot,
            region=settings.region,
            authorities=settings.authority_names(settings.port),
        )
        parts = _assemble(settings, identity, page, db, wire, members, reserve=reserve, load=load)
        probing = Probing(
            identity=lambda: parts.agent.starts.identity,
            node=parts.node,
            page=page,
            keyring=parts.keyring,
            wire=wire,
            peers=peers,
            own=own,
            door=own_door(settings),
        )
        await parts.agent.start()
        await parts.register.start()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(parts.desk.serve(settings.agent_socket)),
                group.create_task(parts.agent.run()),
                group.create_task(parts.register.run()),
                group.create_task(parts.reports.run()),
                group.create_task(probing.run()),
                group.create_task(parts.stock.run()),
                group.create_task(reserve.run()),
                group.create_task(generation.watch(parts.agent.starts.begin_anew)),
            ]
            await stopping.wait()
            for task in tasks:
                task.cancel()
        await parts.agent.release()
        await parts.register.flush()


@dataclass(slots=True, kw_only=True)
class Renewal:
    """How the agent goes on by other settings. Lease and keys stay where they are: there is no moment without them."""

    load: Callable[[], EdgeSettings]
    settings: EdgeSettings
    wire: WireClient
    agent: Agent
    tenure: Tenure
    keyring: Keyring
    register: Register
    purges: TokenBucket

    async def renew(self) -> None:
        """Takes over all that `restart.fixed` does not name. Raises BadRequest: nothing was changed."""
        try:
            settings = self.load()
            restart.check(self.settings, settings)
            await origin_wire.renew(self.wire, settings)
        except (BadSetting, restart.Refused) as bad:
            raise BadRequest(str(bad)) from bad
        starts = self.agent.starts
        starts.identity = replace(starts.identity, authorities=settings.authority_names(settings.port))
        self.tenure.locked_seconds_max = settings.node.locked_seconds_max
        self.keyring.allow(settings.node.keyring_keys_max)
        self.register.objects_max = settings.node.objects_max
        self.purges.allow(per_second=settings.purge.per_second, burst=settings.purge.burst)
        self.settings = settings
        logs.configure(logs.AGENT, settings)
        log.info("settings_renewed")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    node: Node
    keyring: Keyring
    agent: Agent
    register: Register
    reports: Reports
    stock: Stock
    desk: Desk


@asynccontextmanager
async def _database(path: Path, reserve: Reserve) -> AsyncIterator[NodeDb]:
    """`node.db`, with its reserve beside it. On a disk that is full for good, waits until somebody makes room."""
    await asyncio.to_thread(reserve.keep)
    db = NodeDb(path, give_room=reserve.spend)
    try:
        while True:
            try:
                await db.open()
                await db.node_id()
                break
            except NoRoom:
                log.warning("disk_full")
                await asyncio.sleep(FULL_SECONDS)
        yield db
    finally:
        await db.close()


def _assemble(
    settings: EdgeSettings,
    identity: Identity,
    page: SharedPage,
    db: NodeDb,
    wire: WireClient,
    members: Members,
    *,
    reserve: Reserve,
    load: Callable[[], EdgeSettings],
    wall_clock: Callable[[], float] = time.time,
) -> _Parts:
    keyring = Keyring(settings.node.keyring_keys_max)
    node = Node(page, keyring, agent=secrets.randbits(63) | 1)
    tenure = Tenure(node, db, locked_seconds_max=settings.node.locked_seconds_max, wall_clock=wall_clock)
    agent = Agent(identity, node, db, wire, members, tenure)
    register = Register(node, db, keyring, objects_max=settings.node.objects_max)
    place = Place(name=PLACE, region=settings.region)
    reports = Reports(node, wire, node_id=identity.node, place=place)
    stock = Stock(
        node,
        db,
        wire,
        Files(settings.cache_path, slot=0, workers=1),
        node_id=identity.node,
        place=place,
        seconds=settings.node.stock_seconds,
        flush=register.flush,
    )
    loop = asyncio.get_running_loop()
    bucket = TokenBucket(per_second=settings.purge.per_second, burst=settings.purge.burst, now=loop.time())

    async def relay(call: PurgeRelay) -> Relayed:
        if not bucket.take(loop.time()):
            raise Overloaded("Too many purge calls")
        return await wire.purge(msgspec.structs.replace(call, node=identity.node, region=identity.region))

    numbers = NodeNumbers(
        node=node,
        agent=agent,
        members=members,
        keyring=keyring,
        register=register,
        reports=reports,
        reserve=reserve,
    )
    registry = new_registry(tier="edge", version=__version__, region=settings.region)
    registry.register(NodeCollector(page, numbers.numbers))
    renewal = Renewal(
        load=load,
        settings=settings,
        wire=wire,
        agent=agent,
        tenure=tenure,
        keyring=keyring,
        register=register,
        purges=bucket,
    )
    desk = Desk(
        node,
        members,
        register,
        relay=relay,
        report=reports.add,
        discover=agent.discover,
        scrape=Scrape(lambda: generate_latest(registry), clock=loop.time).text,
        status=numbers.status,
        renew=renewal.renew,
    )
    return _Parts(node=node, keyring=keyring, agent=agent, register=register, reports=reports, stock=stock, desk=desk)
