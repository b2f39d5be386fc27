"""Certificates are renewed by SIGHUP, over real TLS: new handshakes have the new one, nobody's connection is cut, and files that
will not do change nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import re
import shutil
import signal
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

from tests.infra.authority import Authority
from tests.infra.ports import free_port
from tests.integration.node_process import READY_SECONDS_MAX, Node, picture, until
from tests.integration.origin_process import OriginProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

LOCAL = x509.DNSName("localhost")
HOME = x509.UniformResourceIdentifier("domicile:zone:eu-de")
PATH = "/demo/image/upload/w_30/pic.png"


@dataclass(frozen=True)
class Shown:
    """Where an edge and an origin read what they show, and the authority that signed it."""

    authority: Authority
    certificate: Path
    key: Path

    @classmethod
    def new(cls, directory: Path, authority: Authority, name: str, *names: x509.GeneralName) -> Shown:
        files = authority.issue(f"{name}-first", *names)
        shown = cls(authority, directory / f"{name}.pem", directory / f"{name}.key")
        shown.take(*files)
        return shown

    def take(self, certificate: Path, key: Path) -> None:
        self.certificate.write_bytes(certificate.read_bytes())
        self.key.write_bytes(key.read_bytes())

    @contextlib.contextmanager
    def instead(self, certificate: Path, key: Path):  # type: ignore[no-untyped-def]
        """These files, and in the end what was there before."""
        before = self.certificate.read_bytes(), self.key.read_bytes()
        self.take(certificate, key)
        yield
        self.certificate.write_bytes(before[0])
        self.key.write_bytes(before[1])

    @property
    def serial(self) -> int:
        return x509.load_pem_x509_certificate(self.certificate.read_bytes()).serial_number


class Viewer:
    """One TLS connection, and the certificate that it began under."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        shown = writer.get_extra_info("ssl_object").getpeercert()
        self.serial = int(shown["serialNumber"], 16)
        self.is_over = False

    @classmethod
    async def connected(cls, port: int, trusting: ssl.SSLContext) -> Viewer:
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname="localhost"))

    async def get(self, path: str = PATH) -> int:
        """The status. EOFError when the connection ends before it has said that it does."""
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)Content-Length: (\d+)", head)
        assert length is not None
        await self._reader.readexactly(int(length[1]))
        self.is_over = b"connection: close" in head.lower()
        return int(head.split(b" ")[1])

    def close(self) -> None:
        self._writer.transport.abort()


@dataclass
class Secured:
    """A node that speaks TLS with viewers and mutual TLS with its origin."""

    directory: Path
    authority: Authority
    successor: Authority
    """Signs the node's next certificate; the origin believes both."""
    origin: OriginProcess
    node: Node
    viewers: Shown
    zone: Shown
    wire: Shown

    async def connected(self) -> Viewer:
        trusting = ssl.create_default_context(cafile=self.authority.directory / "authority.pem")
        return await Viewer.connected(self.node.port, trusting)

    async def renewed(self) -> dict[str, str]:
        """What the supervisor says about a SIGHUP."""
        process = self.node.process
        assert process is not None
        assert process.stdout is not None
        process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(READY_SECONDS_MAX):
            return dict(json.loads(await process.stdout.readline()))

    async def origin_says(self, event: str, setting: str, told: Callable[[], None]) -> None:
        def count() -> int:
            lines = self.origin.log.read_text("utf-8").splitlines()
            return sum(event in line and setting in line for line in lines)

        before = count()
        told()
        await until(lambda: count() > before, READY_SECONDS_MAX)

    def tell_origin(self) -> None:
        assert self.origin.process is not None
        self.origin.process.send_signal(signal.SIGHUP)


@asynccontextmanager
async def secured() -> AsyncIterator[Secured]:
    directory = Path(tempfile.mkdtemp(prefix="dom-"))
    authority = Authority.make(directory, "authority")
    viewers = Shown.new(directory, authority, "viewers", LOCAL)
    zone = Shown.new(directory, authority, "zone", HOME)
    wire = Shown.new(directory, authority, "wire", LOCAL)
    trusted = directory / "trusted.pem"
    successor = Authority.make(directory, "successor")
    trusted.write_bytes(b"".join((directory / f"{one}.pem").read_bytes() for one in ("authority", "successor")))
    port = free_port()
    origin = OriginProcess(
        directory,
        {
            "DOMICILE_ORIGIN_WIRE_LISTEN": f"127.0.0.1:{port}",
            "DOMICILE_ORIGIN_WIRE_CERTIFICATE": str(wire.certificate),
            "DOMICILE_ORIGIN_WIRE_KEY": str(wire.key),
            "DOMICILE_ORIGIN_WIRE_AUTHORITY": str(trusted),
        },
    )
    environment = {
        "DOMICILE_EDGE_ORIGIN_BASE": f"https://localhost:{port}",
        "DOMICILE_EDGE_ORIGIN_CA_FILE": str(directory / "authority.pem"),
        "DOMICILE_EDGE_ORIGIN_CERTIFICATE_FILE": str(zone.certificate),
        "DOMICILE_EDGE_ORIGIN_KEY_FILE": str(zone.key),
        "DOMICILE_EDGE_TLS_CERTIFICATE_FILE": str(viewers.certificate),
        "DOMICILE_EDGE_TLS_KEY_FILE": str(viewers.key),
    }
    node = Node(directory, 1, environment)
    try:
        await asyncio.to_thread(origin.start)
        await node.start()
        yield Secured(directory, authority, successor, origin, node, viewers, zone, wire)
    finally:
        await node.stop()
        if origin.process is not None:
            await asyncio.to_thread(origin.stop)
        shutil.rmtree(directory, ignore_errors=True)


async def asking_until_it_is_over(viewer: Viewer) -> list[int]:
    statuses: list[int] = []
    while not viewer.is_over:
        statuses.append(await viewer.get())
        await asyncio.sleep(0.02)  # a load, and not all that the machine can do
    return statuses


async def test_certificates_are_renewed_under_way_and_unfit_ones_change_nothing() -> None:
    async with secured() as node:
        uploader = node.origin.sdk().uploader
        await asyncio.to_thread(uploader.upload, io.BytesIO(picture((9, 90, 200))), public_id="pic")
        kept = await node.connected()
        assert (await kept.get(), kept.serial) == (200, node.viewers.serial)

        # What will not do is refused by name, and whoever is connected, or connects, has what was there.
        ended = node.authority.issue("ended", LOCAL, HOME, hours=-1)
        other = node.authority.issue("other", LOCAL)
        now = node.viewers.serial
        with node.viewers.instead(*ended):
            said = await node.renewed()
            assert said["event"] == "edge_not_restarted"
            assert re.search(r"edge\.tls\.certificate_file: .* \(it ended ", said["reason"])
            assert await kept.get() == 200
            fresh = await node.connected()
            assert (await fresh.get(), fresh.serial) == (200, now)
            fresh.close()
        with node.wire.instead(*ended):
            await node.origin_says("certificate_not_reread", "origin.wire_certificate", node.tell_origin)

        # What will is taken over: by the origin's wire, by the agent, by workers.
        before = node.viewers.serial
        node.viewers.take(*other)
        node.zone.take(*node.successor.issue("zone-next", HOME))
        node.wire.take(*node.authority.issue("wire-next", LOCAL))
        await node.origin_says("certificate_reread", "origin.wire_certificate", node.tell_origin)
        going_on = asyncio.create_task(asking_until_it_is_over(kept))
        said = await node.renewed()
        assert said == {"event": "edge_restarted", "workers": 1}
        statuses = await going_on
        assert set(statuses) == {200}
        assert kept.serial == before
        fresh = await node.connected()
        assert fresh.serial == node.viewers.serial != before

        # From now on the origin believes the new authority alone: who still shows the old certificate is not let in.
        await asyncio.to_thread(node.origin.stop)
        (node.directory / "trusted.pem").write_bytes((node.directory / "successor.pem").read_bytes())
        await asyncio.to_thread(node.origin.start)
        await asyncio.to_thread(node.origin.sdk().uploader.destroy, "pic")

        async def is_gone() -> bool:
            viewer = await node.connected()
            try:
                return await viewer.get() == 404
            finally:
                viewer.close()

        async with asyncio.timeout(READY_SECONDS_MAX):
            while not await is_gone():
                await asyncio.sleep(0.1)
        fresh.close()
