from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from structlog.testing import capture_logs

from domicile.service.gate.assets import AssetClient, AssetLimits, AssetRequest
from edge.passthrough import owner as module
from edge.passthrough.fetch import Fetcher
from edge.passthrough.owner import TOLD_AT_ONCE_MAX, Neighbours
from edge.passthrough.statement import permit_to_fetch
from tests.infra.assets import AssetOrigin, Seen, response


class PlayedFetcher:
    """Of which neighbours need a permit alone."""

    def permit(self) -> object:
        return permit_to_fetch("eu-de", clock=time.time)


@asynccontextmanager
async def two(directory: Path) -> AsyncIterator[tuple[Neighbours, AssetOrigin]]:
    """A worker of two, and the other one's socket, which this test answers. One request may be handed over at a time."""
    other = AssetOrigin(script=lambda *_: asyncio.sleep(0))
    other.says(response(b"", status="204 No Content"))
    async with AsyncExitStack() as stack:
        server = await asyncio.start_unix_server(other.serve, str(directory / "other.sock"))
        stack.callback(server.close)
        clients = [
            AssetClient(f"unix:{directory / 'other.sock'}", AssetLimits(connections_max=most, idle_seconds_max=0.1))
            for most in (1, TOLD_AT_ONCE_MAX)
        ]
        for client in clients:
            stack.callback(client.close)
        fetcher = cast("Fetcher", PlayedFetcher())
        yield Neighbours(name="0", own=0, clients={1: clients[0]}, tellers={1: clients[1]}, fetcher=fetcher), other


def of_the_other(neighbours: Neighbours, count: int) -> tuple[str, ...]:
    return tuple(target for number in range(200) if neighbours.owner(target := f"/{number}") == 1)[:count]


async def test_a_change_is_told_although_no_request_more_can_be_handed_over(tmp_path: Path) -> None:
    async with two(tmp_path) as (neighbours, other):
        held = asyncio.Event()

        async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
            if seen.method == "GET":
                await held.wait()
            writer.write(response(b"", status="204 No Content"))

        other.script = script

        async def hands_over() -> None:
            asked = AssetRequest(method="GET", target="/", fields=())
            async with neighbours.clients[1].exchange(neighbours.fetcher.permit(), asked):
                pass

        busy = asyncio.ensure_future(hands_over())
        targets = of_the_other(neighbours, 3 * TOLD_AT_ONCE_MAX)
        await asyncio.gather(*(neighbours.drop((target,)) for target in targets))
        assert sorted(one.target for one in other.seen if one.method == "PURGE") == sorted(targets)
        held.set()
        await busy


async def test_one_who_does_not_take_it_in_time_is_no_error_and_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TELL_SECONDS_MAX", 0.05)
    async with two(tmp_path) as (neighbours, other):
        never = asyncio.Event()

        async def script(_: Seen, __: asyncio.StreamWriter) -> None:
            await never.wait()

        other.script = script
        with capture_logs() as logs:
            await neighbours.drop(of_the_other(neighbours, 1))
        assert [(line["event"], line["reason"]) for line in logs] == [("neighbour_not_told", "TimeoutError")]
        never.set()
