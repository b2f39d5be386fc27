"""An edge whose machine is copied or put back while it runs: what holds, what does not without a guard, and what is left."""

from __future__ import annotations

import pytest

from tests.model import copies
from tests.model.explore import Explored, explore

STATES_MAX = 60_000


def told(**slips: bool) -> Explored[copies.State]:
    return explore(copies.State(), copies.steps(copies.Rules(**slips)), states_max=STATES_MAX)


def test_a_machine_that_has_had_an_answer_since_serves_nothing_that_is_fenced() -> None:
    found = told()
    print(f"\n{found.states} states")
    assert found.holds, " > ".join(found.story)
    each = {"renew", "renew, and the answer is lost", "apply the entry", "ack", "its ack is refused"}
    assert found.seen == {
        "tick",
        "erase",
        "fenced",
        "snapshot",
        "put back",
        "copy",
        *(f"{name}: {what}" for name in "ab" for what in each),
    }


def test_one_that_hears_of_it_serves_nothing_at_all() -> None:
    assert told(hears=True, window=False).holds


def test_one_that_neither_hears_of_it_nor_has_had_an_answer_may_serve() -> None:
    """What is left, and no more: see test_a_machine_that_has_had_an_answer_since_serves_nothing_that_is_fenced."""
    found = told(window=False)
    assert found.what == "bytes after fenced"
    after = found.story[found.story.index("put back") :]
    assert "a: renew" not in after


BROKEN: dict[str, tuple[dict[str, bool], tuple[str, ...]]] = {
    "nobody shows a nonce": ({"nonces": False}, ("fenced", "put back", "a: renew", "a serves")),
    "a nonce that was used is taken": (
        {"refuses_used": False},
        ("copy", "a: renew", "a: renew", "b: renew", "b: ack", "fenced", "a serves"),
    ),
    "acks count although a nonce was shown twice": (
        {"doubts": False},
        ("copy", "a: renew", "b: renew", "b: ack", "fenced", "a serves"),
    ),
    "acks show no nonce": ({"in_acks": False}, ("copy", "a: renew", "b: ack", "fenced", "a serves")),
    "the lease before goes on by a clock that stood still": (
        {"ends_former": False},
        ("fenced", "put back", "a: renew", "a serves"),
    ),
}


@pytest.mark.parametrize("slips, steps", BROKEN.values(), ids=BROKEN)
def test_without_a_guard_it_breaks(slips: dict[str, bool], steps: tuple[str, ...]) -> None:
    found = told(**slips)
    assert found.what == "bytes after fenced"
    left = iter(found.story)
    assert all(step in left for step in steps), " > ".join(found.story)
