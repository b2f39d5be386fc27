"""Every story of what goes wrong without a guard (tests/model), told to the real code: with the guard it does not go wrong,
without it it does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import pytest

from domicile.media import journal
from tests.model import erase
from tests.model.explore import Explored, explore
from tests.model.test_models import BROKEN, BROKEN_BETWEEN, STATES_MAX, between
from tests.replay import slips
from tests.replay.loop import Loop, run
from tests.replay.slips import Slip
from tests.replay.stories import FILLERS, PICTURE, TICK_SECONDS, TICK_SECONDS_WITHOUT_MARGIN, Story, Told, TwoEdges
from tests.replay.world import world

RECORDS_MAX = len(FILLERS) // 2
"""What a fence remembers here."""


Between = tuple[str, bool, bool]
"""(guard, peers_need_lease, through_b)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """How a story is told, and which guards of the real code stand for the one of the model."""

    without: tuple[Slip, ...]
    refused_at: str
    """The first step that the real code does not do."""
    tick_seconds: float = TICK_SECONDS
    is_slow: bool = False
    """May the edge's clock lose anything?"""
    crashes: bool = False
    """May the edge crash in it? One that has started again and has no lease yet has neither keys nor policy of anybody."""
    restores: tuple[str, ...] = ()


REPLAYED = {
    "an edge that serves without a lease": Replayed(
        without=(slips.serves_under_lease,), refused_at="ask for the bytes"
    ),
    "a fence that skips who cannot be reached": Replayed(without=(slips.waits_for_unreachable,), refused_at="fenced"),
    "a copy that nobody checks when it comes in or goes out": Replayed(without=(slips.checks,), refused_at="insert"),
    "a lease that counts from its receipt": Replayed(without=(slips.lease_from_send,), refused_at="ask for the bytes"),
    "a deletion that is not durable, and a file that opens without a key from the origin": Replayed(
        without=(slips.durable_before_ack, slips.key_gate), refused_at="open the file", crashes=True
    ),
    "a CDN that is purged before the edges are fenced": Replayed(
        without=(slips.purges_after_fence,), refused_at="verified"
    ),
    "a CDN that is not purged again for what was on its way": Replayed(
        without=(slips.purges_after_transit,), refused_at="verified"
    ),
    "a restore that brings the key back, and a forgotten tombstone": Replayed(
        without=(slips.restore_without_key,),
        refused_at="read them after the restore",
        restores=("data", "data.keys"),
    ),
    "a lease without a margin for the clock": Replayed(
        without=(slips.margin,), refused_at="fenced", is_slow=True, tick_seconds=TICK_SECONDS_WITHOUT_MARGIN
    ),
    "a grant with a head that was read before it was asked for": Replayed(
        without=(slips.head_at_grant,), refused_at="take the lease"
    ),
    "an ack that does not wait for approved writes": Replayed(without=(slips.ack_after_writes,), refused_at="ack"),
    "a fence without a floor": Replayed(without=(slips.floor,), refused_at="insert"),
}
"""By the names of tests.model.test_models.BROKEN."""


AS_IT_IS = {"waits_anew": True, "ends_fills": True}
"""What the real code does and the model need not: of two stories that one is told which gets as far as the guard."""
LEASED = erase.State(lease=erase.LEASE, last=0)
"""Where stories begin. (An edge without a first lease could not fill.)"""


@cache
def found(name: str) -> Explored[erase.State]:
    """The explorer's own shortest story."""
    slipped, what, _ = BROKEN[name]
    how = REPLAYED[name]
    explored = explore(
        LEASED._replace(crashed=not how.crashes),
        erase.steps(erase.Rules(**AS_IT_IS, slow_clock=how.is_slow, **slipped)),
        states_max=STATES_MAX,
    )
    assert explored.what == what
    return explored


def told(name: str, without: Iterable[Slip], patch: pytest.MonkeyPatch) -> Told:
    how = REPLAYED[name]
    story = found(name).story
    print("\n" + " > ".join(story))
    patch.setattr(journal, "FENCE_RECORDS_MAX", RECORDS_MAX)
    for slip in without:
        slip(patch)

    async def tell(loop: Loop) -> Told:
        async with world(loop, uploads=(PICTURE, *FILLERS)) as w:
            return await Story(w, tick_seconds=how.tick_seconds, restores=how.restores).begin(story)

    said = run(tell)
    print(said)
    return said


@pytest.mark.parametrize("name", REPLAYED)
def test_the_real_code_refuses(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = told(name, (), monkeypatch)
    assert not said.violations
    assert said.refused, "nothing was refused, and nothing went wrong: the story is not told"
    assert said.refused[0][0] == REPLAYED[name].refused_at


@pytest.mark.parametrize("name", REPLAYED)
def test_without_the_guard_it_goes_wrong(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = told(name, REPLAYED[name].without, monkeypatch)
    assert not said.refused
    assert said.violations


def test_every_story_is_told() -> None:
    assert list(REPLAYED) == list(BROKEN)


# --- two edges ------------------------------------------------------------------------------------------------------------

BETWEEN_WITHOUT: dict[str, Slip] = {"floor": slips.floor, "record": slips.record}
NOT_REPLAYED = {
    (slip, False, True): "a parent without a lease has nothing: the keys and the policy of a tenant come with its grant"
    for slip in BETWEEN_WITHOUT
}
"""Stories whose guard cannot be taken from the real code: it has no such state. They are refused all the same."""
TOLD_BETWEEN = [how for how in BROKEN_BETWEEN if how[1:] != (True, False)]
"""Who does not ask the other needs no lease of the other: these would be told twice."""


def found_between(how: Between) -> tuple[str, ...]:
    slip, peers_need_lease, through_b = how
    return between(peers_need_lease=peers_need_lease, through_b=through_b, **{slip: False}).story


def told_between(how: Between, without: Iterable[Slip], patch: pytest.MonkeyPatch) -> Told:
    story = found_between(how)
    print("\n" + " > ".join(story))
    patch.setattr(journal, "FENCE_RECORDS_MAX", RECORDS_MAX)
    for taken in without:
        taken(patch)

    async def tell(loop: Loop) -> Told:
        parents = {"a": "b"} if how[2] else {}
        async with world(loop, uploads=(PICTURE, *FILLERS), edges="ab", parents=parents) as w:
            return await TwoEdges(w).tell(story)

    said = run(tell)
    print(said)
    return said


@pytest.mark.parametrize("how", TOLD_BETWEEN, ids=str)
def test_edges_refuse_what_an_older_source_has(how: Between, monkeypatch: pytest.MonkeyPatch) -> None:
    said = told_between(how, (), monkeypatch)
    assert not said.violations
    assert said.refused


@pytest.mark.parametrize("how", [how for how in TOLD_BETWEEN if how not in NOT_REPLAYED], ids=str)
def test_without_the_guard_an_older_source_is_believed(how: Between, monkeypatch: pytest.MonkeyPatch) -> None:
    said = told_between(how, (BETWEEN_WITHOUT[how[0]],), monkeypatch)
    assert not said.refused
    assert said.violations


def test_all_but_two_stories_are_told_both_ways() -> None:
    assert set(NOT_REPLAYED) <= set(TOLD_BETWEEN)
    assert (len(REPLAYED), len(TOLD_BETWEEN), len(NOT_REPLAYED)) == (12, 6, 2)
    for slip, _, through_b in set(BROKEN_BETWEEN) - set(TOLD_BETWEEN):
        assert found_between((slip, True, through_b)) == found_between((slip, False, through_b))
