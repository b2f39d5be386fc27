"""The short form of `python -m tests.chaos`, and its control: an edge whose clock hardly moves must be found out."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.chaos.book import Book, Question
from tests.chaos.caller import calling
from tests.chaos.outage import Outage
from tests.chaos.plan import Wanted
from tests.chaos.run import Chaos, Least, path_of
from tests.chaos.viewer import Viewer
from tests.chaos.world import WRONG, jumping, running_world
from tests.infra.told import TOLD
from tests.soak.oracle import Wrong

SEED = 5
"""Its plan meets all kinds but one ending of the origin in the short time."""
LEASE_SECONDS = 2.0
STORM_SECONDS = 4 * LEASE_SECONDS
LEAST = Least(partitions=6, erasures=12, kills=2, stops=2, answers=100)
WANTED = Wanted(seconds=STORM_SECONDS, lease_seconds=LEASE_SECONDS, edges=len(WRONG), partitions_min=LEAST.partitions)
VIEW_PAUSE_SECONDS = 0.03
"""A load, and not all that the machine can do: other tests run beside it."""
SLOW_CLOCK = "0.02:0"
"""A lease lasts fifty times as long on it."""
HIT_SECONDS_MAX = 30.0
OUTAGE_LEASE_SECONDS = 3600.0
"""Longer than a machine that does other things could make it."""
OUTAGE_SLOTS = 30
OUTAGE_ANSWERS = 60
SLOTS = (3, 4)
"""A raw file and a picture."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


async def test_nothing_is_served_after_it_is_said_to_be_fenced_whatever_happens_meanwhile(record_property) -> None:
    async with running_world(lease_seconds=LEASE_SECONDS, clocks=jumping(LEASE_SECONDS)) as world:
        record_property(TOLD, await Chaos(world, SEED, WANTED, LEAST, VIEW_PAUSE_SECONDS).run())


async def test_an_origin_that_is_away_for_less_than_a_lease_is_missed_by_nobody_who_asks_for_what_is_cached(
    record_property,
) -> None:
    """The short form of an outage of 45 s with leases of 120 s: however long it is here, no lease runs out meanwhile."""
    async with running_world(lease_seconds=OUTAGE_LEASE_SECONDS, clocks=("",)) as world:
        outage = Outage(world, SEED, slots=OUTAGE_SLOTS)
        record_property(TOLD, await outage.run(0.0, answers_min=OUTAGE_ANSWERS, recovered_seconds_max=float("inf")))
        assert {sample.tier for sample in outage.samples if sample.is_full} >= {"memory", "disk"}


async def test_an_edge_that_does_not_stop_when_its_lease_is_over_is_found_out() -> None:
    async with running_world(lease_seconds=LEASE_SECONDS, clocks=(SLOW_CLOCK,)) as world:
        book, viewer = Book(), Viewer(HIT_SECONDS_MAX)

        async def ask(slot: int) -> str:
            question = Question(slot, time.monotonic())
            answer = await viewer.ask(world.nodes[0].port, path_of(slot, 100), {})
            return book.check(question, time.monotonic(), path_of(slot, 100), answer)

        async with calling(world.origin) as caller:
            for slot in SLOTS:
                life = book.begin(slot, time.monotonic())
                assert await caller.upload(life.upload)
                assert await ask(slot) == "whole"
            world.relays[0].hold(up=True, down=True)
            async with asyncio.TaskGroup() as group:
                for slot in SLOTS:
                    life = book.lives[slot][-1]
                    life.erasing_at = time.monotonic()
                    group.create_task(caller.erase(life, f"control-{slot}"))
            for slot in SLOTS:
                with pytest.raises(Wrong, match="all that ever had this name had been fenced"):
                    await ask(slot)
        viewer.close()
