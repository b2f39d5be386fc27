from __future__ import annotations

import pytest

from domicile.service.turns import PASSES_MAX, LineFull, Ticket, TurnLimits, Turns


def line(*, turns: int = 1, cost_max: int = 100, waiting_max: int = 100, waiting_tenant_max: int = 100) -> Turns:
    return Turns(
        TurnLimits(turns=turns, cost_max=cost_max, waiting_max=waiting_max, waiting_tenant_max=waiting_tenant_max)
    )


def ask(turns: Turns, tenant: str, cost: int = 1) -> Ticket:
    return turns.ask(tenant, cost)[0]


def test_clouds_take_turns_and_each_keeps_its_order() -> None:
    turns = line()
    first = ask(turns, "flood")
    flood = [ask(turns, "flood") for _ in range(3)]
    others = [ask(turns, "b"), ask(turns, "c")]
    order = []
    working = first
    while True:
        started = turns.leave(working)
        if not started:
            break
        (working,) = started
        order.append(working)
    assert order == [*others, *flood]


def test_large_pictures_of_a_cloud_count_for_as_much_as_they_are() -> None:
    turns = line()
    working = ask(turns, "other")
    for _ in range(2):
        ask(turns, "large", 50)
    for _ in range(4):
        ask(turns, "small", 25)
    names = []
    for _ in range(6):
        (working,) = turns.leave(working)
        names.append(working.tenant)
    assert names == ["large", "small", "small", "large", "small", "small"]


def test_a_cloud_that_was_idle_has_saved_nothing_up() -> None:
    turns = line()
    working = ask(turns, "a")
    for _ in range(20):
        ask(turns, "a")
        (working,) = turns.leave(working)
    ask(turns, "a")
    for _ in range(3):
        ask(turns, "late")
    names = []
    for _ in range(4):
        (working,) = turns.leave(working)
        names.append(working.tenant)
    assert names.index("a") < 3


def test_the_cost_in_work_is_bounded_and_smaller_jobs_use_the_room() -> None:
    turns = line(turns=4)
    first, large = ask(turns, "a", 60), ask(turns, "b", 60)
    assert (first.is_working, large.is_working) == (True, False)
    assert ask(turns, "c", 40).is_working
    assert turns.working_cost == 100
    assert turns.leave(first) == [large]


def test_a_job_of_more_than_all_works_alone() -> None:
    turns = line(turns=4)
    small = ask(turns, "a", 1)
    giant = ask(turns, "b", 1000)
    assert not giant.is_working
    assert turns.leave(small) == [giant]
    assert not ask(turns, "a", 1).is_working


def test_a_large_job_is_passed_a_bounded_number_of_times() -> None:
    turns = line(turns=2)
    first, large = ask(turns, "a", 60), ask(turns, "b", 100)
    for _ in range(PASSES_MAX):
        turns.leave(ask(turns, "c", 1))
    assert large.passed == PASSES_MAX
    small = ask(turns, "c", 1)
    assert not small.is_working, "there is room, and it is kept for the large one"
    assert turns.leave(first) == [large]
    assert turns.leave(large) == [small]


def test_who_gives_up_lets_those_behind_on() -> None:
    turns = line(turns=2)
    ask(turns, "a", 60)
    large = ask(turns, "b", 100)
    large.passed = PASSES_MAX
    small = ask(turns, "c", 1)
    assert turns.leave(large) == [small]
    assert turns.leave(large) == []


def test_a_cloud_may_have_so_many_waiting_and_the_others_are_not_refused() -> None:
    turns = line(waiting_tenant_max=2)
    for _ in range(3):
        ask(turns, "flood")
    with pytest.raises(LineFull) as full:
        ask(turns, "flood")
    assert full.value.is_own
    assert turns.waiting == 2
    ask(turns, "b")
    assert turns.waiting == 3


def test_a_full_line_takes_a_place_from_whoever_has_most() -> None:
    turns = line(waiting_max=3)
    ask(turns, "a")
    flood = [ask(turns, "a") for _ in range(3)]
    with pytest.raises(LineFull) as full:
        ask(turns, "a")
    assert not full.value.is_own
    ticket, loser = turns.ask("b", 1)
    assert loser is flood[-1]
    assert not loser.is_working
    assert not ticket.is_working
    assert turns.leave(loser) == []
    with pytest.raises(LineFull):  # two and one: one more would make it the other way round
        ask(turns, "b")
    assert turns.waiting == 3


def test_no_line_at_all_refuses_nobody_who_can_start() -> None:
    turns = line(turns=2, waiting_max=0, waiting_tenant_max=0)
    assert ask(turns, "a").is_working
    assert ask(turns, "a").is_working
    with pytest.raises(LineFull):
        ask(turns, "b")
    assert turns.waiting == 0
