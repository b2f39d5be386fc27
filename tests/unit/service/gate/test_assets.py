from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from domicile.media.policy import Activity, Place, Preset, ResidencyPolicy, decide
from domicile.service.gate.assets import AssetClient, AssetLimits, AssetRequest, Busy
from domicile.service.http1 import Broken, NotConnected
from edge.passthrough.statement import permit_to_fetch
from tests.infra.assets import AssetOrigin, response
from tests.infra.ports import free_port

PERMIT = permit_to_fetch("eu-de", clock=time.time)


@pytest.fixture
async def origin() -> AsyncIterator[AssetOrigin]:
    one = AssetOrigin(script=lambda *_: asyncio.sleep(0))
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    yield one
    server.close()


def client(origin: AssetOrigin, **limits: float) -> AssetClient:
    return AssetClient(f"http://127.0.0.1:{origin.port}", AssetLimits(**limits))  # type: ignore[arg-type]


async def get(one: AssetClient, **more: object) -> bytes:
    request = AssetRequest(method="GET", target="/", fields=(), **more)  # type: ignore[arg-type]
    async with one.exchange(PERMIT, request) as answer:
        return b"".join([piece async for piece in answer.pieces()])


async def test_a_permit_for_anything_else_is_refused(origin: AssetOrigin) -> None:
    policy = ResidencyPolicy(tenant="demo", version=1, preset=Preset.GLOBAL, zones={Activity.INGRESS_FETCH: ("world",)})
    permit = decide(policy, Activity.INGRESS_FETCH, Place(name="x", region="eu-de"), at=0.0)
    with pytest.raises(TypeError):
        async with client(origin).exchange(permit, AssetRequest(method="GET", target="/", fields=())):  # type: ignore[arg-type]
            pass
    assert origin.connections == 0


async def test_a_connection_is_used_again_and_not_for_too_long(origin: AssetOrigin) -> None:
    origin.says(response())
    one = client(origin, idle_seconds_max=0.2)
    for _ in range(3):
        assert await get(one) == b"hello"
    assert origin.connections == 1
    await asyncio.sleep(0.3)
    await get(one)
    assert origin.connections == 2
    one.close()


@pytest.mark.parametrize("fields", [{"Keep-Alive": "timeout=1"}, {"Connection": "close"}])
async def test_the_origin_may_say_that_a_connection_is_over(origin: AssetOrigin, fields: dict[str, Any]) -> None:
    origin.says(response(**fields))
    one = client(origin)
    await get(one)
    await get(one)
    assert origin.connections == 2
    one.close()


async def test_a_connection_that_was_left_in_the_middle_is_not_used_again(origin: AssetOrigin) -> None:
    origin.says(response(b"x" * 1000))
    one = client(origin)
    async with one.exchange(PERMIT, AssetRequest(method="GET", target="/", fields=())):
        pass
    await get(one)
    assert origin.connections == 2
    one.close()


@pytest.mark.parametrize("closes", [False, True])
async def test_an_origin_that_wants_no_more_of_a_body_is_heard(closes: bool) -> None:
    over = asyncio.Event()

    async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
        writer.write(response(b"no", status="413 Content Too Large"))
        await writer.drain()
        if closes:
            writer.write_eof()
        await over.wait()
        writer.transport.abort()
        over.clear()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(64 * 1024)
            await asyncio.sleep(0)

    server = await asyncio.start_server(refuses, "127.0.0.1", 0)
    one = AssetClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", AssetLimits())
    asked = AssetRequest(method="POST", target="/", fields=(), body=endless())
    async with asyncio.timeout(10), one.exchange(PERMIT, asked) as answer:
        assert (answer.head.status, [piece async for piece in answer.pieces()]) == (413, [b"no"])
    assert not one._idle
    over.set()
    async with asyncio.timeout(10):
        while over.is_set():
            await asyncio.sleep(0.001)
    server.close()


async def test_connections_are_counted(origin: AssetOrigin) -> None:
    origin.says(response())
    one = client(origin, connections_max=1)
    async with one.exchange(PERMIT, AssetRequest(method="GET", target="/", fields=())):
        with pytest.raises(Busy):
            await get(one)
    assert await get(one) == b"hello"
    one.close()


async def test_nobody_there() -> None:
    for base in (f"http://127.0.0.1:{free_port()}", "unix:/nowhere/at/all"):
        with pytest.raises(NotConnected):
            await get(AssetClient(base, AssetLimits()))


async def test_a_switch_of_protocols_and_endless_interim_responses_are_broken(origin: AssetOrigin) -> None:
    for head in (b"HTTP/1.1 101 X\r\n\r\n", b"HTTP/1.1 103 X\r\n\r\n" * 100):
        origin.says(head)
        with pytest.raises(Broken):
            await get(client(origin))


async def test_a_unix_socket_serves_as_well(tmp_path: Path) -> None:
    one = AssetOrigin(script=lambda *_: asyncio.sleep(0))
    one.says(response())
    async with await asyncio.start_unix_server(one.serve, tmp_path / "s"):
        here = AssetClient(f"unix:{tmp_path / 's'}", AssetLimits())
        assert await get(here) == b"hello"
        here.close()
    assert one.seen[0].fields["host"] == "origin"
