"""Copies of an edge under one boot id: whose acks count, and who is told to begin anew."""

from __future__ import annotations

import pytest

from domicile.media.errors import BootSplit, Overloaded
from origin.boots import ISSUED_MAX, Handed, Showing, packed, unpacked
from origin.fenced import Leases
from origin.records.types import Fencing
from tests.unit.origin.test_fenced import LEASE, OVER, Clock, ack, asked, commit, head, lease


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def leases(clock: Clock) -> Leases:
    made = Leases(monotonic=clock)
    made.know_heads({"acme": head(5)})
    return made


def test_each_answer_is_shown_once() -> None:
    first = Handed().after(0)
    second = first.after(first.newest)
    assert [second.judge(nonce) for nonce in (second.newest, first.newest, 0)] == [
        Showing.NEXT,
        Showing.AGAIN,
        Showing.USED,
    ]


def test_of_several_that_were_given_for_one_the_first_that_is_shown_goes_on() -> None:
    first = Handed().after(0)
    lost = first.after(first.newest)
    heard = lost.after(first.newest)
    assert {heard.judge(lost.newest), heard.judge(heard.newest)} == {Showing.NEXT}
    assert heard.after(lost.newest).judge(heard.newest) is Showing.USED


def test_answers_that_are_lost_for_long_take_no_room() -> None:
    handed = Handed().after(0)
    for _ in range(2 * ISSUED_MAX):
        handed = handed.after(0)
    assert len(handed.issued) == ISSUED_MAX
    assert handed.judge(handed.newest) is Showing.NEXT


@pytest.mark.parametrize("is_doubted", [False, True])
def test_what_may_be_shown_outlives_a_restart(is_doubted: bool) -> None:
    handed = Handed().after(0).after(0)
    assert unpacked(packed(handed, is_doubted=is_doubted)) == (handed, is_doubted)


def test_of_a_row_from_before_anything_is_believed_once() -> None:
    handed, is_doubted = unpacked(None)
    assert (handed.judge(7), is_doubted) == (Showing.NEXT, False)


def test_a_used_nonce_is_refused_and_no_ack_of_its_boot_counts_for_a_lease(leases: Leases, clock: Clock) -> None:
    old = lease(leases).handed.newest
    lease(leases)
    lease(leases)
    commit(leases, 6)
    ack(leases, 6)
    assert leases.state("acme", 6).state is Fencing.FENCED
    assert lease(leases, nonce=old).showing is Showing.USED
    commit(leases, 7)
    ack(leases, 7)
    assert leases.state("acme", 7).waiting == 1
    clock.now += OVER - 0.01
    assert leases.state("acme", 7).waiting == 1
    clock.now += 0.02
    assert leases.state("acme", 7).acked == 1


def test_the_one_that_shows_the_newest_goes_on(leases: Leases) -> None:
    old = lease(leases).handed.newest
    lease(leases)
    lease(leases)
    lease(leases, nonce=old)
    assert lease(leases).showing is Showing.NEXT


def test_an_answer_that_was_lost_costs_the_boot_its_acks_for_a_lease_and_nothing_else(
    leases: Leases, clock: Clock
) -> None:
    shown = lease(leases).handed.newest
    lease(leases)
    again = lease(leases, nonce=shown)
    assert (again.showing, again.former_seconds) == (Showing.AGAIN, 0.0)
    commit(leases, 6)
    ack(leases, 6)
    assert leases.state("acme", 6).waiting == 1
    clock.now += OVER + 0.01
    assert leases.state("acme", 6).acked == 1


def test_an_ack_shows_the_newest_nonce(leases: Leases) -> None:
    first = lease(leases).handed.newest
    second = lease(leases).handed.newest
    commit(leases, 6)
    with pytest.raises(Overloaded):
        ack(leases, 6, nonce=first)
    assert leases.state("acme", 6).waiting == 1
    lease(leases)
    with pytest.raises(BootSplit):
        ack(leases, 6, nonce=first)
    ack(leases, 6)
    assert leases.state("acme", 6).waiting == 1, "somebody else asks under this id"
    assert second


def test_who_may_be_another_releases_nothing(leases: Leases) -> None:
    old = lease(leases).handed.newest
    lease(leases)
    lease(leases)
    assert not leases.release(asked(nonce=old))
    commit(leases, 6)
    assert leases.state("acme", 6).waiting == 1


def test_one_that_is_not_known_any_more_and_serves_by_its_own_clock_is_waited_for(leases: Leases, clock: Clock) -> None:
    commit(leases, 6)
    clock.now += 1
    lease(leases, "n1", nonce=77)
    assert leases.state("acme", 6).state is Fencing.FENCED, "its lease was over"
    lease(leases, "n2", nonce=78, leased=True)
    assert leases.state("acme", 6).waiting == 1


def test_the_lease_before_ends_as_what_it_has_not_acked_is_waited_for(leases: Leases, clock: Clock) -> None:
    lease(leases)
    assert lease(leases, heads={"acme": head(5)}).former_seconds == LEASE
    commit(leases, 6)
    clock.now += 20
    assert lease(leases, heads={"acme": head(5)}).former_seconds == LEASE - 20
    assert lease(leases, heads={"acme": head(6)}).former_seconds == LEASE
    ack(leases, 6)
    assert lease(leases, heads={"acme": head(5)}).former_seconds == 0.0, "it has gone back behind its own ack"


def test_a_catalogue_of_an_older_state_does_not_know_what_was_given_since(leases: Leases) -> None:
    lease(leases)
    leases.expect_strangers(LEASE)
    taken = lease(leases, nonce=99)
    assert (taken.showing, taken.former_seconds) == (Showing.NEXT, 0.0)
