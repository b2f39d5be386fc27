"""The agent process: what it is made of, in the order it is started and stopped."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass

import msgspec
from prometheus_client import generate_latest

from domicile import __version__
from domicile.media.errors import Overloaded
from domicile.media.policy import Place
from domicile.media.wire import PurgeRelay, Relayed
from domicile.service.gate.wire import ClientCertificate, WireClient, WireLimits
from domicile.service.metrics import new_registry
from edge.agent import Agent, Identity
from edge.desk import Desk
from edge.exporter import NodeCollector
from edge.keyring import Keyring
from edge.members import Members
from edge.messages import NodeStatus
from edge.node import Node
from edge.nodedb import NodeDb
from edge.page import SharedPage
from edge.purge import TokenBucket
from edge.register import Register
from edge.reports import Reports
from edge.settings import EdgeSettings
from edge.tenure import Tenure

PLACE = "edge"
DATABASE = "node.db"


async def serve(settings: EdgeSettings, *, boot: str, stopping: asyncio.Event) -> None:
    """Run the agent until `stopping` is set; then give the lease back. `boot`: random id of the node's start."""
    async with AsyncExitStack() as stack:
        page = SharedPage.open(settings.page_path)
        stack.callback(page.close)
        db = NodeDb(settings.cache_path / DATABASE)
        await db.open()
        stack.push_async_callback(db.close)
        wire = await stack.enter_async_context(_wire(settings))
        members = Members(page)
        stack.callback(members.close)
        identity = Identity(
            node=await db.node_id(),
            boot=boot,
            region=settings.region,
            authorities=settings.authority_names(settings.port),
        )
        parts = _assemble(settings, identity, page, db, wire, members)
        await parts.agent.start()
        await parts.register.start()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(parts.desk.serve(settings.agent_socket)),
                group.create_task(parts.agent.run()),
                group.create_task(parts.register.run()),
                group.create_task(parts.reports.run()),
            ]
            await stopping.wait()
            for task in tasks:
                task.cancel()
        await parts.agent.release()
        await parts.register.flush()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    agent: Agent
    register: Register
    reports: Reports
    desk: Desk


def _assemble(
    settings: EdgeSettings, identity: Identity, page: SharedPage, db: NodeDb, wire: WireClient, members: Members
) -> _Parts:
    keyring = Keyring(settings.node.keyring_keys_max)
    node = Node(page, keyring, agent=secrets.randbits(63) | 1)
    tenure = Tenure(node, db, locked_seconds_max=settings.node.locked_seconds_max)
    agent = Agent(identity, node, db, wire, members, tenure)
    register = Register(node, db, keyring, objects_max=settings.node.objects_max)
    reports = Reports(node, wire, node_id=identity.node, place=Place(name=PLACE, region=settings.region))
    loop = asyncio.get_running_loop()
    bucket = TokenBucket(per_second=settings.purge.per_second, burst=settings.purge.burst, now=loop.time())

    async def relay(call: PurgeRelay) -> Relayed:
        if not bucket.take(loop.time()):
            raise Overloaded("Too many purge calls")
        return await wire.purge(msgspec.structs.replace(call, node=identity.node, region=identity.region))

    def status() -> NodeStatus:
        own = {name: tenant.refused for name, tenant in node.tenants.items() if tenant.refused}
        return NodeStatus(
            node=identity.node,
            region=identity.region,
            leased=tenure.leased,
            headroom_seconds=tenure.headroom_seconds,
            tenants=tuple(sorted(name for name, tenant in node.tenants.items() if tenant.grant is not None)),
            refused={**tenure.refused, **own},
            problem=agent.problem,
            heads=node.cursors(),
            workers_alive=members.alive(),
        )

    def own_numbers() -> dict[str, float]:
        stand = status()
        return {
            "lease_headroom_seconds": stand.headroom_seconds,
            "journal_lag_entries": sum(tenure.lag.values()),
            "workers_alive": stand.workers_alive,
            "workers_configured": page.workers,
            "tenants_served": len(stand.tenants),
            "tenants_refused": len(stand.refused),
            "keyring_keys": len(keyring),
            "registered_objects": register.count,
            "events_applied": page.applied,
            "workers_killed_total": members.killed,
            "lease_renewals_total": agent.renewals,
            "journal_acks_total": agent.acks,
            "agent_origin_failures_total": agent.failures,
            "reports_lost_total": reports.dropped,
        }

    registry = new_registry(tier="edge", version=__version__, region=settings.region)
    registry.register(NodeCollector(page, own_numbers))
    desk = Desk(
        node,
        members,
        register,
        relay=relay,
        report=reports.add,
        discover=agent.discover,
        scrape=lambda: generate_latest(registry),
        status=status,
    )
    return _Parts(agent=agent, register=register, reports=reports, desk=desk)


def _wire(settings: EdgeSettings) -> AbstractAsyncContextManager[WireClient]:
    origin = settings.origin
    return WireClient.open(
        origin.base,
        region=settings.region,
        limits=WireLimits(
            connect_seconds_max=origin.connect_seconds_max,
            read_seconds_max=origin.read_seconds_max,
            connections_max=origin.connections_max,
        ),
        certificate=ClientCertificate(
            ca_file=origin.ca_file,
            certificate_file=origin.certificate_file,
            key_file=origin.key_file,
            key_password=origin.key_password,
        ),
    )
