"""When a worker listens."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import cast

from edge.link import NodeLink
from edge.page import boottime_ns
from edge.worker import _caught_up

HOUR_NS = 3600 * 10**9


@dataclass
class PlayedPage:
    lease_deadline_ns: int


@dataclass
class PlayedLink:
    """Has everything after it was asked so often."""

    page: PlayedPage
    behind: int
    asked: list[bool] = field(default_factory=list)

    def serving(self) -> bool:
        self.asked.append(len(self.asked) >= self.behind)
        return self.asked[-1]


async def caught_up(link: PlayedLink) -> list[bool]:
    await asyncio.wait_for(_caught_up(cast("NodeLink", link)), 5)
    return link.asked


async def test_a_worker_waits_until_it_has_caught_up_with_the_journal() -> None:
    leased = PlayedPage(boottime_ns() + HOUR_NS)
    assert await caught_up(PlayedLink(leased, behind=3)) == [False, False, False, True]


async def test_without_a_lease_it_has_nothing_to_wait_for() -> None:
    assert await caught_up(PlayedLink(PlayedPage(boottime_ns() - 1), behind=3)) == [False]
