"""The agent's half of a node in this process: page, node, keyring, database. Nothing here talks to anybody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from domicile.media.asset import Aid, NameHash
from domicile.media.journal import GENESIS, Head
from domicile.media.policy_file import from_mapping
from domicile.media.wire import TenantLease
from edge.keyring import Keyring
from edge.lease import NANOSECONDS
from edge.messages import StoredObject
from edge.node import Node
from edge.nodedb import NodeDb
from edge.page import SharedPage, boottime_ns
from edge.register import Register
from edge.tenure import Tenure

HOME = "eu-de"
HEAD = Head(epoch=1, seq=10, chain=GENESIS)


@dataclass(slots=True)
class AgentSide:
    page: SharedPage
    keyring: Keyring
    node: Node
    db: NodeDb
    tenure: Tenure
    register: Register


@asynccontextmanager
async def agent_side(directory: Path, *, workers: int = 1, objects_max: int = 100) -> AsyncIterator[AgentSide]:
    page = SharedPage.create(directory / "page", workers=workers, now_ns=boottime_ns)
    db = NodeDb(directory / "node.db", give_room=lambda: False)
    await db.open()
    try:
        keyring = Keyring(1000)
        node = Node(page, keyring, agent=1)
        yield AgentSide(
            page=page,
            keyring=keyring,
            node=node,
            db=db,
            tenure=Tenure(node, db, locked_seconds_max=600.0, wall_clock=lambda: page.now_ns() / NANOSECONDS),
            register=Register(node, db, keyring, objects_max=objects_max),
        )
    finally:
        await db.close()
        page.close()


def lease(
    tenant: str = "demo", head: Head = HEAD, *, config_revision: int = 1, file_key: bytes = b"f" * 32
) -> TenantLease:
    return TenantLease(
        tenant=tenant, head=head, name_key=b"n" * 32, file_key=file_key, config_revision=config_revision,
        policy=from_mapping({"tenant": tenant}, home=HOME).to_mapping(),
    )  # fmt: skip


def stored(name: str, *, tenant: str = "demo", aid: str = "a", sequence: int = 10, epoch: int = 1) -> StoredObject:
    return StoredObject(
        file_name=name, tenant=tenant, contributors=(Aid(aid * 32),), name=NameHash("1" * 32), epoch=epoch,
        sequence=sequence, config_revision=1, stored_at=5.0, body_bytes=3, content_key=b"key of " + name.encode(),
    )  # fmt: skip
