from __future__ import annotations

import asyncio

import pytest

from domicile.media.errors import Overloaded
from origin.catalogue import search_building
from origin.catalogue.search_building import Building, Told


def test_what_a_change_has_told_since_is_not_fresh_and_what_it_told_before_is() -> None:
    told = Told()
    told.note(["a", "b"], 7)
    told.note(["b"], 9)
    assert told.fresh(["a", "b", "c"], 6) == [False, False, True]
    assert told.fresh(["a", "b", "c"], 8) == [True, False, True]
    assert told.fresh(["a", "b", "c"], 9) == [True, True, True]


def test_more_than_can_be_remembered_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_building, "TOLD_MAX", 2)
    told = Told()
    told.note(["a", "b", "c"], 7)
    assert told.fresh(["x"], 6) is None
    assert told.fresh(["x"], 7) == [True]


async def test_who_asks_waits_for_its_own_cloud_and_not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    building = Building()
    building.begin(["large", "small"])
    building.expect(4)
    building.advance(1)
    waiting = asyncio.create_task(building.outwait("small"))
    await asyncio.sleep(0)
    building.end("small")
    await waiting
    await building.outwait("other")
    monkeypatch.setattr(search_building, "BUILDING_SECONDS_MAX", 0.0)
    with pytest.raises(Overloaded, match=r"being built \(25 % of all assets\): try again"):
        await building.outwait("large")
    building.end("large")
    await building.outwait("large")
    assert (building.left, building.share) == ((), 1.0)


async def test_no_more_wait_for_an_index_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_building, "WAITING_MAX", 1)
    building = Building()
    building.begin(["a"])
    first = asyncio.create_task(building.outwait("a"))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await building.outwait("a")
    building.end("a")
    await first
