"""The protocol holds; without any one of its guards it does not, and the shortest story of why is told.

A guard that another one stands in for (a second defence) is listed with it: alone it may be missing, both may not.
"""

from __future__ import annotations

import pytest

from tests.model import erase, peers
from tests.model.explore import Explored, TooMany, explore

STATES_MAX = 400_000


def told(**slips: bool) -> Explored[erase.State]:
    return explore(erase.State(), erase.steps(erase.Rules(**slips)), states_max=STATES_MAX)


def test_the_protocol_holds_and_everything_in_it_happens() -> None:
    found = told()
    print(f"\n{found.states} states")
    assert found.holds, " > ".join(found.story)
    assert found.states > 50_000
    assert found.seen >= {
        "tick", "tick that the edge's clock loses", "ask for a lease", "grant", "lose it", "take the lease", "apply the entry", "ack",
        "forget the record", "crash", "start", "ask for the bytes", "read them", "refuse them", "insert", "drop them", "open the file",
        "approve a write", "write", "erase", "fenced", "the CDN stores it", "purge", "verified",
    }  # fmt: skip


BROKEN = {
    "an edge that serves without a lease": ({"serves_under_lease": False}, "bytes after fenced", ("erase", "fenced", "write")),
    "a fence that skips who cannot be reached": (
        {"waits_for_unreachable": False}, "bytes after fenced", ("take the lease", "erase", "fenced", "write"),
    ),
    "a copy that nobody checks when it comes in or goes out": (
        {"checks_at_insert": False, "checks_at_look_up": False}, "bytes after fenced", ("read them", "erase", "ack", "insert"),
    ),
    "a lease that counts from its receipt": ({"lease_from_send": False}, "bytes after fenced", ("grant", "tick", "take the lease")),
    "a deletion that is not durable, and a file that opens without a key from the origin": (
        {"durable_before_ack": False, "key_gate": False}, "bytes after fenced", ("apply the entry", "crash", "start", "open the file"),
    ),
    "a CDN that is purged before the edges are fenced": (
        {"purges_after_fence": False}, "bytes after verified", ("write", "purge", "the CDN stores it"),
    ),
    "a CDN that is not purged again for what was on its way": (
        {"purges_after_transit": False}, "bytes after verified", ("write", "fenced", "purge", "the CDN stores it"),
    ),
    "a restore that brings the key back, and a forgotten tombstone": (
        {"restore_without_key": False}, "bytes after fenced", ("forget the record", "restore", "read them after the restore"),
    ),
    "a lease without a margin for the clock": ({"margin": False}, "bytes after fenced", ("tick that the edge's clock loses",)),
    "a grant with a head that was read before it was asked for": (
        {"head_at_grant": False}, "bytes after fenced", ("erase", "fenced", "grant", "take the lease"),
    ),
    "an ack that does not wait for approved writes": (
        {"ack_after_writes": False}, "bytes after fenced", ("approve a write", "ack", "fenced", "write"),
    ),
    "a fence without a floor": ({"floor": False}, "bytes after fenced", ("read them", "forget the record", "insert")),
}  # fmt: skip


@pytest.mark.parametrize("slips, what, steps", BROKEN.values(), ids=BROKEN)
def test_without_a_guard_it_breaks(slips: dict[str, bool], what: str, steps: tuple[str, ...]) -> None:
    found = told(**slips)
    assert found.what == what
    left = iter(found.story)
    assert all(step in left for step in steps), " > ".join(found.story)


HOLDING = {
    "copies are checked when they go out": {"checks_at_insert": False},
    "copies are checked when they come in": {"checks_at_look_up": False},
    "a file that came back opens with no key": {"durable_before_ack": False},
    "tombstones are kept for good": {"restore_without_key": False, "tombstones_kept": True},
    "clocks are perfect": {"margin": False, "slow_clock": False},
}


@pytest.mark.parametrize("slips", HOLDING.values(), ids=HOLDING)
def test_with_its_second_defence_it_holds(slips: dict[str, bool]) -> None:
    found = told(**slips)
    assert found.holds, " > ".join(found.story)


# --- two edges -------------------------------------------------------------------------------------------------------


def between(**slips: bool) -> Explored[peers.State]:
    return explore(peers.State(), peers.steps(peers.Rules(**slips)), states_max=STATES_MAX)


BETWEEN = [(need, through) for need in (False, True) for through in (False, True)]


@pytest.mark.parametrize("peers_need_lease, through_b", BETWEEN)
def test_edges_that_fill_from_each_other_hold(peers_need_lease: bool, through_b: bool) -> None:
    found = between(peers_need_lease=peers_need_lease, through_b=through_b)
    assert found.holds, " > ".join(found.story)
    assert {"a: read from the other", "b: drop it", "a: insert it", "fenced"} <= found.seen


BROKEN_BETWEEN = [(slip, *how) for slip in ("floor", "record") for how in BETWEEN]


@pytest.mark.parametrize("slip, peers_need_lease, through_b", BROKEN_BETWEEN)
def test_edges_that_believe_older_sources_break(slip: str, peers_need_lease: bool, through_b: bool) -> None:
    found = between(peers_need_lease=peers_need_lease, through_b=through_b, **{slip: False})
    assert found.what == "bytes after fenced"


def test_a_model_that_grows_beyond_its_bound_is_noticed() -> None:
    with pytest.raises(TooMany):
        explore(0, lambda number: [("count", number + 1)], states_max=10)
