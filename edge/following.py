"""What a worker knows of the node's tenants: grants, fences, and what becomes of both as events come.

It is told; it asks nobody. Whether the node may serve at all, and where events come from, is `link`'s.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog

from domicile.media.asset import Aid, NameHash
from domicile.media.journal import Entry, Fence, Kind
from domicile.media.pending import read_named
from domicile.media.policy import PolicyError, ResidencyPolicy
from domicile.media.policy_file import from_mapping
from edge import messages
from edge.counters import Counters
from edge.messages import TenantGrant, Waiting
from edge.metrics import Count

log = structlog.get_logger("edge.following")


class TenantState:
    """What this worker knows of one tenant that the node may serve. Replaced fields, one object for good."""

    __slots__ = (
        "allowed", "config_revision", "epoch_floor", "fence", "file_key", "home", "name_key", "named", "policy", "tenant",
        "token_keys",
    )  # fmt: skip

    def __init__(self, grant: TenantGrant, fence: Fence) -> None:
        self.tenant = grant.tenant
        self.fence = fence
        self.config_revision = 0
        self.take(grant)

    def take(self, grant: TenantGrant) -> None:
        """New keys, policy or revision. PolicyError when the policy says what this edge does not understand."""
        self.policy: ResidencyPolicy = from_mapping(grant.policy, home=grant.home)
        self.named = read_named(grant.named)
        self.allowed = frozenset(grant.allowed)
        self.name_key = grant.name_key
        self.token_keys = grant.token_keys
        self.file_key = grant.file_key
        self.home = grant.home
        self.epoch_floor = grant.epoch_floor
        self.config_revision = max(self.config_revision, grant.config_revision)

    @property
    def stands_at(self) -> tuple[int, int, int, int]:
        """How far its history is taken in, and from where on; two states of one tenant that agree here judge alike."""
        return self.fence.epoch, self.fence.applied, self.fence.floor, self.epoch_floor

    def fresh(self, epoch: int, sequence: int, contributors: Iterable[Aid], names: Iterable[NameHash] = ()) -> bool:
        """May bytes read at (epoch, sequence) be served or stored? The fence's answer, and no dropped history."""
        return epoch >= self.epoch_floor and self.fence.fresh(sequence, contributors, names)


async def _no_entry(entry: Entry) -> None:
    """Nothing is kept yet, so nothing is to be dropped."""


def _no_lock() -> None:
    """See `_no_entry`."""


class Following:
    """The tenants of one worker, kept current by snapshots and events in order."""

    def __init__(self, counters: Counters) -> None:
        self.tenants: dict[str, TenantState] = {}
        """Tenants this node may serve now. A cloud that is missing here does not exist or is refused, if `discover`
        says so; else nobody can tell.
        """
        self.waiting: set[str] = set()
        """Tenants that the node follows and holds no grant of now; their files stay."""
        self.on_entry: Callable[[Entry], Awaitable[None]] = _no_entry
        """Set by the delivery. Called in order after the fence has applied the entry; must drop what the entry fences
        from memory and abort open responses of it, quickly: a worker that does not move for a second is killed.
        A lost history comes as an entry of kind ALL."""
        self.on_lock: Callable[[], None] = _no_lock
        """Set by the delivery. The lease is lost: drop keys and everything in memory."""
        self.counters = counters

    async def take_snapshot(self, granted: Sequence[messages.Granted], waiting: Sequence[Waiting]) -> None:
        """Everything anew: drop of each tenant what its fence forbids by now, and all of those that are withdrawn.

        A tenant that only waits for its grant (the agent has just started) goes on being served under the lease that
        still runs, if this worker has taken exactly the same history; if not, its memory goes and its files stay.
        """
        before, self.tenants = self.tenants, {}
        for one in granted:
            self._grant(one, None)
        waits = {one.tenant: (one.epoch, one.applied, one.floor, one.epoch_floor) for one in waiting}
        known = {name: before.pop(name) for name in waits if name in before}
        self.tenants |= {name: state for name, state in known.items() if state.stands_at == waits[name]}
        self.waiting = set(waits) - set(self.tenants)
        if self.waiting & set(known):
            self.on_lock()
        for one in granted:
            await self._settle(one, before.pop(one.grant.tenant, None))
        for state in before.values():
            await self.on_entry(_everything(state.tenant, state.fence))

    async def _settle(self, granted: messages.Granted, known: TenantState | None) -> None:
        """A grant brought a fence: drop what it forbids, unless this worker judged by the same one before."""
        assert granted.fence is not None
        tenant = granted.grant.tenant
        state = self.tenants.get(tenant)
        if known is None or state is None or known.stands_at != state.stands_at:
            await self.on_entry(_everything(tenant, Fence.restored(granted.fence)))

    async def take_event(self, event: messages.Event) -> None:
        match event:
            case messages.Granted():
                known = self.tenants.get(event.grant.tenant)
                self._grant(event, known)
                self.waiting.discard(event.grant.tenant)
                if event.fence is not None:
                    await self._settle(event, known)
            case messages.Applied(entry=entry):
                state = self.tenants.get(entry.tenant)
                if state is not None and entry.seq > state.fence.applied:  # a snapshot may hold it already
                    state.fence.apply(entry)
                    state.config_revision = max(state.config_revision, entry.config_revision)
                self.counters.add(Count.ENTRIES)
                await self.on_entry(entry)
            case messages.Dropped(tenant=tenant, fence=fence, epoch_floor=epoch_floor):
                state = self.tenants.get(tenant)
                restarted = Fence.restored(fence)
                if state is not None:
                    state.fence, state.epoch_floor = restarted, epoch_floor
                await self.on_entry(_everything(tenant, restarted))
            case messages.Withdrawn(tenant=tenant):
                state = self.tenants.pop(tenant, None)
                if state is not None or tenant in self.waiting:
                    self.waiting.discard(tenant)
                    await self.on_entry(_everything(tenant, Fence() if state is None else state.fence))

    def _grant(self, granted: messages.Granted, known: TenantState | None) -> None:
        tenant = granted.grant.tenant
        try:
            if granted.fence is not None:
                self.tenants[tenant] = TenantState(granted.grant, Fence.restored(granted.fence))
            elif known is not None:
                known.take(granted.grant)
        except PolicyError as unknown:  # a newer origin's policy: a tenant we cannot judge is not served
            log.warning("policy_not_understood", setting=unknown.field)  # its text shows values, and folders are names
            self.tenants.pop(tenant, None)


def _everything(tenant: str, fence: Fence) -> Entry:
    """What the delivery is told when a tenant's history was lost: drop all of it."""
    return Entry(tenant=tenant, epoch=fence.epoch, seq=fence.applied, kind=Kind.ALL)
