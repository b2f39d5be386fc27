"""The real edges and the real origin on virtual clocks and lines, whatever happens in whatever order; and an oracle.

    I1   nothing of an erased version leaves an edge once the origin calls its erasure fenced
    I3   it calls it fenced no later than the bound of the formula, L(1 + rho) + epsilon
    I4   nor does it leave later: after restarts, an older catalogue put back, another version under the same name
    I7   each edge has applied a beginning of the origin's journal, entry by entry, and never goes back
    I9   a purge that comes twice, and an answer of the journal that comes again, change nothing
    I18  clocks that run slow or fast by what is allowed, sleep, and are set; a node whose disk was copied

`make soak` plays more of it: REPLAY_EXAMPLES.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import origin.records  # noqa: F401 - before `origin.fenced`, which is a part of it in all but name
from domicile.media import journal
from domicile.media.errors import MediaError
from domicile.media.journal import GENESIS, Entry
from origin.fenced import CLOCK_DRIFT, CLOCK_MARGIN_SECONDS
from origin.journal_reading import read_entries
from origin.records import PurgeTargets
from tests.infra.records import CLOUD
from tests.replay.loop import Loop, without_threads
from tests.replay.network import ANSWERED, SENT
from tests.replay.node import PlayedNode
from tests.replay.world import Refused, World, body_of, world

T = TypeVar("T")

EXAMPLES = int(os.environ.get("REPLAY_EXAMPLES", "4"))
STEPS = int(os.environ.get("REPLAY_STEPS", "40"))
LEASE_SECONDS = 30.0
BOUND_SECONDS = LEASE_SECONDS * (1 + CLOCK_DRIFT) + CLOCK_MARGIN_SECONDS
ROUND_SECONDS = 0.05
"""What the virtual steps between two looks may take."""
ALLOWED_DRIFT = 0.004
"""Of two clocks against each other: well inside of what both sides reckon with."""
NAMES = ("jane", "joe", "kim")
COPY = "c"
"""An edge that began with the disk of another."""
EDGES = st.sampled_from("ab" + COPY)
PUBLIC_IDS = st.sampled_from(NAMES)
CALLS = st.sampled_from(["lease", "journal", "ack", "resolve", "blob"])
RECORDS_MAX = 8
"""What a fence remembers here, so that floors rise."""


class Replay(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(journal, "FENCE_RECORDS_MAX", RECORDS_MAX)
        random.seed(0)
        self.loop = Loop()
        self._alone = without_threads()
        self._alone.__enter__()
        self._over = asyncio.Event()
        self._ready: asyncio.Future[World] = self.loop.create_future()
        self._host = self.loop.create_task(self._live())
        self.w: World = self.loop.run_until_complete(self._ready)
        self.versions = 0
        self.chains: dict[tuple[int, int], str] = {}
        """(epoch, number) -> chain, of every entry that the origin has committed."""
        self.reached: dict[str, tuple[int, int]] = {}
        self.counts_from = 0.0
        """When this origin was started: it waits anew for everybody who was registered."""
        self.has_backup = False

    async def _live(self) -> None:
        try:
            async with world(self.loop, uploads=NAMES, edges="ab") as w:
                self._ready.set_result(w)
                await self._over.wait()
        except BaseException as failed:
            if not self._ready.done():
                self._ready.set_exception(failed)
            raise

    def do(self, work: Awaitable[T]) -> T | None:
        """What the real code refuses to do does not happen."""

        async def done() -> T | None:
            with suppress(Refused, MediaError):
                return await work
            return None

        return self.loop.run_until_complete(done())

    def node(self, edge: str) -> PlayedNode:
        """Who asks for the copy before there is one means the one it will be of."""
        return self.w.nodes[self.named(edge)]

    def named(self, edge: str) -> str:
        return edge if edge in self.w.nodes else "a"

    def teardown(self) -> None:
        self._over.set()
        try:
            self.loop.run_until_complete(self._host)
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        finally:
            self._alone.__exit__(None, None, None)
            self.loop.close()
            self._patch.undo()

    # --- versions and viewers -------------------------------------------------------------------------------------------

    @initialize()
    def serve(self) -> None:
        for edge in "ab":
            self.do(self.w.lease(edge))
            for public_id in NAMES:
                self.do(self.w.fetch(edge, public_id))

    @rule(public_id=PUBLIC_IDS)
    def upload(self, public_id: str) -> None:
        """Or overwrite: a new version, with bytes of its own."""
        self.versions += 1
        self.do(self.w.upload(public_id, body_of(f"{public_id} {self.versions}")))

    @rule(public_id=PUBLIC_IDS)
    def erase(self, public_id: str) -> None:
        if public_id in self.w.bodies:
            self.do(self.w.erase(public_id))

    @rule(public_id=PUBLIC_IDS, hear=st.sets(st.sampled_from("ab")), seconds=st.sampled_from([0.0, 30.6]))
    def erase_and_tell(self, public_id: str, hear: set[str], seconds: float) -> None:
        """Some edges, and the others are waited for, or not yet."""
        self.erase(public_id)
        for edge in sorted(hear):
            self.apply(edge)
        if not self.w.approved:
            self.do(self.loop.pass_time(seconds))
        for edge in "ab":
            self.fetch(edge, public_id)

    @rule(public_id=PUBLIC_IDS, edge=EDGES)
    def erase_under_way(self, public_id: str, edge: str) -> None:
        """While a fill of it is on its way to an edge, which hears of the erasure before."""
        self.upload(public_id)
        self.apply(edge)
        self.ask(edge, public_id)
        for at in (SENT, ANSWERED, SENT):
            self.let(edge, "resolve" if self.node(edge).line.find("resolve", at) else "blob", at)
        self.erase(public_id)
        self.apply(edge)
        self.let(edge, "blob", ANSWERED)
        self.fetch(edge, public_id)

    @rule(edge=EDGES, public_id=PUBLIC_IDS)
    def fetch(self, edge: str, public_id: str) -> None:
        self.do(self.w.fetch(self.named(edge), public_id))

    @rule(edge=EDGES, public_id=PUBLIC_IDS)
    def ask(self, edge: str, public_id: str) -> None:
        """And let the fill wait on the way."""
        self.do(self.w.ask(self.named(edge), public_id))

    @rule(edge=EDGES, public_id=PUBLIC_IDS)
    def stop_before_a_write(self, edge: str, public_id: str) -> None:
        edge = self.named(edge)
        if edge not in self.w.approved and (public_id in self.w.bodies or public_id in self.w.gone):
            self.do(self.w.approve(edge, public_id))

    @rule(edge=EDGES)
    def write(self, edge: str) -> None:
        self.do(self.w.write(self.named(edge)))

    # --- the network ----------------------------------------------------------------------------------------------------

    @rule(edge=EDGES, what=CALLS, at=st.sampled_from([SENT, ANSWERED]))
    def let(self, edge: str, what: str, at: str) -> None:
        self.do(self.w.let(self.node(edge).line, what, at))

    @rule(edge=EDGES, what=CALLS)
    def lose(self, edge: str, what: str) -> None:
        self.do(self.w.lose(self.node(edge).line, what))

    @rule(edge=EDGES)
    def lease(self, edge: str) -> None:
        self.do(self.w.lease(self.named(edge)))

    @rule(edge=EDGES)
    def apply(self, edge: str) -> None:
        self.do(self.w.apply(self.named(edge)))
        self.do(self.w.deliver_acks(self.named(edge)))

    @rule(edge=EDGES)
    def say_it_again(self, edge: str) -> None:
        """The journal's last answers, in another order."""
        edge, node = self.named(edge), self.node(edge)

        async def again() -> None:
            agent = node.agent.agent
            for answer in reversed(node.line.journals[-3:]):
                if not (answer.compacted or answer.unknown or agent._changing.locked()):
                    async with agent._changing:
                        await agent._feed.take(answer)
            await self.loop.settle()

        before = self._cursor(edge)
        if node.is_up and before is not None:
            self.do(again())
            assert self._cursor(edge) == before

    @rule(public_id=PUBLIC_IDS)
    def purge_twice(self, public_id: str) -> None:
        if not self.w.origin.is_up:
            return
        self.versions += 1
        targets, purge_id = PurgeTargets(public_ids=(public_id,)), f"purge{self.versions}"
        first, second = (
            self.do(self.w.origin.records.purge(CLOUD, targets, purge_id=purge_id, digest="d")) for _ in range(2)
        )
        if first is not None and second is not None:
            assert second.repeated
            assert (second.head, second.assets) == (first.head, first.assets)

    # --- machines and clocks --------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.3, 3.0, 11.0, 29.9, 30.6]))
    def pass_time(self, seconds: float) -> None:
        if not self.w.approved:  # whoever is stopped for long is ended
            self.do(self.loop.pass_time(seconds))

    @rule(edge=EDGES, rate=st.sampled_from([1 - ALLOWED_DRIFT, 1.0, 1 + ALLOWED_DRIFT]))
    def drift(self, edge: str, rate: float) -> None:
        self.node(edge).clocks.run_at(rate)

    @rule(edge=EDGES, seconds=st.sampled_from([-1e7, -40.0, 40.0, 1e7]))
    def set_wall_clock(self, edge: str, seconds: float) -> None:
        self.node(edge).clocks.wall_set += seconds

    @rule(seconds=st.sampled_from([5.0, 31.0]))
    def edges_sleep(self, seconds: float) -> None:
        """None of their timers sees it, but CLOCK_BOOTTIME does; and the origin is awake."""
        self.w.origin.clocks.go_on(seconds)
        for node in self.w.nodes.values():
            node.clocks.sleep(seconds)

    @rule(edge=st.sampled_from("ab"))
    def copy_disk(self, edge: str) -> None:
        if COPY not in self.w.nodes and edge not in self.w.approved:
            self.do(self.w.copy(edge, COPY))

    @rule(edge=EDGES)
    def crash(self, edge: str) -> None:
        if self.named(edge) not in self.w.approved:
            self.do(self.node(edge).crash())

    @rule(edge=EDGES)
    def start(self, edge: str) -> None:
        if not self.node(edge).is_up and self.named(edge) not in self.w.approved:
            self.do(self.node(edge).crash())
            self.do(self.node(edge).start())

    @rule()
    def restart_origin(self) -> None:
        self.do(self._restart())

    @rule()
    def back_up(self) -> None:
        self.w.origin.back_up()
        self.has_backup = True

    @precondition(lambda self: self.has_backup)
    @rule()
    def put_the_backup_back(self) -> None:
        """Catalogue and originals, beside the keyring and the mirror of now."""
        self.do(self.w.origin.restore("data"))
        self.counts_from = self.w.origin.clocks.monotonic()
        self._remember()

    async def _restart(self) -> None:
        await self.w.origin.stop()
        await self.w.origin.start()
        self.counts_from = self.w.origin.clocks.monotonic()

    # --- oracle ---------------------------------------------------------------------------------------------------------

    @invariant()
    def nothing_leaves_after_fenced(self) -> None:
        assert not self.w.violations

    @invariant()
    def fenced_within_the_bound(self) -> None:
        if not self.w.origin.is_up:
            return
        self.w.look()
        now = self.w.origin.clocks.monotonic()
        for one in self.w.erased:
            waited = now - max(one.committed_at, self.counts_from)
            assert one.is_fenced or waited <= BOUND_SECONDS + ROUND_SECONDS

    @invariant()
    def each_edge_knows_a_beginning_of_the_journal(self) -> None:
        self._remember()
        for edge in self.w.nodes:
            cursor = self._cursor(edge)
            if cursor is None:
                continue
            epoch, seq, chain = cursor
            assert self.reached.get(edge, (0, 0)) <= (epoch, seq)
            self.reached[edge] = epoch, seq
            assert self.chains.get((epoch, seq), chain) == chain
            if edge not in self.w.approved and self.node(edge).is_up:
                worker = self.node(edge).link.tenants.get(CLOUD)
                assert worker is None or worker.fence.applied <= seq

    def _cursor(self, edge: str) -> tuple[int, int, str] | None:
        node = self.node(edge)
        if not node.is_up:
            return None
        tenant = node.agent.agent._node.tenants.get(CLOUD)
        return None if tenant is None else (tenant.cursor.epoch, tenant.cursor.seq, tenant.cursor.chain)

    def _remember(self) -> None:
        """The journal's entries are numbered without a gap, each follows the one before, and none is ever another."""
        for entry in self.loop.run_until_complete(self._entries()):
            at = entry.epoch, entry.seq
            assert self.chains.setdefault(at, entry.chain) == entry.chain

    async def _entries(self) -> list[Entry]:
        if not self.w.origin.is_up:
            return []
        async with self.w.origin.records._core.database.read() as connection:
            entries = await read_entries(connection, CLOUD, after=0, limit=10_000)
        chain = GENESIS
        for number, entry in enumerate(entries, 1):
            assert entry.seq == number
            assert journal.chain_of(chain, entry) == entry.chain
            chain = entry.chain
        return entries


Replay.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
TestReplay = Replay.TestCase
