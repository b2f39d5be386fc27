"""How long a node may serve: never longer than the origin waits, whichever of the two clocks runs wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.media.journal import GENESIS, Head
from edge.lease import (
    CLOCK_DRIFT_MAX,
    JITTER_SHARE,
    LEASE_SECONDS_MAX,
    NANOSECONDS,
    RENEW_SHARE,
    RETRY_SECONDS_MAX,
    RETRY_SECONDS_MIN,
    WALL_SET_SECONDS,
    PendingLease,
    deadline_ns,
    is_set,
    renew_after_seconds,
    retry_after_seconds,
)


def head(seq: int) -> Head:
    return Head(epoch=1, seq=seq, chain=GENESIS)


@given(
    st.integers(0, 10**18),
    st.floats(0.01, LEASE_SECONDS_MAX),
    st.floats(-CLOCK_DRIFT_MAX, CLOCK_DRIFT_MAX),
    st.floats(-CLOCK_DRIFT_MAX, CLOCK_DRIFT_MAX),
)
def test_the_node_stops_before_the_origin_stops_waiting(sent: int, lease: float, ours: float, theirs: float) -> None:
    """The origin's commit comes after the sending; it waits L(1+rho) on its clock. Both clocks may be off by rho."""
    node_seconds = (deadline_ns(sent_ns=sent, lease_seconds=lease) - sent) / NANOSECONDS / (1 + ours)
    origin_seconds = lease * (1 + CLOCK_DRIFT_MAX) / (1 + theirs)
    assert node_seconds <= origin_seconds * (1 + 1e-12)


@given(st.floats(1.0, LEASE_SECONDS_MAX))
def test_hardly_anything_of_the_lease_is_given_away(lease: float) -> None:
    assert deadline_ns(sent_ns=0, lease_seconds=lease) >= lease * (1 - 3 * CLOCK_DRIFT_MAX) * NANOSECONDS


@pytest.mark.parametrize("way", [-1, 1])
@pytest.mark.parametrize(("share", "was_set"), [(0.0, False), (0.9, False), (1.1, True), (1000.0, True)])
def test_a_wall_clock_was_set_when_it_has_moved_further_than_it_is_slewed(
    way: int, share: float, *, was_set: bool
) -> None:
    moved = way * int(share * WALL_SET_SECONDS * NANOSECONDS)
    assert is_set(7 * NANOSECONDS, 7 * NANOSECONDS + moved) == was_set


def test_the_deadline_counts_from_the_sending() -> None:
    assert deadline_ns(sent_ns=5, lease_seconds=10, drift=0) == 5 + 10 * NANOSECONDS


@pytest.mark.parametrize("granted, counts", [(-1.0, 0.0), (0.0, 0.0), (10**9, LEASE_SECONDS_MAX)])
def test_a_grant_that_makes_no_sense_is_cut(granted: float, counts: float) -> None:
    assert deadline_ns(sent_ns=0, lease_seconds=granted, drift=0) == counts * NANOSECONDS


@given(st.floats(1.0, LEASE_SECONDS_MAX), st.floats(0, 1, exclude_max=True))
def test_two_renewals_may_fail_within_a_lease(lease: float, random: float) -> None:
    wait = renew_after_seconds(lease, random)
    assert lease * RENEW_SHARE * (1 - JITTER_SHARE) <= wait <= lease / 3


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_pauses_after_failures_grow_and_have_an_end(failures: int, random: float) -> None:
    wait = retry_after_seconds(failures, random)
    assert RETRY_SECONDS_MIN * (1 - JITTER_SHARE) <= wait <= RETRY_SECONDS_MAX
    assert retry_after_seconds(failures + 1, random) >= wait


def test_a_lease_counts_when_everything_up_to_each_of_its_heads_is_applied() -> None:
    pending = PendingLease(deadline_ns=1, heads={"one": head(5), "two": head(9)})
    assert pending.usable({"one": head(5), "two": head(10), "three": head(0)})
    assert not pending.usable({"one": head(5), "two": head(8)})
    assert not pending.usable({"one": head(4), "two": head(9)})
    assert not pending.usable({"one": head(5)})
    assert PendingLease(deadline_ns=1, heads={}).usable({})
