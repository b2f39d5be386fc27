"""A worker's side of its node: may it serve, what has changed, what opens which object.

    async with NodeLink.open(settings, slot=0, boot=boot) as link:
        link.on_entry = drop_and_abort           # called for each entry, after the fence has it
        link.on_lock = drop_keys_and_memory      # the lease is lost
        ...
        if not link.serving() and not await link.wait_current(): answer 503

`serving()` is four loads and two compares, and is asked before each response and each piece of it. An agent that is gone
changes nothing until the lease runs out; then `serving()` is False and stays so until there is a new lease and this
worker has taken everything up to it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

import structlog

from domicile.media.asset import Aid, NameHash
from domicile.media.errors import MediaError
from domicile.media.journal import Entry, Fence, Kind
from domicile.media.pending import read_named
from domicile.media.policy import PolicyError, ResidencyPolicy
from domicile.media.policy_file import from_mapping
from domicile.media.wire import PurgeRelay, Relayed, Rendition
from edge import messages
from edge.channel import Channel
from edge.messages import KeyRecord, NodeStatus, Numbered, Snapshot, StoredObject, TenantGrant
from edge.metrics import Count, Counters
from edge.page import SharedPage, boottime_ns
from edge.settings import EdgeSettings

CATCH_UP_SECONDS_MAX = 1.0
"""Longest wait of a response for this worker to take what the agent has sent; then it is a 503."""

CATCH_UP_POLL_SECONDS = 0.001
WATCH_SECONDS = 0.05
"""How often the end of the lease is looked for, for the sake of dropping keys; serving stops at the very moment."""

CALL_SECONDS_MAX = 1.0
PURGE_SECONDS_MAX = 15.0
REPORTS_MAX = 2048
"""Renditions waiting to be reported; more are not reported."""
REPORT_BATCH_MAX = 256
REPORT_SECONDS = 1.0
LINES_MAX = 1_000_000
"""Objects taken from `list_objects`."""

log = structlog.get_logger("edge.link")


class TenantState:
    """What this worker knows of one tenant that the node may serve. Replaced fields, one object for good."""

    __slots__ = ("config_revision", "epoch_floor", "fence", "file_key", "home", "name_key", "named", "policy", "tenant")

    def __init__(self, grant: TenantGrant, fence: Fence) -> None:
        self.tenant = grant.tenant
        self.fence = fence
        self.config_revision = 0
        self.take(grant)

    def take(self, grant: TenantGrant) -> None:
        """New keys, policy or revision. PolicyError when the policy says what this edge does not understand."""
        self.policy: ResidencyPolicy = from_mapping(grant.policy, home=grant.home)
        self.named = read_named(grant.named)
        self.name_key = grant.name_key
        self.file_key = grant.file_key
        self.home = grant.home
        self.epoch_floor = grant.epoch_floor
        self.config_revision = max(self.config_revision, grant.config_revision)

    def fresh(self, epoch: int, sequence: int, contributors: Iterable[Aid], names: Iterable[NameHash] = ()) -> bool:
        """May bytes read at (epoch, sequence) be served or stored? The fence's answer, and no dropped history."""
        return epoch >= self.epoch_floor and self.fence.fresh(sequence, contributors, names)


async def _no_entry(entry: Entry) -> None:
    """Nothing is kept yet, so nothing is to be dropped."""


def _no_lock() -> None:
    """See `_no_entry`."""


class NodeLink:
    """One worker's link to the node. See the head of the file."""

    def __init__(self, settings: EdgeSettings, page: SharedPage, *, slot: int, boot: int) -> None:
        """For `open` and for tests that play the agent."""
        self.tenants: dict[str, TenantState] = {}
        """Tenants this node may serve now; a cloud that is missing here does not exist, or is refused."""
        self.on_entry: Callable[[Entry], Awaitable[None]] = _no_entry
        """Set by the delivery. Called in order after the fence has applied the entry; must drop what the entry fences
        from memory and abort open responses of it, quickly: a worker that does not move for a second is killed.
        A lost history comes as an entry of kind ALL."""
        self.on_lock: Callable[[], None] = _no_lock
        """Set by the delivery. The lease is lost: drop keys and everything in memory."""
        self.page = page
        self.slot = page.slots[slot]
        self.counters = Counters(self.slot.counters)
        self._boot = boot
        self._applied = 0
        self._agent = 0
        self._locked = False
        self._channel = Channel(settings.agent_socket, join=self._join, take=self._take)
        self._reports: asyncio.Queue[Rendition] = asyncio.Queue(maxsize=REPORTS_MAX)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: EdgeSettings, *, slot: int, boot: int) -> AsyncIterator[NodeLink]:
        """Claim the slot and keep in touch with the agent until the block ends."""
        page = SharedPage.open(settings.page_path)
        try:
            link = cls(settings, page, slot=slot, boot=boot)
            link.slot.claim(os.getpid(), boot)
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(link._channel.run()),
                    group.create_task(link._watch()),
                    group.create_task(link._send_reports()),
                ]
                try:
                    yield link
                finally:
                    link.slot.listening = False
                    for task in tasks:
                        task.cancel()
        finally:
            page.close()

    # --- may this worker serve? -------------------------------------------------------------------------------------

    def serving(self) -> bool:
        """Does the node hold a lease, and has this worker taken everything in? Asked before each piece."""
        page = self.page
        return page.lease_deadline_ns > boottime_ns() and self._applied == page.applied and not self._locked

    async def wait_current(self) -> bool:
        """Wait until `serving()`, at most CATCH_UP_SECONDS_MAX while events are on their way; False means 503.

        Without a lease it does not wait.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + CATCH_UP_SECONDS_MAX
        while not self.serving():
            if self.page.lease_deadline_ns <= boottime_ns() or loop.time() >= until:
                return False
            await asyncio.sleep(CATCH_UP_POLL_SECONDS)
        return True

    @property
    def applied(self) -> int:
        """Number of the last event taken in."""
        return self._applied

    def listening(self) -> None:
        """Say that this worker accepts connections now: it becomes an owner, and the node can be ready."""
        self.slot.listening = True

    # --- what opens which object ------------------------------------------------------------------------------------

    async def keyring_get(self, file_name: str) -> KeyRecord | None:
        """The key of a cached object; None when it is not known, was purged, or the agent is away.

        The agent forgets all keys when it restarts. What `resolve` gives opens the same file, and `stored` makes it
        known again.
        """
        try:
            found = await self._channel.call(
                messages.KeyringGet(file_name=file_name), messages.Key, seconds_max=CALL_SECONDS_MAX
            )
        except MediaError:
            return None
        return found.record

    async def stored(self, record: StoredObject) -> bool:
        """Register an object before its file gets its final name. False: fenced meanwhile or agent away; do not keep."""
        try:
            done = await self._channel.call(messages.Store(record=record), messages.Yes, seconds_max=CALL_SECONDS_MAX)
        except MediaError:
            return False
        return done.ok

    async def forget(self, file_names: Iterable[str]) -> None:
        """These files are gone. Best effort: a row without its file does no harm."""
        names = tuple(file_names)
        try:
            for start in range(0, len(names), messages.FORGET_MAX):
                part = names[start : start + messages.FORGET_MAX]
                await self._channel.call(messages.Forget(file_names=part), messages.Yes, seconds_max=CALL_SECONDS_MAX)
        except MediaError as away:
            log.info("forget_not_told", reason=type(away).__name__)

    async def list_objects(self, slot: int) -> list[StoredObject]:
        """Registered objects that `rendezvous.owner_of` gives to `slot` of the configured slots, without keys.

        Empty when the agent is away.
        """
        found: list[StoredObject] = []
        after = ""
        try:
            while len(found) < LINES_MAX:
                part = await self._channel.call(
                    messages.ListObjects(slot=slot, after=after), messages.Objects, seconds_max=10 * CALL_SECONDS_MAX
                )
                found.extend(part.objects)
                after = part.after
                if not after:
                    break
        except MediaError as away:
            log.warning("objects_not_listed", reason=type(away).__name__)
        return found

    # --- towards the origin, through the agent ----------------------------------------------------------------------

    async def report(self, rendition: Rendition) -> None:
        """Say that a rendition was made; queued, batched, best effort. Never waits."""
        try:
            self._reports.put_nowait(rendition)
        except asyncio.QueueFull:
            self.counters.add(Count.REPORTS_DROPPED)

    async def relay_purge(self, relay: PurgeRelay) -> Relayed:
        """Hand a signed purge to the origin, unread. Overloaded above the node's rate; UpstreamUnavailable."""
        answer = await self._channel.call(
            messages.RelayPurge(relay=relay), messages.Answered, seconds_max=PURGE_SECONDS_MAX
        )
        return answer.relayed

    async def discover(self, cloud: str) -> bool:
        """Is this cloud served now? Asks the agent to renew early for one that was just created; the agent bounds how often."""
        if cloud in self.tenants:
            return True
        try:
            await self._channel.call(messages.Discover(), messages.Yes, seconds_max=CALL_SECONDS_MAX)
        except MediaError:
            return False
        await self.wait_current()
        return cloud in self.tenants

    async def metrics_text(self) -> bytes:
        """Metrics of the whole node. UpstreamUnavailable."""
        return (await self._channel.call(messages.Scrape(), messages.Text, seconds_max=5 * CALL_SECONDS_MAX)).body

    async def status(self) -> NodeStatus:
        """How the node stands. UpstreamUnavailable."""
        return (await self._channel.call(messages.Status(), messages.Stand, seconds_max=CALL_SECONDS_MAX)).status

    # --- events -----------------------------------------------------------------------------------------------------

    def _join(self) -> messages.Join:
        return messages.Join(slot=self.slot.index, boot=self._boot, agent=self._agent, number=self._applied)

    async def _take(self, value: Snapshot | Numbered) -> None:
        """Take one event in; only when everything it fences is gone does the slot say so."""
        match value:
            case Snapshot():
                await self._take_snapshot(value)
                self._agent = value.agent
                self._locked = False
            case Numbered(number=number, event=event):
                if number != self._applied + 1:
                    self._start_over()
                    return
                await self._take_event(event)
        self._applied = value.number
        self.slot.applied = value.number

    async def _take_snapshot(self, snapshot: Snapshot) -> None:
        """Everything anew. A tenant whose history moved on while we were apart is dropped as a whole."""
        before, self.tenants = self.tenants, {}
        for granted in snapshot.tenants:
            assert granted.fence is not None
            self._grant(granted, None)
            known = before.pop(granted.grant.tenant, None)
            if known is not None and (known.fence.applied, known.fence.epoch) != (
                granted.fence.applied,
                granted.fence.epoch,
            ):
                await self.on_entry(_everything(granted.grant.tenant, self.tenants[granted.grant.tenant].fence))
        for state in before.values():
            await self.on_entry(_everything(state.tenant, state.fence))

    async def _take_event(self, event: messages.Event) -> None:
        match event:
            case messages.Granted():
                self._grant(event, self.tenants.get(event.grant.tenant))
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
                if state is not None:
                    await self.on_entry(_everything(tenant, state.fence))

    def _grant(self, granted: messages.Granted, known: TenantState | None) -> None:
        tenant = granted.grant.tenant
        try:
            if granted.fence is not None:
                self.tenants[tenant] = TenantState(granted.grant, Fence.restored(granted.fence))
            elif known is not None:
                known.take(granted.grant)
        except PolicyError as unknown:  # a newer origin's policy: a tenant we cannot judge is not served
            log.warning("policy_not_understood", reason=str(unknown))
            self.tenants.pop(tenant, None)

    # --- background -------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """At the end of the lease, drop keys and memory. (The agent moves the deadline before it grants anew.)"""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self.tenants and self.page.lease_deadline_ns <= boottime_ns():
                log.warning("lease_lost")
                self.counters.add(Count.LOCKS)
                self._start_over()

    def _start_over(self) -> None:
        """Forget keys and memory and join again from nothing; until the snapshot is taken, nothing is served."""
        self._locked = True
        self._agent = 0
        self.tenants.clear()
        self.on_lock()
        self._channel.hang_up()

    async def _send_reports(self) -> None:
        while True:
            batch = [await self._reports.get()]
            await asyncio.sleep(REPORT_SECONDS)
            while len(batch) < REPORT_BATCH_MAX and not self._reports.empty():
                batch.append(self._reports.get_nowait())
            try:
                await self._channel.call(
                    messages.Report(renditions=tuple(batch)), messages.Yes, seconds_max=CALL_SECONDS_MAX
                )
            except MediaError as away:
                log.info("renditions_not_reported", count=len(batch), reason=type(away).__name__)


def _everything(tenant: str, fence: Fence) -> Entry:
    """What the delivery is told when a tenant's history was lost: drop all of it."""
    return Entry(tenant=tenant, epoch=fence.epoch, seq=fence.applied, kind=Kind.ALL)
