from __future__ import annotations

import asyncio

import pytest

from domicile.media.asset import Aid, NameHash
from domicile.media.errors import AssetNotFound, Overloaded, UpstreamUnavailable
from domicile.media.journal import Entry, Kind
from edge.flight import Fill, Flights, Outcome, concerns, result
from edge.store.port import Stored, StoredHead

AID, OTHER_AID = Aid("a" * 32), Aid("b" * 32)
NAME, OTHER_NAME = NameHash("1" * 32), NameHash("2" * 32)


def stored(sequence: int = 1) -> Stored:
    head = StoredHead(
        tenant="demo", contributors=(AID,), names=(NAME,), epoch=1, sequence=sequence, config_revision=1, stored_at=0.0,
        ttl_seconds=60.0, content_type="image/png", etag='"e"', body_bytes=3, format="png", content_info="",
    )  # fmt: skip
    return Stored(head=head, body=b"abc")


def body(outcome: Outcome) -> object:
    assert isinstance(outcome, Stored)
    return outcome.body


def entry(
    kind: str, *, seq: int = 2, tenant: str = "demo", aids: tuple[Aid, ...] = (), names: tuple[NameHash, ...] = ()
) -> Entry:
    return Entry(tenant=tenant, epoch=1, seq=seq, kind=kind, aids=aids, names=names)


class Runs:
    """A work that can be held back and counted."""

    def __init__(self) -> None:
        self.count = 0
        self.go = asyncio.Event()
        self.after = asyncio.Event()
        self.after.set()
        self.error: Exception | None = None

    async def __call__(self, fill: Fill) -> None:
        self.count += 1
        await self.go.wait()
        if self.error:
            raise self.error
        fill.settle(stored())
        await self.after.wait()


def flights(
    group: asyncio.TaskGroup,
    *,
    fills_max: int = 4,
    queued_max: int = 4,
    queued_tenant_max: int = 4,
    seconds: float = 5.0,
    queued_seconds: float = 5.0,
) -> Flights:
    return Flights(
        group,
        fills_max=fills_max,
        queued_max=queued_max,
        queued_tenant_max=queued_tenant_max,
        queued_seconds_max=queued_seconds,
        fill_seconds_max=seconds,
    )


def begin(them: Flights, work: Runs, key: str = "k", *, tenant: str = "demo") -> Fill:
    return them.begin(key, tenant=tenant, names=[NAME], work=work)[0]


async def test_fifty_askers_make_one_fill() -> None:
    work = Runs()
    async with asyncio.TaskGroup() as group:
        them = flights(group)
        fills = [begin(them, work) for _ in range(50)]
        waiters = [group.create_task(result(fill)) for fill in fills]
        await asyncio.sleep(0)
        work.go.set()
    assert work.count == 1
    assert {body(waiter.result()) for waiter in waiters} == {b"abc"}
    assert len(them) == 0


async def test_a_waiter_that_leaves_does_not_end_the_fill() -> None:
    work = Runs()
    async with asyncio.TaskGroup() as group:
        them = flights(group)
        fill = begin(them, work)
        leaver, stayer = group.create_task(result(fill)), group.create_task(result(fill))
        await asyncio.sleep(0)
        leaver.cancel()
        await asyncio.sleep(0)
        work.go.set()
    assert body(stayer.result()) == b"abc"


async def test_all_waiters_get_the_fills_error_and_the_next_asker_tries_again() -> None:
    work = Runs()
    work.error = AssetNotFound("Resource not found")
    async with asyncio.TaskGroup() as group:
        them = flights(group)
        fill = begin(them, work)
        work.go.set()
        for _ in range(2):
            with pytest.raises(AssetNotFound):
                await result(fill)
        await asyncio.sleep(0)
        work.error = None
        assert body(await result(begin(them, work))) == b"abc"


async def test_a_bug_in_a_fill_reaches_those_who_wait_and_leaves_the_others_alone() -> None:
    work, fine = Runs(), Runs()
    work.error = ZeroDivisionError("bug")
    async with asyncio.TaskGroup() as group:
        them = flights(group)
        broken, good = begin(them, work, "a"), begin(them, fine, "b")
        work.go.set()
        with pytest.raises(ZeroDivisionError):
            await result(broken)
        fine.go.set()
        assert body(await result(good)) == b"abc"


async def test_more_fills_than_the_queue_takes_are_refused() -> None:
    work = Runs()
    async with asyncio.TaskGroup() as group:
        them = flights(group, fills_max=1, queued_max=1)
        begin(them, work, "a")
        begin(them, work, "b")
        begin(them, work, "a")  # joining costs nothing
        with pytest.raises(Overloaded):
            begin(them, work, "c")
        await asyncio.sleep(0.01)
        assert work.count == 1
        work.go.set()
    assert work.count == 2


async def test_a_fill_that_takes_too_long_is_given_up() -> None:
    work = Runs()
    async with asyncio.TaskGroup() as group:
        them = flights(group, seconds=0.02)
        with pytest.raises(UpstreamUnavailable):
            await result(begin(them, work))


async def test_who_asks_while_the_result_is_being_kept_gets_it_at_once() -> None:
    work = Runs()
    work.after.clear()
    work.go.set()
    async with asyncio.TaskGroup() as group:
        them = flights(group)
        await result(begin(them, work))
        assert body(await result(begin(them, work))) == b"abc"
        work.after.set()
    assert work.count == 1


@pytest.mark.parametrize(
    ("said", "sequence", "known", "wanted"),
    [
        (entry(Kind.ASSET, aids=(AID,)), None, False, True),  # before the name is resolved any aid may be ours
        (entry(Kind.ASSET, aids=(OTHER_AID,)), None, False, True),
        (entry(Kind.ASSET, aids=(AID,)), 1, True, True),
        (entry(Kind.ASSET, aids=(OTHER_AID,)), 1, True, False),
        (entry(Kind.NAME, names=(NAME,)), None, False, True),
        (entry(Kind.NAME, names=(OTHER_NAME,)), None, False, False),
        (entry(Kind.NAME, names=(NAME,)), 1, True, True),
        (entry(Kind.ERASE, aids=(AID,)), 1, True, True),
        (entry(Kind.RESTRICT, aids=(AID,)), 1, True, True),
        (entry(Kind.ALL), 1, True, True),
        (entry("a kind of the future"), 1, True, True),
        (entry(Kind.CONFIG), 1, True, True),
        (entry(Kind.ALL), 2, True, False),  # read after the purge
        (entry(Kind.ASSET, aids=(AID,)), 2, True, False),
        (entry(Kind.ALL, tenant="another"), None, False, False),
    ],
)
async def test_which_entries_close_a_fill(said: Entry, sequence: int | None, known: bool, wanted: bool) -> None:
    future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    fill = Fill(key="k", tenant="demo", names=frozenset({NAME}), result=future)
    if known:
        assert sequence is not None
        fill.resolved([AID], sequence)
    assert concerns(said, fill) is wanted


async def test_nobody_joins_a_fill_that_began_before_a_purge() -> None:
    early, late = Runs(), Runs()
    async with asyncio.TaskGroup() as group:
        them = flights(group)
        before = begin(them, early)
        await asyncio.sleep(0)
        them.on_entry(entry(Kind.NAME, names=(NAME,)))
        after, joined = them.begin("k", tenant="demo", names=[NAME], work=late)
        assert (after is before, joined) == (False, False)
        early.go.set()
        await result(before)
        await asyncio.sleep(0)
        again, joined = them.begin("k", tenant="demo", names=[NAME], work=late)
        assert (again is after, joined) == (True, True)  # the old fill's end did not remove the new one
        late.go.set()
        await result(after)


async def test_losing_the_lease_closes_every_fill() -> None:
    work = Runs()
    async with asyncio.TaskGroup() as group:
        them = flights(group)
        first = begin(them, work)
        them.close_all("another")
        assert begin(them, work) is first
        them.close_all()
        assert begin(them, work) is not first
        work.go.set()


# --- turns -----------------------------------------------------------------------------------------------------------


async def test_a_fill_that_waits_too_long_for_its_turn_is_refused_and_not_begun() -> None:
    first, second = Runs(), Runs()
    async with asyncio.TaskGroup() as group:
        them = flights(group, fills_max=1, queued_seconds=0.02)
        running, waiting = begin(them, first), begin(them, second, "other")
        with pytest.raises(Overloaded):
            await result(waiting)
        assert second.count == 0
        first.go.set()
        await result(running)


async def test_clouds_take_turns_so_that_a_flood_of_one_leaves_the_others_their_place() -> None:
    first, flood, lone = Runs(), Runs(), Runs()
    async with asyncio.TaskGroup() as group:
        them = flights(group, fills_max=1, queued_max=8, queued_tenant_max=8)
        begin(them, first, "first", tenant="flood")
        for number in range(4):
            begin(them, flood, f"flood {number}", tenant="flood")
        asked = begin(them, lone, "lone", tenant="other")
        await asyncio.sleep(0)
        first.go.set()
        await asyncio.sleep(0.01)
        assert (lone.count, flood.count) == (1, 0)
        lone.go.set()
        assert body(await result(asked)) == b"abc"
        flood.go.set()


async def test_fills_of_one_cloud_are_bounded_and_others_are_not_refused_for_them() -> None:
    work = Runs()
    async with asyncio.TaskGroup() as group:
        them = flights(group, fills_max=1, queued_max=9, queued_tenant_max=2)
        for number in range(3):
            begin(them, work, f"flood {number}", tenant="flood")
        with pytest.raises(Overloaded):
            begin(them, work, "flood 3", tenant="flood")
        begin(them, work, "other", tenant="other")
        work.go.set()
    assert work.count == 4
    async with asyncio.TaskGroup():
        assert not them._of, "counted back"


async def test_who_waits_for_another_worker_takes_no_turn() -> None:
    mine, theirs = Runs(), Runs()
    async with asyncio.TaskGroup() as group:
        them = flights(group, fills_max=1)
        asking, _ = them.begin("theirs", tenant="demo", names=[NAME], work=theirs, takes_turn=False)
        await asyncio.sleep(0)
        mine.go.set()
        await result(begin(them, mine))
        theirs.go.set()
        await result(asking)


async def test_of_two_fills_for_one_object_the_second_learns_of_the_first_until_that_is_closed() -> None:
    work = Runs()
    async with asyncio.TaskGroup() as group:
        them = flights(group)
        first, second, third = begin(them, work, "a"), begin(them, work, "b"), begin(them, work, "c")
        assert them.maker_of("object", first) is None
        assert them.maker_of("object", first) is None  # it may start over
        assert them.maker_of("object", second) is first
        them.close(first)
        assert them.maker_of("object", second) is None
        assert them.maker_of("object", third) is second
        work.go.set()
