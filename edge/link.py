"""A worker's side of its node: may it serve, what has changed, what opens which object.

    async with NodeLink.open(settings, slot=0, boot=boot) as link:
        link.on_entry = drop_and_abort           # called for each entry, after the fence has it
        link.on_lock = drop_keys_and_memory      # the lease is lost
        ...
        link.on_current = ask_again              # everything is taken in
        if not link.serving() and not await link.wait_current(): answer 503

`serving()` is four loads and two compares, and is asked before each response and each piece of it. An agent that is gone
changes nothing until the lease runs out; then `serving()` is False and stays so until there is a new lease and this
worker has taken everything up to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import assert_never

import structlog

from domicile.media.errors import LeaseLost, MediaError, UpstreamUnavailable
from domicile.media.wire import PurgeRelay, Relayed, Rendition
from edge import messages
from edge.channel import Channel
from edge.counters import Counters
from edge.following import Following
from edge.messages import KeyRecord, NodeStatus, Numbered, Part, Snapshot, StoredObject, Told
from edge.metrics import Count
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

log = structlog.get_logger("edge.link")


def _nobody_waits() -> None:
    """Until the delivery says who does."""


class NodeLink(Following):
    """One worker's link to the node. See the head of the file."""

    def __init__(self, settings: EdgeSettings, page: SharedPage, *, slot: int, boot: int) -> None:
        """For `open` and for tests that play the agent."""
        self.page = page
        self.slot = page.slots[slot]
        super().__init__(Counters(self.slot.counters))
        self._boot = boot
        self._applied = 0
        self._agent = 0
        self._locked = False
        self._arriving: tuple[Snapshot, list[messages.Granted]] | None = None
        self._channel = Channel(settings.agent_socket, join=self._join, take=self._take)
        self._reports: asyncio.Queue[Rendition] = asyncio.Queue(maxsize=REPORTS_MAX)
        self.on_current: Callable[[], None] = _nobody_waits
        """Set by the delivery. Everything is taken in: whoever waits for that may ask `serving()` again."""

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: EdgeSettings, *, slot: int, boot: int, now_ns: Callable[[], int] = boottime_ns
    ) -> AsyncIterator[NodeLink]:
        """Claim the slot and keep in touch with the agent until the block ends. `now_ns`: see `SharedPage`."""
        page = SharedPage.open(settings.page_path, now_ns=now_ns)
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
        return self.serving_at(self.page.now_ns())

    def serving_at(self, now_ns: int) -> bool:
        """`serving`, for who has just asked `now_ns`, the clock that leases run on."""
        return self.page.is_current(self._applied, now_ns) and not self._locked

    @property
    def now_ns(self) -> Callable[[], int]:
        return self.page.now_ns

    def is_catching_up(self) -> bool:
        """Is this worker only behind: does the node hold a lease, and is what is lacking on its way?"""
        page = self.page
        return not self._locked and page.applied != self._applied and page.lease_deadline_ns > page.now_ns()

    async def wait_current(self) -> bool:
        """Wait until `serving()`, at most CATCH_UP_SECONDS_MAX while events are on their way; False means 503.

        Without a lease it does not wait.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + CATCH_UP_SECONDS_MAX
        while not self.serving():
            if self.page.lease_deadline_ns <= self.page.now_ns() or loop.time() >= until:
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

    async def keyring_get(self, file_name: str, *, is_use: bool = True) -> KeyRecord | None:
        """The key of a cached object; None when it is not known, was purged, or the agent is away.

        The agent forgets all keys when it restarts. What `resolve` gives opens the same file, and `stored` makes it
        known again.
        """
        try:
            asked = messages.KeyringGet(file_name=file_name, is_use=is_use)
            found = await self._channel.call(asked, messages.Key, seconds_max=CALL_SECONDS_MAX)
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

    async def object_pages(self, slot: int) -> AsyncIterator[tuple[StoredObject, ...]]:
        """Registered objects that `rendezvous.owner_of` gives to `slot` of the configured slots, without keys.

        All of them, or UpstreamUnavailable: what is missing from this list would be taken for an orphan.
        """
        after = ""
        while True:
            part = await self._channel.call(
                messages.ListObjects(slot=slot, after=after), messages.Objects, seconds_max=10 * CALL_SECONDS_MAX
            )
            yield part.objects
            if not part.after:
                return
            if part.after <= after:
                raise UpstreamUnavailable("The node's agent repeats itself")
            after = part.after

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
        """Is this cloud served now? Asks the agent to renew early for one that was just created; the agent bounds how often.

        LeaseLost when nobody can tell: the agent is away, has just started, or waits for this tenant's grant.
        """
        if cloud in self.tenants:
            return True
        known = False
        if cloud not in self.waiting:
            with contextlib.suppress(MediaError):
                known = (await self._channel.call(messages.Discover(), messages.Yes, seconds_max=CALL_SECONDS_MAX)).ok
        if not known or not await self.wait_current():
            raise LeaseLost("The server cannot be sure that its copies are current; try again")
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

    async def _take(self, value: Told) -> None:
        """Take one event in; only when everything it fences is gone does the slot say so."""
        match value:
            case Numbered(number=number, event=event):
                if number != self._applied + 1:
                    self._start_over()
                    return
                await self.take_event(event)
            case Snapshot() | Part():
                arrived = self._arrived(value)
                if arrived is None:
                    return
                snapshot, granted = arrived
                await self.take_snapshot(granted, snapshot.waiting)
                self._agent, number = snapshot.agent, snapshot.number
                self._locked = False
            case _:
                assert_never(value)
        self._applied = number
        self.slot.applied = number
        if self.page.applied == number:
            self.on_current()

    def _arrived(self, value: Snapshot | Part) -> tuple[Snapshot, list[messages.Granted]] | None:
        """The snapshot, when this was its last frame."""
        if isinstance(value, Snapshot):
            self._arriving = (value, [])
        elif self._arriving is not None:
            self._arriving[1].append(value.granted)
        if self._arriving is None or len(self._arriving[1]) < self._arriving[0].parts:
            return None
        arrived, self._arriving = self._arriving, None
        return arrived

    # --- background -------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """At the end of the lease, drop keys and memory. (The agent moves the deadline before it grants anew.)"""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self.tenants and self.page.lease_deadline_ns <= self.page.now_ns():
                log.warning("lease_lost")
                self.counters.add(Count.LOCKS)
                self._start_over()

    def _start_over(self) -> None:
        """Forget keys and memory and join again from nothing; until the snapshot is taken, nothing is served."""
        self._locked = True
        self._agent = 0
        self._arriving = None
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
