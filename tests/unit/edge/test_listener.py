"""Bounds on connections, over real sockets: who is slow or asks for too much is refused, and the others are served."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.helpers import DEFAULT_CHUNK_SIZE
from aiohttp.web_protocol import MAX_MSG_QUEUE_SIZE

from edge.connection import HEAD_BYTES_MAX
from edge.connection_settings import ConnectionSettings
from edge.delivery_settings import DeliverySettings
from tests.unit.edge.rig import Rig
from tests.unit.edge.test_outgoing import Viewer, value

PATH = "/demo/image/upload/w_10/pic.png"
REQUEST = f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
SECONDS_MAX = 5.0
BUFFER_BYTES = 2 * DEFAULT_CHUNK_SIZE
"""What the HTTP library takes in of a body that nobody reads; with a byte more it stops."""


@asynccontextmanager
async def rig(directory: Path, delivery: DeliverySettings | None = None, **connections: object) -> AsyncIterator[Rig]:
    settings = ConnectionSettings(**connections)  # type: ignore[arg-type]
    async with Rig.open(directory, delivery=delivery, connections=settings) as opened:
        opened.origin.upload("pic", b"one")
        yield opened


class Talk:
    """One connection of a viewer who says very bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, own: Rig) -> Talk:
        return cls(*await asyncio.open_connection("127.0.0.1", own.port))

    async def answer(self, asked: bytes = REQUEST) -> bytes:
        """Head of the answer to one request; its body is read away."""
        self.writer.write(asked)
        async with asyncio.timeout(SECONDS_MAX):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
            await self.reader.readexactly(int(length.split(b":")[1]))
        return head

    async def rest(self) -> bytes:
        """What comes until the server closes; nothing when it resets."""
        with contextlib.suppress(ConnectionError):
            return await asyncio.wait_for(self.reader.read(), SECONDS_MAX)
        return b""


# --- a head that does not come ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("begun", [b"G", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_a_head_that_does_not_end_is_refused(tmp_path: Path, begun: bytes) -> None:
    async with rig(tmp_path, header_seconds_max=0.1) as own:
        talk = await Talk.open(own)
        talk.writer.write(begun)
        said = await talk.rest()
        assert said.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert b"Connection: close\r\n" in said
        assert value(own, "late_requests", part="head") == 1
        talk.writer.close()


async def test_a_head_that_trickles_is_refused_however_often_a_byte_comes(tmp_path: Path) -> None:
    async with rig(tmp_path, header_seconds_max=0.2) as own:
        talk = await Talk.open(own)

        async def trickle() -> None:
            talk.writer.write(b"GET / HTTP/1.1\r\nX-Slow: ")
            while True:
                talk.writer.write(b"x")
                await asyncio.sleep(0.01)

        trickling = asyncio.create_task(trickle())
        await talk.rest()  # the answer, or a reset that overtakes it: more was on its way
        trickling.cancel()
        assert value(own, "late_requests", part="head") == 1
        talk.writer.close()


async def test_a_head_has_its_time_anew_for_each_request_of_a_connection(tmp_path: Path) -> None:
    """Also after hot hits, and after one that came in pieces."""
    async with rig(tmp_path, header_seconds_max=0.5) as own:
        talk = await Talk.open(own)
        for _ in range(4):
            assert b" 200 " in await talk.answer()
        assert own.parts.app.hot.answers
        for _ in range(4):
            talk.writer.write(REQUEST[:20])
            await asyncio.sleep(0.2)
            assert b" 200 " in await talk.answer(REQUEST[20:])
        assert own.viewers._heads == {}
        talk.writer.close()


async def test_who_leaves_in_the_middle_of_a_head_is_forgotten(tmp_path: Path) -> None:
    async with rig(tmp_path) as own:
        talk = await Talk.open(own)
        talk.writer.write(b"GET / HT")
        async with asyncio.timeout(SECONDS_MAX):
            while not own.viewers._heads:
                await asyncio.sleep(0.005)
            talk.writer.close()
            while own.viewers._heads:
                await asyncio.sleep(0.005)


async def test_a_long_answer_is_no_late_head(tmp_path: Path) -> None:
    async with rig(tmp_path, header_seconds_max=0.1) as own:
        own.pool.gate.close()
        talk = await Talk.open(own)
        answer = asyncio.create_task(talk.answer())
        await asyncio.sleep(0.3)
        own.pool.gate.open()
        assert b" 200 " in await answer
        talk.writer.close()


async def test_a_head_too_long_in_all_is_refused_whole_or_not(tmp_path: Path) -> None:
    """Each line of it is as short as it may be."""
    async with rig(tmp_path) as own:
        lines = b"X: " + b"y" * 8000 + b"\r\n"
        for end in (b"\r\n", b""):
            talk = await Talk.open(own)
            talk.writer.write(REQUEST[:-2] + lines * (2 * HEAD_BYTES_MAX // len(lines)) + end)
            said = await talk.rest()
            assert said.startswith(b"HTTP/1.1 400 Bad Request\r\n")
            assert b"Connection: close\r\n" in said
            talk.writer.close()
        talk = await Talk.open(own)
        assert b" 200 " in await talk.answer(REQUEST[:-2] + lines * (HEAD_BYTES_MAX // len(lines) - 1) + b"\r\n")
        assert own.viewers._heads == {}
        talk.writer.close()


# --- what the HTTP library puts off ----------------------------------------------------------------------------------


async def test_more_requests_at_once_than_the_library_takes_are_all_answered(tmp_path: Path) -> None:
    async with rig(tmp_path) as own:
        talk = await Talk.open(own)
        asked = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * (3 * MAX_MSG_QUEUE_SIZE)
        talk.writer.write(asked + b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        said = await talk.rest()
        assert said.count(b"HTTP/1.1 200 OK\r\n") == 3 * MAX_MSG_QUEUE_SIZE + 1
        assert own.viewers._heads == {}
        talk.writer.close()


async def test_a_body_that_fills_the_library_s_buffer_with_its_last_bytes_comes_to_its_end(tmp_path: Path) -> None:
    async with rig(tmp_path) as own:
        asked: asyncio.Future[web.BaseRequest] = asyncio.get_running_loop().create_future()
        goes_on = asyncio.Event()

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            asked.set_result(request)
            await goes_on.wait()
            return web.Response(text=str(len(await request.read())))

        own.viewers._handler = handle
        talk = await Talk.open(own)
        talk.writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (BUFFER_BYTES + 1000))
        talk.writer.write(bytes(BUFFER_BYTES))
        async with asyncio.timeout(SECONDS_MAX):
            content = (await asked).content
            while content.total_bytes < BUFFER_BYTES:
                await asyncio.sleep(0.001)
            talk.writer.write(bytes(1000))  # with these it is full
            while content.total_bytes < BUFFER_BYTES + 1000:
                await asyncio.sleep(0.001)
            goes_on.set()
            await talk.reader.readuntil(b"\r\n\r\n")
            said = b"%d" % (BUFFER_BYTES + 1000)
            assert await talk.reader.readexactly(len(said)) == said
        talk.writer.close()


# --- too many connections, too many requests -------------------------------------------------------------------------


async def test_one_address_has_so_many_connections_and_a_closed_one_makes_room(tmp_path: Path) -> None:
    async with rig(tmp_path, per_address_max=2, trusted_networks=()) as own:
        talks = [await Talk.open(own) for _ in range(2)]
        assert b" 200 " in await talks[0].answer() + await talks[1].answer()
        one_more = await Talk.open(own)
        one_more.writer.write(REQUEST)
        assert await one_more.rest() == b""
        assert value(own, "refused_connections", reason="address") == 1
        talks[0].writer.close()
        async with asyncio.timeout(SECONDS_MAX):
            while list(own.viewers.addresses._open.values()) != [1]:
                await asyncio.sleep(0.005)
        again = await Talk.open(own)
        assert b" 200 " in await again.answer()
        for talk in (talks[1], one_more, again):
            talk.writer.close()


async def test_connections_of_a_proxy_are_not_counted_by_address(tmp_path: Path) -> None:
    async with rig(tmp_path, per_address_max=1) as own:  # loopback is trusted unless something else is set
        talks = [await Talk.open(own) for _ in range(3)]
        for talk in talks:
            assert b" 200 " in await talk.answer()
        for talk in talks:
            talk.writer.close()


async def test_the_last_request_of_a_connection_says_so(tmp_path: Path) -> None:
    async with rig(tmp_path, requests_max=5) as own:
        talk = await Talk.open(own)
        heads = [await talk.answer() for _ in range(5)]
        assert [b"Connection: close" in head for head in heads] == [False] * 4 + [True]
        assert own.parts.app.hot.answers >= 2
        assert await talk.rest() == b""
        talk.writer.close()


# --- a cloud that is asked for too often -----------------------------------------------------------------------------


async def test_a_cloud_that_is_asked_for_too_often_is_told_to_come_again_hot_or_not(tmp_path: Path) -> None:
    delivery = DeliverySettings(tenant_requests_per_second=0.001, tenant_requests_burst=4)
    async with rig(tmp_path, delivery) as own:
        talk = await Talk.open(own)
        heads = [await talk.answer() for _ in range(6)]
        assert [head.split(b" ")[1] for head in heads] == [b"200"] * 4 + [b"429"] * 2
        assert own.parts.app.hot.answers == 2  # the last two that were answered
        assert all(said in heads[-1] for said in (b"Retry-After: 1\r\n", b"no-store", b"X-Cld-Error: "))
        assert value(own, "limited_requests") == 2
        assert b" 404 " in await talk.answer(b"GET /nobody/image/upload/pic.png HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 200 " in await talk.answer(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        talk.writer.close()


# --- a viewer that takes next to nothing -----------------------------------------------------------------------------


async def test_a_viewer_who_takes_a_few_bytes_now_and_then_is_cut_off(tmp_path: Path) -> None:
    async with rig(tmp_path, DeliverySettings(progress_seconds_max=0.3)) as own:
        own.pool.padding = 2 * 1024 * 1024
        viewer = Viewer(own.port)
        await viewer.ask(PATH)

        async def sip() -> None:
            while True:
                await viewer.read(64)
                await asyncio.sleep(0.05)

        sipping = asyncio.create_task(sip())
        async with asyncio.timeout(SECONDS_MAX):
            while not value(own, "slow_viewers"):
                await asyncio.sleep(0.01)
        sipping.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await sipping
        assert len(own.parts.app.responses) == 0  # nothing of it is held any more
        viewer.close()


# --- a drain ---------------------------------------------------------------------------------------------------------


async def test_a_drain_answers_what_is_asked_and_says_that_it_was_the_last(tmp_path: Path) -> None:
    async with rig(tmp_path) as own:
        hot, idle, busy = [await Talk.open(own) for _ in range(3)]
        for _ in range(3):
            assert b"Connection: close" not in await hot.answer()
        own.pool.gate.close()
        answer = asyncio.create_task(busy.answer(REQUEST.replace(b"w_10", b"w_11")))
        await asyncio.wait_for(own.pool.gate.reached.wait(), SECONDS_MAX)
        draining = asyncio.create_task(own.viewers.drain(idle_seconds=SECONDS_MAX, seconds_max=SECONDS_MAX))
        async with asyncio.timeout(SECONDS_MAX):
            while not own.viewers.is_draining:
                await asyncio.sleep(0.001)
        assert b"Connection: close" in await hot.answer()
        assert b"Connection: close" in await idle.answer()
        assert not draining.done()
        own.pool.gate.open()
        assert b" 200 " in await answer
        assert [await talk.rest() for talk in (hot, idle, busy)] == [b"", b"", b""]
        await asyncio.wait_for(draining, SECONDS_MAX)
        for talk in (hot, idle, busy):
            talk.writer.close()


async def test_a_drain_closes_who_asks_nothing_and_waits_no_longer_than_it_may(tmp_path: Path) -> None:
    async with rig(tmp_path) as own:
        idle, busy = [await Talk.open(own) for _ in range(2)]
        await idle.answer()
        own.pool.gate.close()
        busy.writer.write(REQUEST.replace(b"w_10", b"w_11"))
        await asyncio.wait_for(own.pool.gate.reached.wait(), SECONDS_MAX)
        await own.viewers.drain(idle_seconds=0.0, seconds_max=0.3)
        assert await idle.rest() == b""
        assert len(own.viewers.connections) == 1
        own.pool.gate.open()
        for talk in (idle, busy):
            talk.writer.close()
