from __future__ import annotations

import asyncio

import pytest

from domicile.media.errors import Overloaded
from domicile.service.line import TURNED_AWAY, Line
from domicile.service.turns import TurnLimits

from .conftest import Counted


def line(counted: Counted, *, seconds_max: float = 5.0, **limits: int) -> Line:
    bounds = {"turns": 1, "cost_max": 10, "waiting_max": 10, "waiting_tenant_max": 10, **limits}
    return Line(TurnLimits(**bounds), seconds_max=seconds_max, complaint="Too many", observer=counted)


class Job:
    """Takes a turn, says so, and holds it until it is told."""

    def __init__(self, group: asyncio.TaskGroup, to: Line, tenant: str, cost: int = 1) -> None:
        self.go, self.began = asyncio.Event(), asyncio.Event()
        self.refused: str | None = None
        self.task = group.create_task(self._run(to, tenant, cost))

    async def _run(self, to: Line, tenant: str, cost: int) -> None:
        try:
            async with to.turn(tenant, cost):
                self.began.set()
                await self.go.wait()
        except Overloaded as refused:
            self.refused = refused.message


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_turn_is_given_on_and_the_wait_is_told() -> None:
    counted = Counted()
    async with asyncio.TaskGroup() as group:
        to = line(counted)
        first, second = Job(group, to, "a"), Job(group, to, "b")
        await settled()
        assert (to.working, to.waiting, second.began.is_set()) == (1, 1, False)
        await asyncio.sleep(0.02)
        first.go.set()
        await second.began.wait()
        second.go.set()
    assert (to.working, to.waiting) == (0, 0)
    assert counted.waits[0] < 0.02 <= counted.waits[1]
    assert counted.depths[-1] == 0


async def test_one_that_is_cancelled_while_it_waits_gives_its_place_up() -> None:
    async with asyncio.TaskGroup() as group:
        to = line(Counted())
        first, second, third = Job(group, to, "a"), Job(group, to, "a"), Job(group, to, "a")
        await settled()
        second.task.cancel()
        await settled()
        assert to.waiting == 1
        first.go.set()
        third.go.set()
        await third.began.wait()
    assert (to.working, to.waiting) == (0, 0)


async def test_one_that_is_cancelled_the_moment_it_gets_its_turn_gives_that_on() -> None:
    async with asyncio.TaskGroup() as group:
        to = line(Counted())
        first, second, third = Job(group, to, "a"), Job(group, to, "a"), Job(group, to, "a")
        await settled()
        first.go.set()
        await asyncio.sleep(0)  # the turn is the second's, which has not run yet
        second.task.cancel()
        third.go.set()
        await asyncio.wait_for(third.began.wait(), 1)
    assert not second.began.is_set()
    assert (to.working, to.waiting) == (0, 0)


async def test_one_that_waits_too_long_is_told_so() -> None:
    counted = Counted()
    async with asyncio.TaskGroup() as group:
        to = line(counted, seconds_max=0.02)
        first, second = Job(group, to, "a"), Job(group, to, "b")
        await second.task
        first.go.set()
    assert second.refused == "Too many"
    assert counted.turned_away == {"late": 1}


async def test_the_flooder_is_refused_and_nobody_else() -> None:
    counted = Counted()
    async with asyncio.TaskGroup() as group:
        to = line(counted, waiting_max=4, waiting_tenant_max=3)
        flood = [Job(group, to, "flood") for _ in range(6)]
        others = [Job(group, to, "b"), Job(group, to, "c")]
        await settled()
        assert [job.refused for job in others] == [None, None]
        assert counted.turned_away == {"tenant": 2, "displaced": 1}
        for job in (*flood, *others):
            job.go.set()
    assert sum(job.began.is_set() for job in flood) == 3
    assert all(job.began.is_set() for job in others)
    assert counted.turned_away.keys() <= set(TURNED_AWAY)


async def test_an_error_in_a_turn_ends_it() -> None:
    to = line(Counted())
    with pytest.raises(ZeroDivisionError):
        async with to.turn("a"):
            raise ZeroDivisionError
    async with to.turn("a"):
        assert to.working == 1
