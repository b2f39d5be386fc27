"""What a node knows, in the agent's memory: tenants, fences, keys; and the numbered events that tell workers of changes.

Rules of the file: no await, no I/O. Each change is one event; an event is counted in the shared page before any worker
is told, so a worker that has not taken it serves nothing from that moment on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from domicile.media.journal import UNSEEN, Entry, Fence, Head, Kind
from domicile.media.wire import TenantLease
from edge.journal import after
from edge.keyring import Keyring
from edge.messages import (
    Applied,
    Dropped,
    Event,
    Granted,
    Numbered,
    Part,
    Snapshot,
    StoredObject,
    TenantGrant,
    Waiting,
    Withdrawn,
)
from edge.page import SharedPage

_PASSING = UNSEEN | {Kind.ASSET, Kind.RESTRICT, Kind.NAME, Kind.CONFIG}
"""Kinds of entries after which what was forbidden may come back; any other may be an erase, or stand for one."""
EVENTS_KEPT_MAX = 4096
"""Events kept for workers that reconnect; one that is further behind gets a snapshot."""


@dataclass(slots=True)
class Tenant:
    """One tenant as this node knows it. `grant` is None while there is no lease for it."""

    name: str
    cursor: Head
    fence: Fence
    epoch_floor: int
    grant: TenantGrant | None = None
    refused: str = ""
    """Why this node does not follow the origin's journal of it; empty when all is well."""


class Node:
    """State of one node. Only the agent's event loop touches it."""

    def __init__(self, page: SharedPage, keyring: Keyring, *, agent: int) -> None:
        """`agent`: random id of this start; workers of an older one must take a snapshot."""
        self.page = page
        self.keyring = keyring
        self.agent = agent
        self.tenants: dict[str, Tenant] = {}
        self._log: deque[Numbered] = deque(maxlen=EVENTS_KEPT_MAX)
        self._listeners: set[Callable[[], None]] = set()
        page.agent = agent
        page.applied += 1  # every worker must hear from this start before it serves

    # --- reading ----------------------------------------------------------------------------------------------------

    def cursors(self) -> dict[str, Head]:
        """How far each tenant that is followed has come."""
        return {name: tenant.cursor for name, tenant in self.tenants.items() if not tenant.refused}

    def fresh(self, record: StoredObject) -> bool:
        """May this object be kept? The fence's answer, at this moment."""
        tenant = self.tenants.get(record.tenant)
        return (
            tenant is not None
            and not tenant.refused
            and record.epoch >= tenant.epoch_floor
            and tenant.fence.fresh(record.sequence, record.contributors, (record.name,))
        )

    def events_after(self, agent: int, number: int) -> list[Numbered] | None:
        """What a worker that has taken `number` of start `agent` lacks; None when that is not kept: send a snapshot."""
        missing = self.page.applied - number
        if agent == self.agent and 0 <= missing <= len(self._log):
            return [self._log[at] for at in range(len(self._log) - missing, len(self._log))]
        return None

    def snapshot(self) -> tuple[Snapshot, tuple[Part, ...]]:
        """Everything as it stands now. Tenants that wait for their grant are told without key and fence."""
        followed = [tenant for tenant in self.tenants.values() if not tenant.refused]
        parts = tuple(
            Part(granted=Granted(grant=tenant.grant, fence=tenant.fence.state()))
            for tenant in followed
            if tenant.grant is not None
        )
        waiting = tuple(_waiting(tenant) for tenant in followed if tenant.grant is None)
        return Snapshot(number=self.page.applied, agent=self.agent, parts=len(parts), waiting=waiting), parts

    def listen(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` at each event; the answer ends that."""
        self._listeners.add(wake)
        return lambda: self._listeners.discard(wake)

    # --- changing ---------------------------------------------------------------------------------------------------

    def adopt(self, name: str, head: Head) -> Tenant:
        """A tenant that is new to this node: nothing is cached, so nothing before `head` matters."""
        self.tenants[name] = Tenant(name=name, cursor=head, fence=new_fence(head), epoch_floor=head.epoch)
        return self.tenants[name]

    def apply(self, entry: Entry) -> None:
        """The next entry, durable by now."""
        tenant = self.tenants[entry.tenant]
        tenant.fence.apply(entry)
        tenant.cursor = after(entry)
        self.keyring.apply(entry)
        if entry.kind not in _PASSING:
            self.page.erased += 1
        self._emit(Applied(entry=entry))

    def restart(self, tenant: Tenant, head: Head) -> None:
        """Drop the whole cache of a tenant and go on from `head`; tombstones stay."""
        tenant.fence = tenant.fence.restarted(head)
        tenant.cursor = head
        tenant.epoch_floor = head.epoch
        self.keyring.drop_tenant(tenant.name)
        self.page.erased += 1
        self._emit(Dropped(tenant=tenant.name, fence=tenant.fence.state(), epoch_floor=tenant.epoch_floor))

    def refuse(self, tenant: Tenant, reason: str) -> None:
        """Stop serving a tenant whose journal cannot be followed; cursor and tombstones stay, to judge by later."""
        if not tenant.refused:
            self.keyring.drop_tenant(tenant.name)
            tenant.grant = None
            self._emit(Withdrawn(tenant=tenant.name))
        tenant.refused = reason

    def withdraw(self, name: str) -> None:
        """The origin grants this tenant no longer."""
        self.keyring.drop_tenant(name)
        if self.tenants.pop(name, None) is not None:
            self._emit(Withdrawn(tenant=name))

    def grant(self, lease: TenantLease, *, home: str) -> None:
        """Let workers serve a tenant under these keys and this policy. Nothing happens when they have them already."""
        tenant = self.tenants[lease.tenant]
        grant = TenantGrant(
            tenant=lease.tenant,
            name_key=lease.name_key,
            file_key=lease.file_key,
            config_revision=lease.config_revision,
            policy=lease.policy,
            home=home,
            epoch_floor=tenant.epoch_floor,
            named=lease.named,
            allowed=lease.allowed,
            token_keys=lease.token_keys,
        )
        before, tenant.grant = tenant.grant, grant
        if before is None:
            self.keyring.unlock(lease.tenant, lease.file_key)
            self._emit(Granted(grant=grant, fence=tenant.fence.state()))
        elif before != grant:
            if before.file_key != grant.file_key:
                self.keyring.drop_tenant(lease.tenant)
            self._emit(Granted(grant=grant))

    def lock(self) -> None:
        """The lease is over: wrap the keys and forget what unwraps them. Workers see the deadline by themselves."""
        file_keys: Mapping[str, bytes] = {
            name: tenant.grant.file_key for name, tenant in self.tenants.items() if tenant.grant is not None
        }
        self.keyring.lock(file_keys)
        for tenant in self.tenants.values():
            tenant.grant = None
        self._log.clear()  # grants in it hold keys; whoever needs one of these events takes a snapshot

    def _emit(self, event: Event) -> None:
        number = self.page.applied + 1
        self._log.append(Numbered(number=number, event=event))
        self.page.applied = number
        for wake in tuple(self._listeners):
            wake()


def new_fence(head: Head) -> Fence:
    """Of a tenant that is new to a node: nothing that was read before `head` may be served."""
    return Fence(applied=head.seq, floor=head.seq, epoch=head.epoch)


def _waiting(tenant: Tenant) -> Waiting:
    fence = tenant.fence
    return Waiting(
        tenant=tenant.name,
        epoch=fence.epoch,
        applied=fence.applied,
        floor=fence.floor,
        epoch_floor=tenant.epoch_floor,
    )


class Wake:
    """An event that wakes one waiter and forgets; safe to set from anywhere in the loop."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def __call__(self) -> None:
        self._event.set()

    async def wait(self) -> None:
        await self._event.wait()
        self._event.clear()
