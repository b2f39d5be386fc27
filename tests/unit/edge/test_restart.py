from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge import restart
from edge.page import SharedPage
from edge.settings import EdgeSettings, NodeSettings


@pytest.fixture
def page(tmp_path: Path) -> Iterator[SharedPage]:
    made = SharedPage.create(tmp_path / "page", workers=1)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restart, "RECYCLE_POLL_SECONDS", 0.001)


async def is_due(page: SharedPage, asked: asyncio.Event, seconds: float, within: float) -> bool:
    try:
        async with asyncio.timeout(within):
            await restart.due(page, asked, seconds)
    except TimeoutError:
        return False
    return True


async def test_a_restart_is_due_when_it_is_asked_for_and_after_an_erasure(page: SharedPage) -> None:
    asked = asyncio.Event()
    assert not await is_due(page, asked, 0.01, 0.1), "nothing was erased"
    page.erased = 3
    assert await is_due(page, asked, 0.01, 20.0)
    assert not await is_due(page, asked, 60.0, 0.05), "what else is erased until then goes with it"
    assert not await is_due(page, asked, 0.0, 0.05), "never"
    page.forgotten = 3
    assert not await is_due(page, asked, 0.01, 0.1), "the oldest worker has begun since"
    asked.set()
    assert await is_due(page, asked, 0.0, 20.0)


def test_only_where_others_serve_and_nobody_waits_for_it_a_worker_takes_its_time_to_leave() -> None:
    node = NodeSettings(recycle_drain_seconds_max=70.0)
    several, alone = EdgeSettings(workers=2, node=node), EdgeSettings(workers=1, node=node)
    assert restart.leave_seconds_max(several, is_asked=False) == 70.0
    assert restart.leave_seconds_max(several, is_asked=True) == 0.0
    assert restart.leave_seconds_max(alone, is_asked=False) == 0.0
