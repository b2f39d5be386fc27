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

import structlog

from domicile.media.errors import MediaError, UpstreamUnavailable
from domicile.media.journal import Head
from domicile.media.wire import Ack, LeaseRequest
from domicile.service.gate.wire import WireClient
from edge.feed import Feed
from edge.lease import renew_after_seconds, retry_after_seconds
from edge.members import Members
from edge.node import Node, Wake
from edge.nodedb import NodeDb, NoRoom
from edge.occasionally import Occasionally
from edge.starts import Cause, Identity, Starts
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
        self.starts = Starts(identity, node.page, give_up=self._give_up)
        self.tenure = tenure
        self.problem = "no lease yet"
        """Last failure towards the origin; empty when all is well."""
        self.renewals = 0
        self.failures = 0
        self.acks = 0
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
        self._feed = Feed(node, db, tenure, renew=self._ask, accept=self._accept, applied=self._to_ack)

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
        who = self.starts.identity
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
            boot, ahead_ns = self.starts.identity.boot, self.tenure.wall_ahead_ns()
            cursors = {name: tenant.cursor for name, tenant in self._node.tenants.items()}
            sent_ns = self._page.now_ns()
            with self.starts.told_apart():
                answer = await self._wire.lease(self._request())
            if boot != self.starts.identity.boot:
                raise UpstreamUnavailable("This lease was for a start that is over")
            self._page.nonce = answer.nonce
            return Asked(sent_ns=sent_ns, cursors=cursors, answer=answer, boot=boot, wall_ahead_ns=ahead_ns)

    def _give_up(self) -> None:
        """What comes is another start: nothing that was granted counts."""
        self.tenure.void()
        self._hurry()

    async def _accept(self, asked: Asked) -> None:
        """Take a lease; under `_changing`."""
        if asked.boot != self.starts.identity.boot:
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
                    await self._feed.take(answer)
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

    # --- ack and watch ----------------------------------------------------------------------------------------------

    async def _ack_forever(self) -> None:
        while True:
            await self._to_ack.wait()
            failures = 0
            while True:
                heads, number = self._node.cursors(), self._page.applied
                await self._members.drained(number)
                self._acked = heads
                who = self.starts.identity
                ack = Ack(node=who.node, boot=who.boot, applied=heads, nonce=self._page.nonce)
                try:
                    with self.starts.told_apart():
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
                self.starts.begin_anew(Cause.CLOCK)
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
