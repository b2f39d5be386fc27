"""The agent: the one process of a node that talks to the origin about leases and journals, and holds its keys.

    renew   ask for a lease every third of it            -> pending until everything up to its heads is applied
    follow  long poll of the journal                     -> durable in node.db -> counted -> workers told
    ack     when every worker has taken it               -> the origin may call the entry fenced
    watch   at the end of the lease                      -> wrap the keys, later drop them
    anew    this may not be the only machine any more    -> no lease, another boot id, and all of the above as after a start

It carries no media. When it is gone, workers serve until the lease runs out and not longer.
Source: decisions C, D, F; erasure E1 to E9.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import structlog

from domicile.media.errors import BootSplit, MediaError, UpstreamUnavailable
from domicile.media.journal import Entry, Head, Kind
from domicile.media.wire import Ack, JournalAnswer, LeaseAnswer, LeaseRequest
from domicile.service.gate.wire import WireClient
from edge.journal import may_resync, sort
from edge.lease import renew_after_seconds, retry_after_seconds
from edge.members import Members
from edge.node import Node, Wake
from edge.nodedb import BASE_EVERY, NodeDb, NoRoom
from edge.occasionally import Occasionally
from edge.starts import Cause, new_start
from edge.tenure import Asked, Tenure

JOURNAL_WAIT_SECONDS = 20.0
WATCH_SECONDS = 0.05
DISCOVER_SECONDS_MIN = 1.0
"""Viewers that ask for unknown clouds make the node renew at most this often."""
DISCOVER_SECONDS_MAX = 0.8
RELEASE_SECONDS_MAX = 1.0
AWAY_LINE_SECONDS = 60.0
"""Between two lines that the origin cannot be reached: a node that only caches assets may have none, for good."""

log = structlog.get_logger("edge.agent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who this node says it is."""

    node: str
    boot: str
    """Of a new page; `Agent.identity` has the one of now."""
    region: str
    authorities: tuple[str, ...]


class Agent:
    """Lease and journal of one node."""

    def __init__(
        self,
        identity: Identity,
        node: Node,
        db: NodeDb,
        wire: WireClient,
        members: Members,
        tenure: Tenure,
    ) -> None:
        node.page.start = node.page.start or identity.boot
        self.identity = replace(identity, boot=node.page.start)
        self.tenure = tenure
        self.problem = "no lease yet"
        """Last failure towards the origin; empty when all is well."""
        self.renewals = 0
        self.failures = 0
        self.acks = 0
        self.begun_anew = 0
        self._away = Occasionally(line_seconds=AWAY_LINE_SECONDS)
        self._node = node
        self._page = node.page
        self._db = db
        self._wire = wire
        self._members = members
        self._changing = asyncio.Lock()
        self._asking = asyncio.Lock()
        """One request for a lease at a time: each shows the nonce of the answer before."""
        self._acked: dict[str, Head] = {}
        self._hurry = Wake()
        self._to_ack = Wake()
        self._tenants_changed = Wake()
        self._poll: asyncio.Timeout | None = None
        self._renewed = asyncio.Condition()
        self._discovered_at = float("-inf")
        self._since_base: dict[str, int] = {}

    async def start(self) -> None:
        """Take up what node.db knows. Workers of an earlier agent must have heard of this one first."""
        for known in await self._db.load():
            tenant = self._node.adopt(known.tenant, known.cursor)
            tenant.fence, tenant.epoch_floor = known.fence, known.epoch_floor
        self._members.adopt_running()

    async def run(self) -> None:
        """Until cancelled."""
        await self._members.drained(self._page.applied)
        self._acked = self._node.cursors()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renew_forever())
            group.create_task(self._follow_forever())
            group.create_task(self._ack_forever())
            group.create_task(self._watch_forever())

    async def release(self) -> None:
        """A clean end: nothing is served any more, so no purge need wait for this node."""
        self._page.lease_deadline_ns = 0
        try:
            async with asyncio.timeout(RELEASE_SECONDS_MAX):
                await self._wire.lease(self._request(release=True))
        except (MediaError, TimeoutError) as failed:
            log.info("lease_not_released", reason=type(failed).__name__)

    async def discover(self) -> bool:
        """Renew early, for a cloud that may be new; waits a moment for the outcome.

        False when this agent cannot tell yet which clouds there are: it has just started, or is behind its lease.
        """
        now = asyncio.get_running_loop().time()
        if now - self._discovered_at >= DISCOVER_SECONDS_MIN:
            self._discovered_at = now
            async with self._renewed:
                self._hurry()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(DISCOVER_SECONDS_MAX):
                        await self._renewed.wait()
        return self.tenure.knows_all

    # --- renew ------------------------------------------------------------------------------------------------------

    async def _renew_forever(self) -> None:
        failures = 0
        while True:
            try:
                asked = await self._ask()
                async with self._changing:
                    await self._accept(asked)
            except MediaError as failed:
                failures += 1
                self._note_failure(failed)
                wait = _pause(failures)
            else:
                failures, self.problem = 0, ""
                self.renewals += 1
                if self._away.over():
                    log.info("origin_reached")
                wait = renew_after_seconds(self.tenure.lease_seconds, random.random())  # noqa: S311 - spreads load
            async with self._renewed:
                self._renewed.notify_all()
            await self._wait_at_most(wait)

    async def _wait_at_most(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            return

    def _request(self, *, release: bool = False) -> LeaseRequest:
        who = self.identity
        return LeaseRequest(
            node=who.node,
            boot=who.boot,
            region=who.region,
            authorities=who.authorities,
            heads={name: head for name, head in self._acked.items() if name in self._node.tenants},
            release=release,
            nonce=self._page.nonce,
            leased=self.tenure.leased,
        )

    async def _ask(self) -> Asked:
        async with self._asking:
            boot, ahead_ns = self.identity.boot, self.tenure.wall_ahead_ns()
            cursors = {name: tenant.cursor for name, tenant in self._node.tenants.items()}
            sent_ns = self._page.now_ns()
            with self._told_apart():
                answer = await self._wire.lease(self._request())
            if boot != self.identity.boot:
                raise UpstreamUnavailable("This lease was for a start that is over")
            self._page.nonce = answer.nonce
            return Asked(sent_ns=sent_ns, cursors=cursors, answer=answer, boot=boot, wall_ahead_ns=ahead_ns)

    @contextlib.contextmanager
    def _told_apart(self) -> Iterator[None]:
        """Around calls that show the nonce."""
        boot = self.identity.boot
        try:
            yield
        except BootSplit:
            if boot == self.identity.boot:
                self.begin_anew(Cause.ORIGIN)
            raise

    def begin_anew(self, cause: Cause) -> None:
        """This may not be the only machine that is what it was: nothing that was granted counts, and what comes is another start.
        Nothing is said for the one before: another may be serving under it.
        """
        log.warning("start_given_up", cause=cause)
        self.begun_anew += 1
        self._page.nonce, self._page.start = 0, new_start(self.identity.boot)
        self.identity = replace(self.identity, boot=self._page.start)
        self.tenure.void()
        self._hurry()

    async def _accept(self, asked: Asked) -> None:
        """Take a lease; under `_changing`."""
        if asked.boot != self.identity.boot:
            return
        followed = set(self._node.cursors())
        await self.tenure.accept(asked)
        if set(self._node.cursors()) != followed:
            self._restart_poll()
            self._to_ack()

    # --- follow -----------------------------------------------------------------------------------------------------

    async def _follow_forever(self) -> None:
        failures = 0
        while True:
            cursors = self._node.cursors()
            if not cursors:
                await self._tenants_changed.wait()
                continue
            try:
                async with asyncio.timeout(None) as self._poll:
                    answer = await self._wire.journal(cursors, wait_seconds=JOURNAL_WAIT_SECONDS)
                async with self._changing:
                    await self._take(answer)
                failures = 0
            except TimeoutError:
                continue  # other tenants to ask for
            except MediaError as failed:
                failures += 1
                self._note_failure(failed)
                await asyncio.sleep(_pause(failures))

    def _restart_poll(self) -> None:
        self._tenants_changed()
        if self._poll is not None and self._poll.when() is None:
            try:
                self._poll.reschedule(asyncio.get_running_loop().time())
            except RuntimeError:  # the poll has ended by itself
                return

    async def _take(self, answer: JournalAnswer) -> None:
        """Apply what the feed brought; under `_changing`. MediaError: what was applied by then is durable, the rest not."""
        good, resync, refused = sort(self._node.cursors(), answer)
        renewed = await self._renewed_for(good, resync)
        if good:
            await self._db.append(good)
        if renewed is not None:
            self.tenure.announce(renewed.answer)
        for entry in good:
            self._node.apply(entry)
        if good:
            self._to_ack()
        for name in refused:
            await self.tenure.refuse(name)
        if renewed is not None:
            for name in resync:
                await self._resync(name, renewed.answer)
            await self._accept(renewed)
        self.tenure.settle()
        if resync or refused:
            self._to_ack()
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
        asked = await self._ask()
        for lease in asked.answer.tenants:
            if lease.config_revision < revisions.get(lease.tenant, 0):
                raise UpstreamUnavailable("The origin announced a policy that it does not grant yet")
        return asked

    async def _resync(self, name: str, answer: LeaseAnswer) -> None:
        """Start a tenant again at the head of a fresh lease, if that is not behind what this node knows."""
        tenant = self._node.tenants[name]
        lease = next((lease for lease in answer.tenants if lease.tenant == name), None)
        if lease is None:
            return  # withdrawn: `_accept` sees to it
        if not may_resync(tenant.cursor, lease.head):
            await self.tenure.refuse(name)
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

    # --- ack and watch ----------------------------------------------------------------------------------------------

    async def _ack_forever(self) -> None:
        while True:
            await self._to_ack.wait()
            failures = 0
            while True:
                heads, number = self._node.cursors(), self._page.applied
                await self._members.drained(number)
                self._acked = heads
                who = self.identity
                ack = Ack(node=who.node, boot=who.boot, applied=heads, nonce=self._page.nonce)
                try:
                    with self._told_apart():
                        await self._wire.ack(ack)
                except MediaError as failed:
                    failures += 1
                    self._note_failure(failed)
                    await asyncio.sleep(_pause(failures))
                else:
                    self.acks += 1
                    break

    async def _watch_forever(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self.tenure.clock_was_set():
                self.begin_anew(Cause.CLOCK)
            self.tenure.lock_if_over()

    def _note_failure(self, failed: MediaError) -> None:
        self.failures += 1
        self.problem = f"{type(failed).__name__}: {failed.message}"
        if isinstance(failed, NoRoom):
            log.warning("journal_not_written")
        elif count := self._away.due():
            log.warning("origin_failed", reason=type(failed).__name__, count=count)


def _pause(failures: int) -> float:
    return retry_after_seconds(failures, random.random())  # noqa: S311 - spreads load, guards nothing
