"""TLS at our listeners: who has not finished a handshake holds nothing for long, and not many may try at once."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from domicile.service.settings import BadSetting
from domicile.service.tls import Acceptor, HandshakeBounds, load, server_context
from tests.infra.authority import Authority

SETTING = "edge.tls.certificate_file"
SECONDS_MAX = 5.0
LOOPBACK = x509.IPAddress(ip_address("127.0.0.1"))


class Hello(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport) or hasattr(transport, "write")
        transport.write(b"hello")
        transport.close()


class Door:
    """A listener whose certificate is of `authority`, and its clients."""

    def __init__(self, directory: Path, **bounds: Any) -> None:
        self.authority = Authority.make(directory, "authority")
        self.files = self.authority.issue("one", LOOPBACK)
        self.context = server_context(*self.files, setting=SETTING)
        self.trusting = ssl.create_default_context(cafile=directory / "authority.pem")
        self.full = 0
        self._bounds = HandshakeBounds(**{"seconds_max": SECONDS_MAX, "at_once_max": 8, "full": self._count, **bounds})

    def _count(self) -> None:
        self.full += 1

    def open(self) -> None:
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        self.acceptor = Acceptor(listening, Hello, self.context, self._bounds)

    async def greeted(self, context: ssl.SSLContext | None = None) -> tuple[bytes, str | None, int]:
        """What it says, the protocol agreed on, the number of its certificate."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context or self.trusting)
        try:
            tls = writer.get_extra_info("ssl_object")
            return await reader.read(), tls.selected_alpn_protocol(), int(tls.getpeercert()["serialNumber"], 16)
        finally:
            writer.close()

    async def silent(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Somebody who connects and says nothing."""
        return await asyncio.open_connection("127.0.0.1", self.port)


Story = Callable[[Door], Awaitable[None]]


def play(door: Door, story: Story, run: Callable[[Any], Any]) -> None:
    async def whole() -> None:
        door.open()
        try:
            async with asyncio.timeout(2 * SECONDS_MAX):
                await story(door)
        finally:
            door.acceptor.close()
            await asyncio.sleep(0.01)

    run(whole())


LOOPS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


@LOOPS
def test_a_client_is_greeted_over_tls_of_today_and_no_other(tmp_path: Path, run: Any) -> None:
    async def story(door: Door) -> None:
        door.trusting.set_alpn_protocols(["h2", "http/1.1"])
        said, agreed, _ = await door.greeted()
        assert (said, agreed) == (b"hello", "http/1.1")
        old = ssl.create_default_context(cafile=tmp_path / "authority.pem")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(OSError):
            await door.greeted(old)
        reader, writer = await door.silent()
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        with suppress(ConnectionError):
            assert b"hello" not in await reader.read()
        writer.close()
        assert door.context.minimum_version == ssl.TLSVersion.TLSv1_2
        assert door.context.options & ssl.OP_NO_RENEGOTIATION

    play(Door(tmp_path), story, run)


@LOOPS
def test_handshakes_beyond_the_most_at_once_are_closed_and_slow_ones_end(tmp_path: Path, run: Any) -> None:
    async def story(door: Door) -> None:
        began = asyncio.get_running_loop().time()
        held = [await door.silent() for _ in range(2)]
        while door.acceptor.handshakes < 2:
            await asyncio.sleep(0.01)
        reader, writer = await door.silent()
        with suppress(ConnectionError):
            assert await reader.read() == b""  # at once, and long before the others' time is over
        writer.close()
        assert (door.full, door.acceptor.handshakes) == (1, 2)
        for reader, writer in held:
            with suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
        while door.acceptor.handshakes:
            await asyncio.sleep(0.01)
        assert asyncio.get_running_loop().time() - began < 2
        assert (await door.greeted())[0] == b"hello"

    play(Door(tmp_path, at_once_max=2, seconds_max=0.3), story, run)


def test_who_has_too_many_is_not_let_in_and_others_are(tmp_path: Path) -> None:
    asked: list[str | None] = []
    left: list[bytes] = []

    def admit(address: str | None) -> bytes | None:
        asked.append(address)
        return None if len(asked) == 1 else b"client"

    async def story(door: Door) -> None:
        with pytest.raises(OSError):
            await door.greeted()
        assert (await door.greeted())[0] == b"hello"
        assert (asked, left) == (["127.0.0.1", "127.0.0.1"], [b"client"])

    play(Door(tmp_path, admit=admit, leave=left.append), story, asyncio.run)


@LOOPS
def test_new_files_hold_for_new_handshakes_and_bad_ones_change_nothing(tmp_path: Path, run: Any) -> None:
    async def story(door: Door) -> None:
        certificate, key = door.files
        before = (await door.greeted())[2]
        kept = certificate.read_bytes()
        certificate.write_bytes(door.authority.issue("two", LOOPBACK)[0].read_bytes())  # and not its key
        with pytest.raises(BadSetting, match=r"^edge\.tls\.certificate_file: "):
            load(door.context, certificate, key, setting=SETTING)
        assert (await door.greeted())[2] == before
        certificate.write_bytes(kept)
        load(door.context, *door.authority.issue("three", LOOPBACK), setting=SETTING)
        said, _, now = await door.greeted()
        assert said == b"hello"
        assert now != before

    play(Door(tmp_path), story, run)


def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"^edge\.tls\.certificate_file: .*nothing\.pem.* cannot be used"):
        server_context(tmp_path / "nothing.pem", None, setting=SETTING)


class Terminal(ssl.SSLContext):
    """OpenSSL asks at the terminal for a password that it is not given, and all would wait for somebody there."""

    def load_cert_chain(self, certfile: Any, keyfile: Any = None, password: Any = None) -> None:
        assert password is not None
        super().load_cert_chain(certfile, keyfile, password)


def test_a_key_under_a_password_is_refused_and_nobody_is_asked(tmp_path: Path) -> None:
    certificate, key = Authority.make(tmp_path, "authority").issue("one", LOOPBACK)
    load(Terminal(ssl.PROTOCOL_TLS_SERVER), certificate, key, setting=SETTING)
    private = load_pem_private_key(key.read_bytes(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    with pytest.raises(BadSetting, match=r"^edge\.tls\.certificate_file: "):
        load(Terminal(ssl.PROTOCOL_TLS_SERVER), certificate, locked, setting=SETTING)
