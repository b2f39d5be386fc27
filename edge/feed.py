"""What an answer of the journal does to a node: durable in node.db -> counted -> workers told, as `edge.journal` decides.

Entries that announce a policy, and tenants that have to start again, need a fresh lease beside it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable

import structlog

from domicile.media.errors import UpstreamUnavailable
from domicile.media.journal import Entry, Kind
from domicile.media.wire import JournalAnswer, LeaseAnswer
from edge.journal import may_resync, sort
from edge.node import Node
from edge.nodedb import BASE_EVERY, NodeDb, NoRoom
from edge.tenure import Asked, Tenure

log = structlog.get_logger("edge.feed")


class Feed:
    """Entries as they come to one node."""

    def __init__(
        self,
        node: Node,
        db: NodeDb,
        tenure: Tenure,
        *,
        renew: Callable[[], Awaitable[Asked]],
        accept: Callable[[Asked], Awaitable[None]],
        applied: Callable[[], None],
    ) -> None:
        """`renew` asks for a lease, `accept` takes it; `applied`: there is something to ack."""
        self._node = node
        self._db = db
        self._tenure = tenure
        self._renew = renew
        self._accept = accept
        self._applied = applied
        self._since_base: dict[str, int] = {}

    async def take(self, answer: JournalAnswer) -> None:
        """Apply what came; under the agent's lock. MediaError: what was applied by then is durable, the rest not."""
        good, resync, refused = sort(self._node.cursors(), answer)
        renewed = await self._renewed_for(good, resync)
        if good:
            await self._db.append(good)
        if renewed is not None:
            self._tenure.announce(renewed.answer)
        for entry in good:
            self._node.apply(entry)
        if good:
            self._applied()
        for name in refused:
            await self._tenure.refuse(name)
        if renewed is not None:
            for name in resync:
                await self._resync(name, renewed.answer)
            await self._accept(renewed)
        self._tenure.settle()
        if resync or refused:
            self._applied()
        await self._rebase(good)

    async def _renewed_for(self, good: Iterable[Entry], resync: set[str]) -> Asked | None:
        """A fresh lease, when a new policy or a new start needs one."""
        revisions: dict[str, int] = {}
        for entry in good:
            grant = self._node.tenants[entry.tenant].grant
            if entry.kind == Kind.CONFIG and grant is not None and grant.config_revision < entry.config_revision:
                revisions[entry.tenant] = entry.config_revision
        if not revisions and not resync:
            return None
        asked = await self._renew()
        for lease in asked.answer.tenants:
            if lease.config_revision < revisions.get(lease.tenant, 0):
                raise UpstreamUnavailable("The origin announced a policy that it does not grant yet")
        return asked

    async def _resync(self, name: str, answer: LeaseAnswer) -> None:
        """Start a tenant again at the head of a fresh lease, if that is not behind what this node knows."""
        tenant = self._node.tenants[name]
        lease = next((lease for lease in answer.tenants if lease.tenant == name), None)
        if lease is None:
            return  # withdrawn: `accept` sees to it
        if not may_resync(tenant.cursor, lease.head):
            await self._tenure.refuse(name)
            return
        await self._db.save(name, lease.head, tenant.fence.restarted(lease.head), lease.head.epoch)
        log.warning("cache_dropped", seq=lease.head.seq)
        self._node.restart(tenant, lease.head)

    async def _rebase(self, good: Iterable[Entry]) -> None:
        for entry in good:
            self._since_base[entry.tenant] = self._since_base.get(entry.tenant, 0) + 1
        for name, count in tuple(self._since_base.items()):
            if count >= BASE_EVERY and name in self._node.tenants:
                del self._since_base[name]
                with contextlib.suppress(NoRoom):  # a start replays more, that is all
                    await self._db.rebase(name, self._node.tenants[name].fence.state())
