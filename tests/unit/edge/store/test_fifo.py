from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.store.fifo import WeightedFifo
from edge.store.ghosts import Ghosts


def test_what_is_asked_for_again_outlives_a_scan_of_things_asked_for_once() -> None:
    fifo: WeightedFifo[int] = WeightedFifo(100)
    for n in range(20):
        fifo.put(f"hot{n}", n, 1)
    for n in range(20):
        fifo.get(f"hot{n}")
    for n in range(1000):
        fifo.put(f"once{n}", n, 1)
        for hot in range(20):
            fifo.get(f"hot{hot}")
    assert all(f"hot{n}" in fifo for n in range(20))


def test_a_name_that_comes_back_soon_is_believed() -> None:
    fifo: WeightedFifo[int] = WeightedFifo(10)
    for n in range(11):
        fifo.put(f"k{n}", n, 1)
    assert "k0" not in fifo
    fifo.put("k0", 0, 1)
    for n in range(100, 130):
        fifo.put(f"k{n}", n, 1)
    assert "k0" in fifo  # it went to the main queue, which one-hit wonders do not reach


def test_a_cost_above_the_whole_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="larger"):
        WeightedFifo[int](10).put("k", 1, 11)


@given(st.lists(st.tuples(st.sampled_from("gpd"), st.integers(0, 12), st.integers(0, 40)), max_size=200))
def test_the_sum_of_costs_is_always_right_and_within_bounds(steps: list[tuple[str, int, int]]) -> None:
    fifo: WeightedFifo[int] = WeightedFifo(100)
    costs: dict[str, int] = {}
    for what, number, cost in steps:
        key = f"k{number}"
        match what:
            case "g":
                assert (fifo.get(key) is not None) == (key in costs)
            case "p":
                gone = fifo.put(key, number, cost)
                costs[key] = cost
                for name, _ in gone:
                    del costs[name]
            case _:
                fifo.pop(key)
                costs.pop(key, None)
        assert fifo.cost == sum(costs.values()) <= 100
        assert set(fifo) == set(costs)
        assert len(fifo) == len(costs)


# --- admission ------------------------------------------------------------------------------------------------------


def test_while_there_is_room_everybody_is_let_in_and_then_only_who_came_before() -> None:
    fifo: WeightedFifo[int] = WeightedFifo(100)
    assert fifo.admits("a", 90, below=90)
    fifo.put("a", 1, 90)
    assert not fifo.admits("b", 5, below=90)
    assert fifo.admits("b", 5, below=90)
    assert fifo.admits("a", 90, below=90)  # it is there
    fifo.put("b", 2, 5)
    assert "b" in fifo._main
    assert "b" not in fifo.ghosts


def test_strangers_are_forgotten_when_too_many_came_since() -> None:
    fifo: WeightedFifo[int] = WeightedFifo(100)
    fifo.put("a", 1, 100)
    assert not fifo.admits("b", 10, below=90)
    for number in range(10):
        assert not fifo.admits(f"c{number}", 10, below=90)
    assert not fifo.admits("b", 10, below=90)


def test_ghosts_weigh_no_more_than_the_cache_and_are_no_more_than_their_number() -> None:
    ghosts = Ghosts(100, count_max=5)
    for number in range(50):
        ghosts.add(f"k{number}", 30)
        assert ghosts.cost <= 100
    assert len(ghosts) == 3
    for number in range(50):
        ghosts.add(f"k{number}", 1)
    assert (len(ghosts), ghosts.cost) == (5, 5)
    ghosts.add("k49", 4)
    assert (len(ghosts), ghosts.cost) == (5, 8)
    assert ghosts.take("k49")
    assert not ghosts.take("k49")
    assert ghosts.cost == 4
    ghosts.add("large", 101)
    assert (len(ghosts), ghosts.cost, "large" in ghosts) == (4, 4, False)


def test_who_has_proved_itself_is_said_once() -> None:
    said: list[str] = []
    fifo: WeightedFifo[int] = WeightedFifo(10, on_proven=lambda key, _: said.append(key))
    fifo.put("a", 1, 1)
    fifo.get("a")
    for number in range(40):
        fifo.put(f"b{number}", number, 1)
        fifo.get("a")
    assert said == ["a"]
    assert "a" in fifo


def test_a_proven_one_that_is_replaced_stays_proven_and_one_that_is_expelled_is_welcome() -> None:
    fifo: WeightedFifo[int] = WeightedFifo(100)
    fifo.restore("a", 1, 10)
    fifo.put("a", 2, 20)
    assert ("a" in fifo._main, fifo.cost, fifo.peek("a")) == (True, 20, 2)
    fifo.expel("a")
    fifo.expel("nobody")
    assert ("a" in fifo, fifo.cost, "a" in fifo.ghosts) == (False, 0, True)


def test_so_many_go_as_are_asked_for_by_number_too() -> None:
    fifo: WeightedFifo[int] = WeightedFifo(100)
    for number in range(50):
        fifo.put(f"k{number}", number, 1)
    assert len(fifo.shed(0, 7)) == 7
    assert len(fifo.shed(10, 3)) == 10
    assert len(fifo.shed(1000)) == 33
    assert fifo.shed(1, 1) == []


@pytest.mark.parametrize("how", ["pop", "replaced", "shed from small", "shed from main", "expel", "clear"])
def test_a_place_is_empty_once_its_value_has_left(how: str) -> None:
    fifo: WeightedFifo[int] = WeightedFifo(10)
    if how == "shed from main":
        fifo.restore("a", 1, 10)
    else:
        fifo.put("a", 1, 10)
    place = fifo.place("a")
    assert place is not None
    assert (place.visit(), place.value, fifo.place("b")) == (1, 1, None)
    place.visits = 0
    {
        "pop": lambda: fifo.pop("a"),
        "replaced": lambda: fifo.put("a", 2, 10),
        "shed from small": lambda: fifo.shed(10),
        "shed from main": lambda: fifo.shed(10),
        "expel": lambda: fifo.expel("a"),
        "clear": fifo.clear,
    }[how]()
    assert place.visit() is None
    assert fifo.place("a") is not place
