"""TLS at a listener of ours: TLS 1.2 or newer, handshakes bounded in time and number, certificates that can be read anew.

    context = server_context(certificate, key, setting="origin.certificate_file")
    acceptor = Acceptor(socket, protocol_factory, context, bounds)     # as a server of asyncio, with bounds on handshakes
    acceptor.close()

A handshake costs more than a request, and whoever begins one is nobody yet: those that are under way have limits of their own, of all
and of one client, and connections beyond them are closed at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from domicile.service.settings import blamed

BACKLOG = 1024
SHUTDOWN_SECONDS_MAX = 2.0
"""How long the other side may take to confirm the end of TLS."""
EXHAUSTED_SECONDS = 0.1
"""Pause of a listener when the process has no descriptor left."""

NO_PASSWORD = ""
"""Given, so that a key that is under one is refused: OpenSSL would ask at the terminal, and all would wait."""

Protocols = Callable[[], asyncio.BaseProtocol]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandshakeBounds:
    """Of one listener in one process."""

    seconds_max: float
    at_once_max: int
    full: Callable[[], None] = lambda: None
    """Told of each that is one too many of all."""
    admit: Callable[[str | None], bytes | None] = lambda address: b""
    """Told the client's address; None refuses, anything else is given back to `leave`."""
    leave: Callable[[bytes], None] = lambda client: None


def server_context(certificate: Path, key: Path | None, *, setting: str) -> ssl.SSLContext:
    """`setting` names the certificate's, for the message. Raises BadSetting for files that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # TLS 1.2: a handshake that no bound counts
    context.set_alpn_protocols(["http/1.1"])
    load(context, certificate, key, setting=setting)
    return context


def load(context: ssl.SSLContext, certificate: Path, key: Path | None, *, setting: str) -> None:
    """For handshakes from now on; connections keep what they began with. Raises BadSetting, and nothing is changed then."""
    with blamed(setting, certificate, "PEM files, as is the key's"):
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, NO_PASSWORD)
        context.load_cert_chain(certificate, key, NO_PASSWORD)


class Acceptor:
    """Accepts from a socket that it owns, and hands protocols to connections whose handshake is done."""

    def __init__(
        self, listening: socket.socket, protocols: Protocols, context: ssl.SSLContext, bounds: HandshakeBounds
    ) -> None:
        listening.setblocking(False)
        listening.listen(BACKLOG)
        self._socket = listening
        self._protocols = protocols
        self._context = context
        self._bounds = bounds
        self._loop = asyncio.get_running_loop()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._accepting = self._loop.create_task(self._accept())

    @property
    def handshakes(self) -> int:
        """Under way."""
        return len(self._handshakes)

    def close(self) -> None:
        """Accept nothing more; handshakes under way may end."""
        self._accepting.cancel()
        self._accepting.add_done_callback(lambda _: self._socket.close())

    async def _accept(self) -> None:
        while True:
            try:
                connected, address = await self._loop.sock_accept(self._socket)
            except OSError as failed:
                if failed.errno != errno.ECONNABORTED:
                    await asyncio.sleep(EXHAUSTED_SECONDS)
                continue
            client = self._admitted(address[0] if isinstance(address, tuple) else None)
            if client is None:
                connected.close()
                continue
            task = self._loop.create_task(self._handshake(connected, client))
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)

    def _admitted(self, address: str | None) -> bytes | None:
        if len(self._handshakes) >= self._bounds.at_once_max:
            self._bounds.full()
            return None
        return self._bounds.admit(address)

    async def _handshake(self, connected: socket.socket, client: bytes) -> None:
        try:
            with contextlib.suppress(OSError):  # of TLS, of time, of the connection: the loop has closed it
                await self._loop.connect_accepted_socket(
                    self._protocols,
                    connected,
                    ssl=self._context,
                    ssl_handshake_timeout=self._bounds.seconds_max,
                    ssl_shutdown_timeout=SHUTDOWN_SECONDS_MAX,
                )
        finally:
            self._bounds.leave(client)
