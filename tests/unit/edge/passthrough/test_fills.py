from __future__ import annotations

import asyncio

import pytest
import structlog

from domicile.media.errors import Overloaded
from domicile.service.tasks import Background
from edge.passthrough.fill import Fill
from edge.passthrough.fills import Fills
from edge.passthrough.memory import Memory


async def test_so_many_are_under_way_and_the_next_one_is_refused_until_one_is_over() -> None:
    go_on = {key: asyncio.Event() for key in ("/a", "/b", "/c")}

    async def fetch(fill: Fill) -> None:
        await go_on[fill.key].wait()

    async with Background(structlog.get_logger()) as background:
        fills = Fills(background, memory=Memory(0), fills_max=2, unshared_seconds=1.0)
        fills.start("/a", (), fetch)
        fills.start("/b", (), fetch, alone=True)
        with pytest.raises(Overloaded):
            fills.start("/c", (), fetch)
        go_on["/a"].set()
        while len(fills) > 1:
            await asyncio.sleep(0)
        fills.start("/c", (), fetch)
        assert len(fills) == 2
