"""The agent against a played origin: what counts when, what is acked when, and what an origin of yesterday gets."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from structlog.testing import capture_logs

from domicile.media.errors import BootSplit, UpstreamUnavailable
from domicile.media.journal import Entry, Head, Kind
from domicile.media.wire import Ack, Empty, JournalAnswer, LeaseAnswer, LeaseRequest, TenantLease
from domicile.service.gate.wire import WireClient
from edge.agent import Agent
from edge.journal import after
from edge.lease import NANOSECONDS, deadline_ns
from edge.members import Members
from edge.messages import Applied, Dropped, Granted, Withdrawn
from edge.nodedb import NoRoom
from edge.starts import Cause, Identity
from edge.tenure import NOT_CONTINUED, Tenure
from tests.unit.edge import nodes
from tests.unit.edge.journals import chained
from tests.unit.edge.nodes import HEAD, HOME, AgentSide, agent_side, lease, stored

LEASE_SECONDS = 30.0
SECONDS_MAX = 10.0
START_NS = 10**12


class PlayedOrigin:
    """Leases for a played policy, a feed that a test fills, and a list of what was acked."""

    def __init__(self) -> None:
        self.tenants: dict[str, TenantLease] = {"demo": lease()}
        self.refused: dict[str, str] = {}
        self.asked: list[LeaseRequest] = []
        self.acks: list[Mapping[str, Head]] = []
        self.shown: list[int] = []
        """Nonces of acks."""
        self.feed: asyncio.Queue[JournalAnswer] = asyncio.Queue()
        self.polled: list[Mapping[str, Head]] = []
        self.away = False
        self.splits = False
        """Has somebody else asked under this id?"""
        self.nonces = itertools.count(1)
        self.former_seconds: float | None = None
        self.while_asked: Callable[[], None] = lambda: None
        """Called between a lease request's sending and its answer."""

    async def lease(self, request: LeaseRequest) -> LeaseAnswer:
        self.asked.append(request)
        if self.away:
            raise UpstreamUnavailable("away")
        if self.splits and request.nonce:
            raise BootSplit("another")
        answer = LeaseAnswer(
            lease_seconds=LEASE_SECONDS,
            region=HOME,
            tenants=tuple(self.tenants.values()),
            refused=dict(self.refused),
            nonce=next(self.nonces),
            former_seconds=self.former_seconds,
        )
        self.while_asked()
        return answer

    async def journal(self, cursors: Mapping[str, Head], *, wait_seconds: float) -> JournalAnswer:
        self.polled.append(dict(cursors))
        return await self.feed.get()

    async def ack(self, ack: Ack) -> Empty:
        if self.away:
            raise UpstreamUnavailable("away")
        if self.splits and ack.nonce:
            raise BootSplit("another")
        self.shown.append(ack.nonce)
        self.acks.append(dict(ack.applied))
        return Empty()

    def commit(self, *entries: Entry) -> None:
        """Entries that the feed brings, and that later leases name."""
        for entry in entries:
            known = self.tenants[entry.tenant]
            revision = max(known.config_revision, entry.config_revision)
            self.tenants[entry.tenant] = msgspec.structs.replace(known, head=after(entry), config_revision=revision)
        self.feed.put_nowait(JournalAnswer(entries=entries))


class PlayedMembers:
    """Workers that take everything at once, unless a test holds them."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.free.set()
        self.waited_for: list[int] = []

    async def drained(self, number: int) -> None:
        self.waited_for.append(number)
        await self.free.wait()

    def adopt_running(self) -> None:
        pass


class Clock:
    """CLOCK_BOOTTIME as the test says."""

    def __init__(self) -> None:
        self.ns = START_NS

    def __call__(self) -> int:
        return self.ns


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(nodes, "boottime_ns", made)
    return made


class Playing:
    def __init__(self, side: AgentSide, origin: PlayedOrigin | None = None) -> None:
        self.side = side
        self.origin = origin or PlayedOrigin()
        self.members = PlayedMembers()
        who = Identity(node="n" * 32, boot="b" * 32, region=HOME, authorities=("host",))
        self.agent = Agent(
            who, side.node, side.db, cast("WireClient", self.origin), cast("Members", self.members), side.tenure
        )

    @property
    def cursor(self) -> Head:
        return self.side.node.tenants["demo"].cursor

    @property
    def events(self) -> list[Any]:
        return [numbered.event for numbered in self.side.node._log]

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS_MAX):
            while not true():
                await asyncio.sleep(0.001)


@asynccontextmanager
async def playing(directory: Path, origin: PlayedOrigin | None = None) -> AsyncIterator[Playing]:
    async with agent_side(directory) as side:
        played = Playing(side, origin)
        await played.agent.start()
        running = asyncio.get_running_loop().create_task(played.agent.run())
        try:
            yield played
            assert not running.done(), running
        finally:
            running.cancel()
            await asyncio.wait([running])


@pytest.fixture
async def played(tmp_path: Path) -> AsyncIterator[Playing]:
    """Leased, level with the origin, everything acked."""
    async with playing(tmp_path) as opened:
        await opened.until(lambda: opened.agent.tenure.leased and bool(opened.origin.acks))
        opened.origin.acks.clear()
        yield opened


def entries(*kinds: str, start: Head = HEAD, **changes: Any) -> list[Entry]:
    return chained(start, *((kind, ("a" * 32,)) for kind in kinds), **changes)


# --- another machine that is what this one was ---------------------------------------------------------------------------


async def test_each_request_shows_the_nonce_of_the_answer_before(played: Playing) -> None:
    first = [asked.nonce for asked in played.origin.asked]
    await played.agent._accept(await played.agent._ask())
    assert [asked.nonce for asked in played.origin.asked] == [*range(len(first)), len(first)]
    (entry,) = entries(Kind.ASSET)
    played.origin.commit(entry)
    await played.until(lambda: bool(played.origin.acks))
    assert played.origin.shown[-1] == played.side.page.nonce == len(first) + 1


async def test_an_agent_that_starts_again_goes_on_under_the_same_id(played: Playing) -> None:
    again = Playing(played.side, played.origin)
    assert again.agent.starts.identity.boot == played.agent.starts.identity.boot
    played.agent.starts.begin_anew(Cause.CLOCK)
    third = Playing(played.side, played.origin)
    assert third.agent.starts.identity.boot == played.agent.starts.identity.boot != again.agent.starts.identity.boot


async def test_the_lease_of_an_agent_before_counts_for_the_next(played: Playing) -> None:
    side = played.side
    again = Tenure(side.node, side.db, locked_seconds_max=600.0, wall_clock=lambda: 1.7e9)
    assert (again.leased, again.clock_was_set()) == (True, False)


def nothing_is_served(played: Playing) -> bool:
    page = played.side.page
    return page.lease_deadline_ns <= page.now_ns() and played.side.node.tenants["demo"].grant is None


async def test_told_that_another_asks_it_serves_nothing_until_it_has_begun_anew(played: Playing) -> None:
    boot = played.agent.starts.identity.boot
    assert played.side.register.store(stored("a"))
    played.origin.splits = True
    with pytest.raises(BootSplit):
        await played.agent._ask()
    assert nothing_is_served(played)
    assert played.side.register.key_of("a") is None
    played.origin.splits = False
    await played.until(lambda: played.agent.tenure.leased)
    new = played.origin.asked[-1]
    assert (new.boot == boot, new.nonce, new.leased) == (False, 0, False)
    assert played.side.register.key_of("a") is not None


async def test_told_so_by_an_ack_likewise(played: Playing) -> None:
    boot = played.agent.starts.identity.boot
    played.origin.splits = True
    (entry,) = entries(Kind.ASSET)
    played.origin.commit(entry)
    await played.until(lambda: played.agent.starts.identity.boot != boot)
    played.origin.splits = False
    await played.until(lambda: played.agent.tenure.leased and bool(played.origin.acks))
    assert played.origin.asked[-1].boot == played.agent.starts.identity.boot


@pytest.mark.parametrize("seconds", [-2.0, 2.0, 86_400.0])
async def test_a_wall_clock_that_was_set_ends_the_lease(played: Playing, clock: Clock, seconds: float) -> None:
    boot = played.agent.starts.identity.boot
    played.origin.away = True
    real = played.side.tenure._wall_clock
    played.side.tenure._wall_clock = lambda: real() + seconds
    await played.until(lambda: nothing_is_served(played))
    assert (played.agent.starts.identity.boot == boot, played.agent.starts.begun_anew) == (False, 1)
    played.origin.away = False
    await played.until(lambda: played.agent.tenure.leased)
    assert not played.agent.tenure.clock_was_set()


async def test_a_wall_clock_that_is_slewed_ends_nothing(played: Playing) -> None:
    real = played.side.tenure._wall_clock
    for seconds in (-1.4, 1.4):
        played.side.tenure._wall_clock = lambda by=seconds: real() + by  # type: ignore[misc]
        assert not played.agent.tenure.clock_was_set()


async def test_a_lease_that_was_asked_for_before_it_began_anew_does_not_count(played: Playing) -> None:
    asked = await played.agent._ask()
    played.origin.away = True
    played.agent.starts.begin_anew(Cause.GENERATION)
    await played.agent._accept(asked)
    assert nothing_is_served(played)
    played.origin.away = False
    played.origin.while_asked = lambda: played.agent.starts.begin_anew(Cause.GENERATION)
    with pytest.raises(UpstreamUnavailable):
        await played.agent._ask()
    played.origin.while_asked = lambda: None


async def test_what_the_lease_before_may_be_served_for_is_the_origins_to_say(played: Playing, clock: Clock) -> None:
    played.origin.tenants["demo"] = lease(head=after(entries(Kind.ASSET)[0]))
    played.origin.former_seconds = 5.0
    clock.ns += NANOSECONDS
    await played.agent._accept(await played.agent._ask())
    assert played.side.page.lease_deadline_ns == deadline_ns(sent_ns=clock.ns, lease_seconds=5.0)
    played.origin.former_seconds = LEASE_SECONDS
    await played.agent._accept(await played.agent._ask())
    assert played.side.page.lease_deadline_ns == deadline_ns(sent_ns=clock.ns, lease_seconds=5.0), "never longer"


# --- lease ----------------------------------------------------------------------------------------------------------


async def test_the_lease_counts_from_the_sending_and_not_from_the_answer(tmp_path: Path, clock: Clock) -> None:
    async with agent_side(tmp_path) as side:
        played = Playing(side)

        def seconds_pass() -> None:
            clock.ns += 7 * NANOSECONDS

        played.origin.while_asked = seconds_pass
        await played.agent._accept(await played.agent._ask())
        assert side.page.lease_deadline_ns == deadline_ns(sent_ns=START_NS, lease_seconds=LEASE_SECONDS)


async def test_a_lease_counts_only_when_everything_up_to_its_heads_is_applied(played: Playing, clock: Clock) -> None:
    before = played.side.page.lease_deadline_ns
    one, two = entries(Kind.ASSET, Kind.ASSET)
    played.origin.tenants["demo"] = lease(head=after(two))
    clock.ns += NANOSECONDS
    await played.agent._accept(await played.agent._ask())
    assert (played.side.page.lease_deadline_ns, played.side.tenure.lag) == (before, {"demo": 2})
    assert not played.side.tenure.knows_all
    played.origin.feed.put_nowait(JournalAnswer(entries=(one,)))
    await played.until(lambda: played.cursor == after(one))
    assert played.side.page.lease_deadline_ns == before
    played.origin.feed.put_nowait(JournalAnswer(entries=(two,)))
    await played.until(lambda: played.side.page.lease_deadline_ns > before)
    assert (played.cursor, played.side.tenure.lag) == (after(two), {"demo": 0})


async def test_a_request_states_what_was_acked_and_not_what_was_only_applied(played: Playing) -> None:
    (entry,) = entries(Kind.ASSET)
    played.members.free.clear()
    played.origin.commit(entry)
    await played.until(lambda: played.cursor == after(entry))
    assert played.agent._request().heads == {"demo": HEAD}
    played.members.free.set()
    await played.until(lambda: bool(played.origin.acks))
    assert played.agent._request().heads == {"demo": after(entry)}


async def test_a_lease_that_was_asked_for_before_the_present_one_is_left_aside(played: Playing, clock: Clock) -> None:
    late = await played.agent._ask()
    clock.ns += NANOSECONDS
    await played.agent._accept(await played.agent._ask())
    deadline = played.side.page.lease_deadline_ns
    await played.agent._accept(late)
    assert played.side.page.lease_deadline_ns == deadline


async def test_at_the_end_of_the_lease_keys_are_locked_and_given_back_with_the_next(
    played: Playing, clock: Clock
) -> None:
    side = played.side
    assert side.register.store(stored("a"))
    clock.ns = side.page.lease_deadline_ns
    await played.until(lambda: side.register.key_of("a") is None)
    assert (len(side.keyring), side.node.tenants["demo"].grant, played.events) == (1, None, [])
    await played.agent._accept(await played.agent._ask())
    key = side.register.key_of("a")
    assert key is not None
    assert key.content_key == b"key of a"


async def test_keys_that_were_locked_for_long_are_dropped(played: Playing, clock: Clock) -> None:
    assert played.side.register.store(stored("a"))
    clock.ns = played.side.page.lease_deadline_ns + 601 * NANOSECONDS
    await played.until(lambda: not len(played.side.keyring))


async def test_an_agent_says_which_clouds_there_are_only_after_its_first_lease(tmp_path: Path) -> None:
    async with agent_side(tmp_path) as side:
        played = Playing(side)
        played.agent._discovered_at = asyncio.get_running_loop().time()  # no renewal for this one
        assert not await played.agent.discover()
        await played.agent._accept(await played.agent._ask())
        assert await played.agent.discover()


async def test_a_new_cloud_is_found_by_renewing_early(played: Playing) -> None:
    played.origin.tenants["new"] = lease("new")
    assert await played.agent.discover()
    assert played.side.node.tenants["new"].grant is not None


async def test_a_clean_end_gives_the_lease_back(played: Playing) -> None:
    await played.agent.release()
    assert (played.side.page.lease_deadline_ns, played.origin.asked[-1].release) == (0, True)


# --- journal and ack ------------------------------------------------------------------------------------------------


async def test_an_entry_is_acked_after_every_worker_has_taken_it(played: Playing) -> None:
    (entry,) = entries(Kind.ASSET)
    played.members.free.clear()
    played.members.waited_for.clear()
    played.origin.commit(entry)
    await played.until(lambda: bool(played.members.waited_for))
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert (played.origin.acks, played.members.waited_for) == ([], [played.side.page.applied])
    played.members.free.set()
    await played.until(lambda: bool(played.origin.acks))
    assert played.origin.acks == [{"demo": after(entry)}]


async def test_an_ack_that_is_lost_is_sent_again(played: Playing) -> None:
    (entry,) = entries(Kind.ASSET)
    played.origin.away = True
    played.origin.commit(entry)
    await played.until(lambda: played.agent.failures > 0)
    played.origin.away = False
    await played.until(lambda: bool(played.origin.acks))
    assert played.origin.acks[-1] == {"demo": after(entry)}


async def test_an_origin_that_stays_away_is_told_of_once_and_so_is_its_return(played: Playing) -> None:
    with capture_logs() as logs:
        played.origin.away = True
        played.agent._hurry()
        await played.until(lambda: played.agent.failures >= 3)
        assert [line["event"] for line in logs] == ["origin_failed"]
        played.origin.away, renewals = False, played.agent.renewals
        await played.until(lambda: played.agent.renewals > renewals)
        assert [line["event"] for line in logs] == ["origin_failed", "origin_reached"]


async def test_an_entry_is_on_the_disk_before_a_worker_is_told(
    played: Playing, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, bool]] = []
    append = played.side.db.append

    async def look(good: list[Entry]) -> None:
        seen.append((len(good), any(isinstance(event, Applied) for event in played.events)))
        await append(good)

    monkeypatch.setattr(played.side.db, "append", look)
    played.origin.commit(*entries(Kind.ASSET, Kind.ERASE))
    await played.until(lambda: played.cursor.seq == HEAD.seq + 2)
    assert seen == [(2, False)]
    (known,) = await played.side.db.load()
    assert known.cursor == played.cursor


async def test_what_the_disk_does_not_take_is_neither_applied_nor_acked_and_asked_for_again(
    played: Playing, monkeypatch: pytest.MonkeyPatch
) -> None:
    (entry,) = entries(Kind.ASSET)

    async def full(_: object) -> None:
        raise NoRoom("The disk of the node is full")

    with monkeypatch.context() as patched:
        patched.setattr(played.side.db, "append", full)
        played.origin.commit(entry)
        await played.until(lambda: played.agent.failures > 0)
        assert (played.cursor, played.origin.acks) == (HEAD, [])
        assert "full" in played.agent.problem
    played.origin.feed.put_nowait(JournalAnswer(entries=(entry,)))
    await played.until(lambda: bool(played.origin.acks))
    assert played.origin.acks == [{"demo": after(entry)}]


async def test_a_new_policy_is_with_the_workers_before_its_entry_counts(played: Playing) -> None:
    (entry,) = chained(HEAD, (Kind.CONFIG, ()), config_revision=2)
    already = len(played.events)
    played.origin.commit(entry)
    await played.until(lambda: played.cursor == after(entry))
    told = played.events[already:]
    assert [type(event) for event in told[:2]] == [Granted, Applied]
    assert told[0].grant.config_revision == 2


async def test_a_policy_that_is_announced_and_not_granted_yet_is_waited_for(played: Playing) -> None:
    (entry,) = chained(HEAD, (Kind.CONFIG, ()), config_revision=2)
    played.origin.feed.put_nowait(JournalAnswer(entries=(entry,)))
    await played.until(lambda: played.agent.failures > 0)
    assert (played.cursor, played.origin.acks) == (HEAD, [])
    assert await played.side.db.load() is not None
    played.origin.commit(entry)
    await played.until(lambda: played.cursor == after(entry))


async def test_a_gap_costs_the_tenants_cache_and_starts_again_at_the_head_of_a_fresh_lease(played: Playing) -> None:
    side = played.side
    assert side.register.store(stored("a"))
    far = Head(epoch=2, seq=90, chain="c" * 64)
    played.origin.tenants["demo"] = lease(head=far)
    played.origin.feed.put_nowait(JournalAnswer(entries=(), compacted=("demo",)))
    await played.until(lambda: played.cursor == far)
    assert side.register.key_of("a") is None
    assert any(isinstance(event, Dropped) for event in played.events)
    assert not side.node.fresh(stored("a", sequence=89, epoch=2))
    assert side.node.fresh(stored("a", sequence=90, epoch=2))
    assert not side.node.fresh(stored("a", sequence=90, epoch=1))
    (known,) = await side.db.load()
    assert (known.cursor, known.epoch_floor) == (far, 2)


async def test_a_fresh_start_is_on_the_disk_first_or_does_not_happen(
    played: Playing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise NoRoom("full")

    played.origin.tenants["demo"] = lease(head=Head(epoch=2, seq=90, chain="c" * 64))
    monkeypatch.setattr(played.side.db, "save", full)
    played.origin.feed.put_nowait(JournalAnswer(entries=(), compacted=("demo",)))
    await played.until(lambda: played.agent.failures > 0)
    assert played.cursor == HEAD
    assert not any(isinstance(event, Dropped) for event in played.events)


# --- an origin of yesterday -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [Head(epoch=1, seq=9, chain=HEAD.chain), Head(epoch=1, seq=10, chain="e" * 64), Head(epoch=0, seq=99, chain="")],
)
async def test_a_tenant_whose_head_went_back_is_not_served_and_the_others_are(played: Playing, head: Head) -> None:
    side = played.side
    assert side.register.store(stored("a"))
    played.origin.tenants = {"demo": lease(head=head), "other": lease("other")}
    await played.agent._accept(await played.agent._ask())
    assert (side.node.tenants["demo"].grant, side.node.tenants["demo"].refused) == (None, NOT_CONTINUED)
    assert side.node.tenants["other"].grant is not None
    assert side.register.key_of("a") is None
    assert isinstance(played.events[-2], Withdrawn)
    assert (set(side.node.cursors()), played.cursor) == ({"other"}, HEAD)


async def test_when_the_origin_knows_again_what_this_node_knows_the_tenant_is_served(played: Playing) -> None:
    played.origin.tenants["demo"] = lease(head=Head(epoch=1, seq=9, chain=HEAD.chain))
    await played.agent._accept(await played.agent._ask())
    played.origin.tenants["demo"] = lease()
    await played.agent._accept(await played.agent._ask())
    assert played.side.node.tenants["demo"].grant is not None
    assert played.side.node.tenants["demo"].refused == ""


@pytest.mark.parametrize("unknown", [True, False])
async def test_a_tenant_with_another_past_is_refused(played: Playing, unknown: bool) -> None:
    wrong = msgspec.structs.replace(entries(Kind.ASSET)[0], chain="e" * 64)
    played.origin.feed.put_nowait(
        JournalAnswer(entries=() if unknown else (wrong,), unknown=("demo",) if unknown else ())
    )
    await played.until(lambda: played.side.node.tenants["demo"].refused == NOT_CONTINUED)
    assert played.cursor == HEAD


async def test_a_tenant_that_is_granted_no_longer_is_forgotten(played: Playing) -> None:
    played.origin.tenants, played.origin.refused = {}, {"demo": "not in this region"}
    await played.agent._accept(await played.agent._ask())
    assert (played.side.node.tenants, played.side.tenure.refused) == ({}, {"demo": "not in this region"})
    assert await played.side.db.load() == []


async def test_a_tenant_that_cannot_be_written_down_is_left_out_and_the_lease_counts_for_the_others(
    played: Playing, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise NoRoom("full")

    before = played.side.page.lease_deadline_ns
    played.origin.tenants["new"] = lease("new")
    clock.ns += NANOSECONDS
    with monkeypatch.context() as patched:
        patched.setattr(played.side.db, "save", full)
        await played.agent._accept(await played.agent._ask())
    assert played.side.page.lease_deadline_ns > before
    assert (set(played.side.node.tenants), played.side.tenure.knows_all) == ({"demo"}, False)
    await played.agent._accept(await played.agent._ask())
    assert (set(played.side.node.tenants), played.side.tenure.knows_all) == ({"demo", "new"}, True)


# --- a new agent on what an earlier one has written -----------------------------------------------------------------


async def test_a_new_agent_goes_on_where_the_last_one_was(tmp_path: Path) -> None:
    one, two = entries(Kind.ERASE, Kind.ASSET)
    async with playing(tmp_path) as first:
        await first.until(lambda: first.agent.tenure.leased)
        first.origin.commit(one)
        await first.until(lambda: first.cursor == after(one))
    first.origin.asked.clear()
    async with playing(tmp_path, first.origin) as second:
        await second.until(lambda: bool(second.origin.asked))
        assert second.cursor == after(one)
        assert second.side.node.tenants["demo"].fence.is_erased(one.aids[0])
        assert second.origin.asked[0].heads == {"demo": after(one)}
        second.origin.commit(two)
        await second.until(lambda: second.cursor == after(two))


async def test_before_its_first_lease_a_new_agent_tells_workers_which_tenants_wait(tmp_path: Path) -> None:
    async with playing(tmp_path) as first:
        await first.until(lambda: first.agent.tenure.leased)
    async with agent_side(tmp_path) as side:
        played = Playing(side)
        await played.agent.start()
        snapshot, parts = side.node.snapshot()
        assert parts == ()
        assert [(one.tenant, one.epoch, one.applied) for one in snapshot.waiting] == [("demo", HEAD.epoch, HEAD.seq)]
        await played.agent._accept(await played.agent._ask())
        snapshot, parts = side.node.snapshot()
        assert ([part.granted.grant.tenant for part in parts], snapshot.waiting) == (["demo"], ())
        assert snapshot.parts == 1
