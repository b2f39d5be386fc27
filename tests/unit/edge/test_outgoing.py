"""What waits for a viewer: bounded, counted, thrown away at a purge; and who is slow is not cut off while he reads."""

from __future__ import annotations

import asyncio
import importlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domicile.media.journal import Kind
from edge.counters import totals
from edge.delivery_settings import DeliverySettings
from edge.outgoing import abort, taken, unsent_bytes, while_it_moves
from edge.store.port import PIECE_BYTES_MAX
from tests.unit.edge.rig import Rig

PATH = "/demo/image/upload/w_10/pic.png"
ON_THE_WAY_BYTES_MAX = 256 * 1024
"""Decisions D.3."""


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig.open(tmp_path) as opened:
        yield opened


async def test_a_tls_connection_that_was_closed_has_nothing_unsent_and_can_be_cut_off() -> None:
    sslproto = importlib.import_module("asyncio.sslproto")
    closed = sslproto._SSLProtocolTransport(asyncio.get_running_loop(), None)  # as `close` leaves it
    assert unsent_bytes(closed) == 0
    await taken(closed)
    abort(closed)
    assert closed.is_closing()


class Viewer:
    """A connection whose reader is this test alone: nothing is read ahead, and the kernel takes little."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.setblocking(False)
        self._port = port

    async def ask(self, path: str, *headers: str) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self._socket, ("127.0.0.1", self._port))
        lines = [f"GET {path} HTTP/1.1", "Host: x", *headers, "", ""]
        await loop.sock_sendall(self._socket, "\r\n".join(lines).encode())

    async def read(self, bytes_max: int) -> bytes:
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._socket, bytes_max), 5)

    async def rest(self) -> tuple[int, bool]:
        """Bytes that still come, and whether the connection was cut."""
        got = 0
        try:
            while piece := await self.read(65536):
                got += len(piece)
        except ConnectionResetError:
            return got, True
        return got, False

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
async def viewer(rig: Rig) -> AsyncIterator[Viewer]:
    opened = Viewer(rig.port)
    yield opened
    opened.close()


def connections(rig: Rig) -> list[asyncio.Transport]:
    return [connection.transport for connection in rig.viewers.connections if connection.transport is not None]


async def still(rig: Rig) -> int:
    """What is on its way once no more of it moves."""
    before, now = -1, 0
    while before != now or not now:
        await asyncio.sleep(0.05)
        before, now = now, sum(unsent_bytes(transport) for transport in connections(rig))
    return now


@pytest.mark.parametrize("padding", [60_000, 700_000, 8_000_000])
@pytest.mark.parametrize("closes", [False, True])
async def test_a_purge_throws_away_what_a_viewer_has_not_taken_however_small_it_is(
    rig: Rig, viewer: Viewer, padding: int, closes: bool
) -> None:
    asset = rig.origin.upload("pic", b"one")
    rig.pool.padding = padding
    await rig.get(PATH)
    await viewer.ask(PATH, *(("Connection: close",) if closes else ()))
    assert await still(rig) <= ON_THE_WAY_BYTES_MAX
    await rig.entry(Kind.ASSET, aids=(asset.aid,))
    await asyncio.sleep(0)
    assert connections_with_bytes(rig) == []
    got, was_cut = await viewer.rest()
    assert was_cut
    assert got < padding


def connections_with_bytes(rig: Rig) -> list[asyncio.Transport]:
    return [transport for transport in connections(rig) if not transport.is_closing() and unsent_bytes(transport)]


async def test_a_purge_leaves_a_connection_alone_whose_viewer_has_everything(rig: Rig) -> None:
    asset = rig.origin.upload("pic", b"one")
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
    writer.write(f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await reader.readuntil(b"one|w_10|")
    await rig.entry(Kind.ASSET, aids=(asset.aid,))
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await asyncio.wait_for(reader.readuntil(b"alive"), 5)).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_a_purge_of_one_picture_leaves_the_viewers_of_others_alone(rig: Rig, viewer: Viewer) -> None:
    rig.origin.upload("pic", b"one")
    other = rig.origin.upload("other", b"two")
    rig.pool.padding = 60_000
    await viewer.ask(PATH, "Connection: close")
    await still(rig)
    await rig.entry(Kind.ASSET, aids=(other.aid,))
    got, was_cut = await viewer.rest()
    assert (was_cut, got > 60_000) == (False, True)


@pytest.fixture
async def idle(tmp_path: Path) -> AsyncIterator[tuple[Rig, Viewer]]:
    """A connection whose time is over, and whose viewer has not taken his picture yet."""
    async with Rig.open(tmp_path, delivery=DeliverySettings(keepalive_seconds=0.2)) as rig:
        rig.origin.upload("pic", b"one")
        rig.pool.padding = 60_000
        viewer = Viewer(rig.port)
        await viewer.ask(PATH)
        async with asyncio.timeout(5):
            while not rig.viewers._leaving:
                await asyncio.sleep(0.01)
        yield rig, viewer
        viewer.close()


async def test_a_viewer_who_is_not_done_when_his_connection_is_over_gets_the_rest(idle: tuple[Rig, Viewer]) -> None:
    rig, viewer = idle
    got, was_cut = await viewer.rest()
    assert (was_cut, got > 60_000) == (False, True)
    await asyncio.wait_for(rig.viewers.left(5), 5)
    assert not rig.viewers._leaving


async def test_a_purge_reaches_a_connection_that_is_over(idle: tuple[Rig, Viewer]) -> None:
    rig, viewer = idle
    await rig.entry(Kind.ASSET, aids=(rig.origin.assets["upload/pic"].aid,))
    got, was_cut = await viewer.rest()
    assert (was_cut, got < 60_000) == (True, True)


async def test_a_stop_waits_for_what_is_on_its_way(rig: Rig, viewer: Viewer) -> None:
    rig.origin.upload("pic", b"one")
    rig.pool.padding = 60_000
    await viewer.ask(PATH)
    await still(rig)
    async with asyncio.TaskGroup() as group:
        stopping = group.create_task(rig.viewers.shutdown(0.1))
        rest = group.create_task(viewer.rest())
        await stopping
        await rig.viewers.left(5)
    got, was_cut = rest.result()
    assert (was_cut, got > 60_000) == (False, True)


async def test_who_takes_nothing_of_a_connection_that_is_over_is_cut_off(tmp_path: Path) -> None:
    delivery = DeliverySettings(keepalive_seconds=0.1, progress_seconds_max=0.3)
    async with Rig.open(tmp_path, delivery=delivery) as rig:
        rig.origin.upload("pic", b"one")
        rig.pool.padding = 60_000
        viewer = Viewer(rig.port)
        await viewer.ask(PATH)
        async with asyncio.timeout(5):
            while not rig.viewers._leaving:
                await asyncio.sleep(0.01)
            while rig.viewers._leaving:
                await asyncio.sleep(0.01)
        got, was_cut = await viewer.rest()
        assert (was_cut, got < 60_000) == (True, True)
        viewer.close()


async def test_a_viewer_who_reads_slowly_gets_everything(tmp_path: Path) -> None:
    """Its pieces take longer than the progress time-out: what counts is that bytes move."""
    async with Rig.open(tmp_path, delivery=DeliverySettings(progress_seconds_max=0.4)) as rig:
        rig.origin.upload("pic", b"one")
        rig.pool.padding = 4 * PIECE_BYTES_MAX
        viewer = Viewer(rig.port)
        await viewer.ask(PATH, "Connection: close")
        got = 0
        while piece := await viewer.read(4096):
            got += len(piece)
            await asyncio.sleep(0.02)
        viewer.close()
        assert got > 4 * PIECE_BYTES_MAX
        await asyncio.sleep(0)
        assert (value(rig, "slow_viewers"), value(rig, "aborted_responses")) == (0, 0)


async def test_waiting_ends_when_nothing_moves() -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await while_it_moves(None, never, taken, progress_seconds_max=0.01)


async def test_a_viewer_who_leaves_or_is_slow_sent_no_malformed_request(tmp_path: Path) -> None:
    async with Rig.open(tmp_path, delivery=DeliverySettings(progress_seconds_max=0.2)) as rig:
        rig.origin.upload("pic", b"one")
        rig.pool.padding = 8_000_000
        leaver, sleeper = Viewer(rig.port), Viewer(rig.port)
        await leaver.ask(PATH)
        await leaver.read(1000)
        leaver.close()
        await sleeper.ask(PATH)
        async with asyncio.timeout(5):
            while value(rig, "slow_viewers") == 0 or len(rig.parts.app.responses):
                await asyncio.sleep(0.01)
        sleeper.close()
        assert value(rig, "requests", route="other") == 0
        assert value(rig, "aborted_responses") == 0


def value(rig: Rig, name: str, **labels: str) -> float:
    points = [point for point in totals([rig.link.slot.counters]) if point.name == name]
    return sum(point.value for point in points if labels.items() <= point.labels.items())
