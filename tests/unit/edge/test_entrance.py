"""The sockets of a node: no connection is lost when a worker ends, and none begins when the node does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509

from domicile.service.settings import BadSetting
from edge.bounds import bounds_of
from edge.connection_settings import ConnectionSettings
from edge.counters import Counters, totals
from edge.entrance import Entrance, entrance, standing_in
from edge.listener import Listener
from edge.page import COUNTERS_MAX
from edge.passthrough.settings import PassthroughSettings
from edge.settings import EdgeSettings, TlsSettings
from edge.sockets import VIEWERS, Sockets
from edge.worker import viewers_tls
from tests.infra.authority import Authority

SECONDS_MAX = 5.0
TRIES = 40
"""Connections that certainly meet both sockets of two."""
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def settings_of(directory: Path, **changes: object) -> EdgeSettings:
    return EdgeSettings(data_dir=directory, listen="127.0.0.1:0", workers=2, **changes)  # type: ignore[arg-type]


@asynccontextmanager
async def worker(
    settings: EdgeSettings, sockets: Sockets, slot: int, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Entrance]:
    """It says its number."""

    async def handle(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=str(slot))

    counters = Counters(memoryview(bytearray(8 * COUNTERS_MAX)).cast("q"))
    listener = Listener(handle, counters=counters, region="eu-de", bounds=bounds_of(settings))
    async with entrance(listener, tls) as opened:
        await opened.open(sockets.by_entrance[VIEWERS], slot)
        yield opened


async def answers(port: int, tries: int = TRIES) -> Counter[str]:
    """How often which worker answers."""

    async def ask() -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        try:
            return (await reader.read()).decode()[-1:]
        finally:
            writer.close()

    async with asyncio.timeout(SECONDS_MAX):
        return Counter([await ask() for _ in range(tries)])


async def test_who_listens_answers_for_who_does_not(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    listening = {0, 1}
    with Sockets.opened(settings) as sockets:
        async with worker(settings, sockets, 0) as first, standing_in([first], lambda: listening, 2):
            async with worker(settings, sockets, 1) as second:
                assert set(await answers(sockets.port)) == {"0", "1"}
                second.close()  # connections to its socket wait there
                waiting = asyncio.create_task(answers(sockets.port))
                await asyncio.sleep(0.02)
                listening.remove(1)
                assert await waiting == {"0": TRIES}
            listening.add(1)
            async with worker(settings, sockets, 1):
                async with asyncio.timeout(SECONDS_MAX):
                    while len(first._servers) > 1:  # its own alone
                        await asyncio.sleep(0.01)
                assert set(await answers(sockets.port)) == {"0", "1"}


async def test_where_the_kernel_takes_no_filter_a_node_ends_all_the_same(tmp_path: Path) -> None:
    with Sockets.opened(settings_of(tmp_path)) as sockets:
        sockets.close()  # such a socket takes none, either
        sockets.refuse_new()


async def test_a_node_that_ends_lets_nobody_in_and_answers_who_is_there(tmp_path: Path) -> None:
    settings, loop = settings_of(tmp_path), asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        sockets = stack.enter_context(Sockets.opened(settings))
        for slot in range(2):
            (own,) = sockets.by_entrance[VIEWERS]
            own[slot].listen()
        early, late = socket.socket(), socket.socket()
        for one in (early, late):
            stack.callback(one.close)
            one.setblocking(False)
        await loop.sock_connect(early, ("127.0.0.1", sockets.port))
        sockets.refuse_new()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await loop.sock_connect(late, ("127.0.0.1", sockets.port))
        for slot in range(2):
            await stack.enter_async_context(worker(settings, sockets, slot))
        await loop.sock_sendall(early, REQUEST)
        assert (await asyncio.wait_for(loop.sock_recv(early, 100), SECONDS_MAX)).startswith(b"HTTP/1.1 200")
        port = sockets.port
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


def test_a_process_that_inherits_sockets_has_the_same_ones(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    routes = (f"localhost:{free}=http://127.0.0.1:1",)
    settings = settings_of(tmp_path, passthrough=PassthroughSettings(routes=routes))
    with Sockets.opened(settings) as sockets:
        said: dict[str, list[list[int]]] = json.loads(sockets.described())
        assert {number for addresses in said.values() for slots in addresses for number in slots} == set(
            sockets.descriptors
        )
        copied = {
            name: [[os.dup(number) for number in slots] for slots in addresses] for name, addresses in said.items()
        }
        inherited = Sockets.inherited(json.dumps(copied))
        assert inherited.port == sockets.port
        assert {one.getsockname()[1] for slots in inherited.by_entrance["0"] for one in slots} == {free}
        inherited.close()
        with pytest.raises(BadSetting, match=r"edge\.passthrough\.routes"), Sockets.opened(settings):
            raise AssertionError("one address twice")


async def test_handshakes_of_one_address_are_counted_before_there_is_a_connection(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path, "authority")
    files = authority.issue("edge", x509.DNSName("localhost"))
    settings = settings_of(tmp_path, connections=ConnectionSettings(handshakes_per_address_max=1, trusted_networks=()))
    context = ssl.create_default_context(cafile=tmp_path / "authority.pem")
    tls = viewers_tls(TlsSettings(certificate_file=files[0], key_file=files[1]))
    with Sockets.opened(settings) as sockets:
        async with worker(settings, sockets, 0, tls) as opened:

            async def ask() -> bytes:
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", sockets.port, ssl=context, server_hostname="localhost"
                )
                writer.write(REQUEST)
                try:
                    return await reader.read()
                finally:
                    writer.close()

            assert (await ask()).endswith(b"\r\n\r\n0")
            _, silent = await asyncio.open_connection("127.0.0.1", sockets.port)
            async with asyncio.timeout(SECONDS_MAX):
                with pytest.raises(OSError):
                    while True:  # until the silent one is in its handshake
                        await ask()
            words = opened.listener.counters._words
            refused = [
                (one.labels["reason"], one.value) for one in totals([words]) if one.name == "refused_connections"
            ]
            assert refused == [("full", 0), ("address", 1)]
            silent.close()
            async with asyncio.timeout(SECONDS_MAX):
                while True:
                    with contextlib.suppress(OSError):
                        assert (await ask()).endswith(b"\r\n\r\n0")
                        break


def test_files_for_tls_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    assert viewers_tls(TlsSettings()) is None
    with pytest.raises(BadSetting, match=r"^edge\.tls\.certificate_file: "):
        viewers_tls(TlsSettings(certificate_file=tmp_path / "none.pem"))
    with pytest.raises(BadSetting, match=r"^edge\.tls\.key_file: needs"):
        settings_of(tmp_path, tls=TlsSettings(key_file=tmp_path / "key.pem")).validate()
