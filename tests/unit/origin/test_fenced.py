"""Who can still serve the old bytes? Every line of decisions D.1 on a clock of our own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from domicile.media.errors import Overloaded
from domicile.media.journal import GENESIS, Entry, Head, Kind
from domicile.media.wire import Ack, LeaseRequest
from origin import fenced
from origin.fenced import CLOCK_DRIFT, CLOCK_MARGIN_SECONDS, Instance, Leases
from origin.records.types import Fencing

LEASE = 30.0
OVER = LEASE * (1 + CLOCK_DRIFT) + CLOCK_MARGIN_SECONDS
ACME = frozenset({"acme"})


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def leases(clock: Clock) -> Leases:
    made = Leases(monotonic=clock)
    made.know_heads({"acme": head(5)})
    return made


def head(seq: int) -> Head:
    return Head(epoch=1, seq=seq, chain=GENESIS)


def commit(leases: Leases, seq: int) -> None:
    leases.committed(Entry(tenant="acme", epoch=1, seq=seq, kind=Kind.ASSET))


def newest(leases: Leases, node: str, boot: str) -> int:
    """What an edge that heard every answer shows."""
    known = leases._instances.get((node, boot))
    return 0 if known is None or not known.handed.issued else known.handed.newest


def ack(leases: Leases, seq: int, node: str = "n1", boot: str = "b1", *, nonce: int | None = None) -> None:
    shown = newest(leases, node, boot) if nonce is None else nonce
    leases.ack(Ack(node=node, boot=boot, applied={"acme": head(seq)}, nonce=shown))


def asked(node: str = "n1", boot: str = "b1", **changes: Any) -> LeaseRequest:
    plain = {"node": node, "boot": boot, "region": "eu-de", "authorities": (), "heads": {}}
    return LeaseRequest(**{**plain, **changes})


def lease(
    leases: Leases, node: str = "n1", boot: str = "b1", *, tenants: frozenset[str] = ACME, **changes: Any
) -> Instance:
    request = asked(node, boot, **{"nonce": newest(leases, node, boot), **changes})
    return leases.register(request, lease_seconds=LEASE, tenants=tenants)


def test_without_edges_everything_is_fenced(leases: Leases) -> None:
    commit(leases, 6)
    assert leases.state("acme", 6).state is Fencing.FENCED


def test_an_edge_with_a_lease_blocks_until_it_acks(leases: Leases) -> None:
    lease(leases)
    commit(leases, 6)
    state = leases.state("acme", 6)
    assert (state.state, state.waiting, state.acked) == (Fencing.PENDING, 1, 0)
    assert state.seconds_left_max == pytest.approx(OVER)
    ack(leases, 6)
    assert leases.state("acme", 6).state is Fencing.FENCED


def test_an_ack_of_an_older_entry_does_not_count(leases: Leases) -> None:
    lease(leases)
    commit(leases, 6)
    ack(leases, 5)
    assert leases.state("acme", 6).waiting == 1


def test_every_edge_must_ack(leases: Leases) -> None:
    lease(leases, "n1")
    lease(leases, "n2")
    commit(leases, 6)
    ack(leases, 6, "n1")
    state = leases.state("acme", 6)
    assert (state.acked, state.waiting) == (1, 1)


def test_a_silent_edge_is_suspended_when_its_last_lease_has_run_out(leases: Leases, clock: Clock) -> None:
    lease(leases)
    clock.now += 10
    commit(leases, 6)
    clock.now += OVER - 10 - 0.01
    assert leases.state("acme", 6).waiting == 1
    clock.now += 0.02
    state = leases.state("acme", 6)
    assert (state.state, state.suspended, state.waiting) == (Fencing.FENCED, 1, 0)


def test_a_renewal_after_the_entry_does_not_prolong_the_wait(leases: Leases, clock: Clock) -> None:
    lease(leases)
    commit(leases, 6)
    clock.now += 20
    lease(leases)
    clock.now += OVER - 20 + 0.01
    assert leases.state("acme", 6).state is Fencing.FENCED


def test_a_renewal_before_the_entry_does_prolong_it(leases: Leases, clock: Clock) -> None:
    lease(leases)
    clock.now += 20
    lease(leases)
    commit(leases, 6)
    clock.now += OVER - 20 + 0.01
    assert leases.state("acme", 6).waiting == 1


def test_the_wait_takes_clock_drift_into_account(leases: Leases, clock: Clock) -> None:
    lease(leases)
    commit(leases, 6)
    clock.now += LEASE + 0.01
    assert leases.state("acme", 6).waiting == 1, "an edge's clock may run slower than ours"


def test_an_edge_that_came_after_an_entry_is_not_waited_for(leases: Leases, clock: Clock) -> None:
    lease(leases, "n1", "b1")
    clock.now += 1
    commit(leases, 6)
    ack(leases, 6, "n1", "b1")
    clock.now += 1
    lease(leases, "n1", "b2")  # it has started again, and knows the entry from its disk
    assert leases.state("acme", 6).state is Fencing.FENCED
    clock.now += 1
    lease(leases, "n1", "b2")
    assert leases.state("acme", 6).state is Fencing.FENCED
    commit(leases, 7)
    assert leases.state("acme", 7).waiting == 2


def test_who_was_registered_when_this_process_started_came_before_everything(leases: Leases) -> None:
    lease(leases)
    assert leases.state("acme", 5).waiting == 1


def test_nobody_acks_the_future(leases: Leases) -> None:
    lease(leases)
    ack(leases, 99)
    commit(leases, 6)
    assert leases.state("acme", 6).waiting == 1


def test_an_ack_of_a_boot_that_is_not_registered_is_ignored(leases: Leases) -> None:
    lease(leases, "n1", "b1")
    commit(leases, 6)
    ack(leases, 6, "n1", "b2")
    assert leases.state("acme", 6).waiting == 1


def test_a_new_boot_does_not_speak_for_the_old_one(leases: Leases) -> None:
    lease(leases, "n1", "b1")
    lease(leases, "n1", "b2")
    commit(leases, 6)
    ack(leases, 6, "n1", "b2")
    assert leases.state("acme", 6).waiting == 1


def test_a_released_boot_blocks_nobody(leases: Leases) -> None:
    lease(leases)
    commit(leases, 6)
    assert leases.release(asked(nonce=newest(leases, "n1", "b1")))
    assert leases.state("acme", 6).state is Fencing.FENCED


def test_an_edge_without_the_tenant_blocks_nobody(leases: Leases) -> None:
    lease(leases, tenants=frozenset({"other"}))
    commit(leases, 6)
    assert leases.state("acme", 6).state is Fencing.FENCED


def test_a_tenant_that_was_once_given_stays_counted(leases: Leases) -> None:
    lease(leases)
    lease(leases, tenants=frozenset({"other"}))
    commit(leases, 6)
    assert leases.state("acme", 6).waiting == 1


def test_a_catalogue_of_an_older_state_may_not_know_everybody(leases: Leases, clock: Clock) -> None:
    leases.expect_strangers(LEASE)
    lease(leases)
    commit(leases, 6)
    ack(leases, 6)
    waited = leases.state("acme", 6)
    assert (waited.state, waited.acked, waited.waiting) == (Fencing.PENDING, 1, 1)
    assert waited.seconds_left_max == pytest.approx(OVER)
    clock.now += OVER + 0.01
    assert leases.state("acme", 6).state is Fencing.FENCED


def test_an_entry_that_is_not_committed_is_not_fenced_by_time(leases: Leases, clock: Clock) -> None:
    lease(leases)
    assert leases.state("acme", 6).waiting == 1


def test_instances_that_fell_silent_are_dropped_at_the_next_registration(leases: Leases, clock: Clock) -> None:
    lease(leases, "n1")
    clock.now += OVER + 1
    lease(leases, "n2")
    assert leases.take_dropped() == [("n1", "b1")]
    assert leases.take_dropped() == []


def test_the_number_of_instances_is_bounded(leases: Leases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fenced, "INSTANCES_MAX", 2)
    lease(leases, "n1")
    lease(leases, "n2")
    with pytest.raises(Overloaded):
        lease(leases, "n3")


async def test_a_wait_ends_with_the_last_ack() -> None:
    leases = Leases(monotonic=asyncio.get_running_loop().time)
    leases.know_heads({"acme": head(5)})
    lease(leases)
    commit(leases, 6)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(leases.wait("acme", 6, wait_seconds=5))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        ack(leases, 6)
    assert waiting.result().state is Fencing.FENCED


async def test_a_wait_ends_with_its_time_and_says_pending() -> None:
    leases = Leases(monotonic=asyncio.get_running_loop().time)
    leases.know_heads({"acme": head(5)})
    lease(leases)
    commit(leases, 6)
    assert (await leases.wait("acme", 6, wait_seconds=0.02)).state is Fencing.PENDING
